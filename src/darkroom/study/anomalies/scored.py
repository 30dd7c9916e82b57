"""The scores of one detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkroom.detect.evaluation.threshold import from_normals
from darkroom.measure.ranking import auroc

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """One detector's scores of its training images, of normal validation images, and of test images of both kinds."""

    train: Floats
    val: Floats
    test: Floats
    anomalous: NDArray[np.bool_]
    """Which of the test images are."""

    @property
    def area(self) -> float:
        """How often an anomalous test image outscores a normal one (AUROC)."""
        return float(auroc(self.anomalous, self.test)[0])

    def threshold(self, false_alarms: float, *, of: str = "val") -> float:
        """Return the threshold that promises this rate, if `of` names held-out normal images."""
        return from_normals(getattr(self, of), false_alarms).value

    def flagged(self, false_alarms: float, *, of: str = "val") -> tuple[float, float]:
        """Return the shares of normal and of anomalous test images above the threshold."""
        above = self.test > self.threshold(false_alarms, of=of)
        return float(above[~self.anomalous].mean()), float(above[self.anomalous].mean())
