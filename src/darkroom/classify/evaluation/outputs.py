"""What an evaluation starts from, the outputs of a network for every view of the images, and what it results in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.classify.config import Merge
from darkroom.data.store import Store
from darkroom.measure.bootstrap import Interval, intervals, without_flat
from darkroom.randomness import derive

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
NO_VALIDATION = "no labeled validation images to learn weights from, so all views have equal weight"


@dataclass(frozen=True)
class Outputs:
    """The outputs for labeled images of the validation and the test split; of V views, the plain image comes first."""

    store: Store
    link: str
    val: Labels  # rows of the store, maybe none
    test: Labels
    held_out: NDArray[np.float32]  # (N_val, V, K), K outputs: classes, labels or numbers
    plain: NDArray[np.float32]  # (N_test, K)
    looks: NDArray[np.float32] | None  # (N_test, V, K); None without test-time augmentation
    names: list[str]  # of the V views
    merge: Merge
    resamples: int
    seed: int
    costs: Floats | None = None  # (K, K) of true and predicted classes

    def intervals(self, statistic: Callable[[Floats], Mapping[str, Floats]], **how: Any) -> dict[str, Interval]:
        """Return a statistic of the test images with bootstrap intervals, all from the same draws; `how` as in `intervals`.

        Bounds that coincide are left out.
        """
        generator = np.random.default_rng(derive(self.seed, "bootstrap"))
        return without_flat(intervals(statistic, len(self.test), resamples=self.resamples, generator=generator, **how))


@dataclass(frozen=True)
class Evaluation:
    """What was measured, ready to be written.

    `metrics` is metrics.json, `predictions` has one row per test image, `logged` are the metrics of MLflow, and `draw` writes
    figures and further tables into a folder.
    """

    metrics: dict[str, Any]
    predictions: pd.DataFrame
    logged: dict[str, float]
    draw: Callable[[Path], None]
