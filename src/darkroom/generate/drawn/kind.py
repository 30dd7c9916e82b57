"""What generators draw, by the kind of samples: a plug-in of kind `drawn samples`, named like the kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray
from torch import Tensor

from darkroom.data.store import Store
from darkroom.generate.evaluation.spaces import FeatureExtractor, JudgeClassifier

SHOWN = 10
"""Samples per class that a figure shows, of those kept and of those rejected."""
Samples = NDArray[Any]
Shown = tuple[int, Samples, Samples]
"""A class, and samples of it that were kept and rejected."""


class Drawn(Protocol):
    """Samples of one kind, from a generator to files."""

    def stored(self, samples: Tensor) -> Samples:
        """Return what a generator drew as a store holds it."""

    def space(self, judge: JudgeClassifier, store: Store) -> FeatureExtractor:
        """Return the features that distances between samples are measured in."""

    def show(self, store: Store, rows: NDArray[Any], drawn: Sequence[Shown], *, data: Path, path: Path) -> None:
        """Draw a figure of training samples, these `rows`, of those kept and of those rejected; `data` is the store's folder."""

    def write(
        self, batches: Iterable[Samples], labels: Sequence[str | None], *, model: Path, folder: Path, name: str
    ) -> str:
        """Write samples into a folder with a table `name` of them and their classes, None without; say what was written.

        `model` is the folder of the generator.
        """
