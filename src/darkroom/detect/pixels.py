"""Pixel metrics of anomaly maps by image-wise histograms, so that no map has to be kept."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.bootstrap import Floats, Interval, intervals
from darkroom.measure.ranking import area, curve, mean_precision

LOWEST, OCTAVES, STEPS = -20, 32, 128
LEVELS = OCTAVES * STEPS
"""Map values are counted in steps of 0.5 %, from 2**-20 to 2**12; what is beyond counts into the last level there."""


class PixelCounts:
    """How many anomalous and how many normal pixels of each image have which level of the map."""

    def __init__(self) -> None:
        self.rows: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []  # an image's levels and their pixels
        self.left_out = 0
        """Anomalous images of which it is not known where the anomaly is."""

    def add(self, values: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """One image: its map (H, W) of values of at least 0, and where it is anomalous."""
        with np.errstate(divide="ignore"):
            level = np.clip((np.log2(values) - LOWEST) * STEPS, 0, LEVELS - 1).astype(np.int64)
        counts = np.bincount((level + LEVELS * mask).ravel(), minlength=2 * LEVELS)
        used = np.flatnonzero(counts)
        self.rows.append((used, counts[used]))

    def metrics(self, *, resamples: int, generator: np.random.Generator) -> dict[str, Interval] | Interval:
        """AUROC and average precision over pixels; resampled are images, as the pixels of one are no separate evidence."""
        used = np.unique(np.concatenate([place for place, _ in self.rows] or [np.empty(0, np.int64)]))
        positive, levels = used >= LEVELS, used % LEVELS
        if not positive.any():
            return {"value": None, "reason": "no test image has a mask with anomalous pixels"}
        table = np.zeros((len(self.rows), len(used)))
        for row, (place, pixels) in zip(table, self.rows, strict=True):
            row[np.searchsorted(used, place)] = pixels

        def statistic(weights: Floats) -> dict[str, Any]:
            found = curve(positive, levels, weights @ table)
            return {"auroc": area(found), "average_precision": mean_precision(found)}

        return intervals(statistic, len(table), resamples=resamples, generator=generator)
