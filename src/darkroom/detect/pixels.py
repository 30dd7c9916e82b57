"""Pixel metrics of anomaly maps by image-wise histograms, so that no map has to be kept."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.measure.bootstrap import Floats, Interval, intervals
from darkroom.measure.ranking import Curve, area, curve, mean_precision

LOWEST, OCTAVES, STEPS = -20, 32, 128
LEVELS = OCTAVES * STEPS
"""Map values are counted in steps of 0.5 %, from 2**-20 to 2**12; what is beyond counts into the last level there."""

FALSE_LIMIT = 0.3
"""The per-region overlap is averaged up to this false positive rate (Bergmann et al. 2021)."""

Counted = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Levels of the map, each with a number of pixels."""


class PixelCounts:
    """How many anomalous and how many normal pixels of each image, and of each anomalous region, have which level."""

    def __init__(self) -> None:
        self.rows: list[Counted] = []
        """Of each image; anomalous pixels of a level are counted `LEVELS` further."""
        self.regions: list[tuple[int, Counted]] = []
        """The image of each connected anomalous region, and the region's own counts."""
        self.left_out = 0
        """Anomalous images of which it is not known where the anomaly is."""

    def add(self, values: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """One image: its map (H, W) of values of at least 0, and where it is anomalous."""
        with np.errstate(divide="ignore"):
            level = np.clip((np.log2(values) - LOWEST) * STEPS, 0, LEVELS - 1).astype(np.int64)
        if mask.any():
            found, region = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
            self.regions += [(len(self.rows), _counted(level[region == number])) for number in range(1, found)]
        self.rows.append(_counted((level + LEVELS * mask).ravel()))

    def metrics(self, *, resamples: int, generator: np.random.Generator) -> dict[str, Interval] | Interval:
        """Over pixels: `auroc`, `average_precision`, `best_iou`, and `aupro`, in which every region weighs the same.

        Resampled are images, as the pixels of one are no separate evidence. The best IoU is that of the threshold which
        suits these very masks, so it is an optimistic number.
        """
        used = np.unique(np.concatenate([place for place, _ in self.rows] or [np.empty(0, np.int64)]))
        positive, levels = used >= LEVELS, used % LEVELS
        if not positive.any():
            return {"value": None, "reason": "no test image has a mask with anomalous pixels"}
        table = np.zeros((len(self.rows), len(used)))
        for row, (place, pixels) in zip(table, self.rows, strict=True):
            row[np.searchsorted(used, place)] = pixels
        images = np.array([image for image, _ in self.regions], np.int64)
        overlaps = self._overlaps(np.unique(levels))

        def statistic(weights: Floats) -> dict[str, Any]:
            found = curve(positive, levels, weights @ table)
            return {
                "auroc": area(found),
                "average_precision": mean_precision(found),
                "aupro": area_of_overlap(found, weights[:, images], overlaps),
                "best_iou": (found.true / (found.true[:, -1:] + found.false)).max(1),
            }

        return intervals(statistic, len(table), resamples=resamples, generator=generator)

    def _overlaps(self, levels: NDArray[np.int64]) -> Floats:
        """The share of each region (G, S) at or above each of these rising levels, from the highest down."""
        shares = np.zeros((len(self.regions), len(levels)))
        for row, (_, (place, pixels)) in zip(shares, self.regions, strict=True):
            row[np.searchsorted(levels, place)] = pixels / pixels.sum()
        return shares[:, ::-1].cumsum(1)


def area_of_overlap(found: Curve, weights: Floats, overlaps: Floats, limit: float = FALSE_LIMIT) -> Floats:
    """AUPRO (R,): the mean overlap of regions, averaged over false positive rates from 0 to a limit (Bergmann et al. 2021).

    `weights` (R, G) of the regions, `overlaps` (G, S) at the thresholds of the curve. NaN without a normal pixel or a
    region.
    """
    with np.errstate(invalid="ignore"):
        overlap = weights @ overlaps / weights.sum(1, keepdims=True)
        false = found.false / found.false[:, -1:]
    areas = np.empty(len(overlap))
    for row, (x, y) in enumerate(zip(false, overlap, strict=True)):
        x, y = np.append(0.0, x), np.append(0.0, y)
        inside = x < limit
        ends = np.append(x[inside], limit), np.append(y[inside], np.interp(limit, x, y))
        areas[row] = np.trapezoid(ends[1], ends[0]) / limit
    return areas


def _counted(levels: NDArray[np.int64]) -> Counted:
    counts = np.bincount(levels, minlength=1)
    used = np.flatnonzero(counts)
    return used, counts[used]
