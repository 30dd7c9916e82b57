"""Batches of labeled and unlabeled images for semi-supervised training.

Views are counted, not images: a step makes one view of each labeled image and several of each unlabeled one, and as many in
all as `training.batch_size`. An epoch makes as many views as the training split has images, so that it costs what an epoch
of supervised training on all of them would; the images that it shows rotate from epoch to epoch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.fit.batches import Batches
from darkroom.randomness import derive

UNKNOWN = -1
"""The label of an image that has none."""


class SemiBatches(Batches):
    """Batches whose labeled images come first; unlabeled ones have negative labels.

    The label is -1, or -2 - k for an image whose class k was hidden for an experiment, which serves the accuracy of
    pseudo-labels and nothing else.
    """

    def __init__(
        self,
        labeled: Batches,
        rows: NDArray[np.int64],
        hidden: NDArray[np.int64],
        *,
        views: int,
        ratio: float,
    ) -> None:
        """Add the `rows` without a label, of the pool that `labeled` draws from. `hidden` are their classes, -1 if unknown.

        `ratio` is the number of unlabeled images per labeled one, `views` that of views of each.
        """
        self.known = labeled.items
        images, ratio = self.known + len(rows), min(ratio, len(rows) / self.known)
        first = max(1, round(labeled.batch_size / (1 + views * ratio)))
        second = max(1, (labeled.batch_size - first) // views)
        self.parts = first, second
        self.steps = max(1, images // (first + views * second))
        super().__init__(
            labeled.pool,
            [*np.split(labeled.rows, labeled.firsts[1:]), *rows[:, None]],
            np.concatenate([labeled.labels, np.where(hidden >= 0, -2 - hidden, UNKNOWN)]),
            batch_size=first + second,
            seed=labeled.seed,
        )
        self.sampling = labeled.sampling

    @property
    def items(self) -> int:
        """Images per epoch, labeled and unlabeled."""
        return self.steps * sum(self.parts)

    def draw(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw this epoch's items, batch by batch, and the row of the pool that shows each."""
        assert self.seed is not None, "training batches have a seed"
        generator = np.random.default_rng(derive(self.seed, "epoch", self.epoch))
        labels, (first, second) = self.labels[: self.known], self.parts
        unlabeled = np.arange(self.known, len(self.labels))
        drawn: list[Any] = [
            _rounds(lambda: self.sampling(labels, generator), self.steps * first).reshape(self.steps, first),
            _rounds(lambda: generator.permutation(unlabeled), self.steps * second).reshape(self.steps, second),
        ]
        order = np.concatenate(drawn, axis=1).ravel()
        variant = generator.integers(0, self.counts[order])
        return order, self.rows[self.firsts[order] + variant]


def _rounds(draw: Any, count: int) -> NDArray[np.int64]:
    """Return `count` items of as many rounds as they need."""
    found: list[NDArray[np.int64]] = []
    while sum(map(len, found)) < count:
        found.append(draw())
    return np.concatenate(found)[:count]
