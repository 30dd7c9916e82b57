"""Pixel metrics of anomaly maps from histograms that are summed up for every resample: no map and no image's counts are kept."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.measure.bootstrap import Floats, Interval, percentile_intervals
from darkroom.measure.ranking import Curve, area, curve, mean_precision

LOWEST, OCTAVES, STEPS = -20, 32, 128
LEVELS = OCTAVES * STEPS
"""Map values are counted in steps of 0.5 %, from 2**-20 to 2**12; what is beyond counts into the last level there."""

FALSE_LIMIT = 0.3
"""The per-region overlap is averaged up to this false positive rate (Bergmann et al. 2021)."""

HELD = 32
"""Images whose counts are kept until they are added to the sums, and resamples that are evaluated at a time."""

NORMAL, ANOMALOUS, REGION = range(3)


class PixelCounts:
    """How many normal and how many anomalous pixels have which level, and what share of the anomalous regions.

    Resampled are images, as the pixels of one are no separate evidence. Each image is drawn for all resamples when it is
    added, so that the memory does not grow with their number: `resamples` times 100 kB. Every test image is to be added
    or left out, `images` in all.
    """

    def __init__(self, images: int, *, resamples: int, generator: np.random.Generator) -> None:
        self.to_come, self.generator = images, generator
        self.undrawn = np.full(resamples, images)
        self.sums = np.zeros((3, 1 + resamples, LEVELS))  # the images as they are, then the resamples
        self.regions = np.zeros(1 + resamples)
        self.held: list[tuple[Floats, Floats]] = []
        self.added = self.left_out = 0

    def add(self, values: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """One image: its map (H, W) of values of at least 0, and where it is anomalous."""
        with np.errstate(divide="ignore"):
            level = np.clip((np.log2(values) - LOWEST) * STEPS, 0, LEVELS - 1).astype(np.int64)
        counts = np.zeros((3, LEVELS))
        counts[NORMAL] = np.bincount(level[~mask], minlength=LEVELS)
        weights = self._draw()
        if mask.any():
            counts[ANOMALOUS] = np.bincount(level[mask], minlength=LEVELS)
            found, region = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
            sizes = np.bincount(region.ravel())
            counts[REGION] = np.bincount(level[mask], 1 / sizes[region[mask]], minlength=LEVELS)
            self.regions += weights * (found - 1)
        self.held.append((weights, counts))
        self.added += 1
        if len(self.held) == HELD:
            self._sum()

    def leave_out(self) -> None:
        """One anomalous image of which it is not known where the anomaly is."""
        self._draw()
        self.left_out += 1

    def metrics(self) -> dict[str, Interval] | Interval:
        """Over pixels: `auroc`, `average_precision`, `best_iou`, and `aupro`, in which every region weighs the same.

        The best IoU is that of the threshold which suits these very masks, so it is an optimistic number. In place of them
        the reason where pixels of one kind are missing.
        """
        if self.to_come:
            raise ValueError(f"{self.to_come} images fewer were added than were announced")
        self._sum()
        normal, anomalous = self.sums[NORMAL, 0].any(), self.sums[ANOMALOUS, 0].any()
        if not anomalous:
            return {"value": None, "reason": "no test image has a mask with anomalous pixels"}
        if not normal:
            return {"value": None, "reason": "the masks of the test images leave no pixel normal"}
        used = np.flatnonzero(self.sums[:, 0].any(0))
        parts = [self._metrics(slice(start, start + HELD), used) for start in range(0, len(self.regions), HELD)]
        return percentile_intervals({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})

    def _metrics(self, rows: slice, used: NDArray[np.int64]) -> dict[str, Any]:
        """The metrics (R,) of some of the resamples; `used` are the levels that any pixel has."""
        normal, anomalous, shares = self.sums[:, rows][..., used]
        kinds = np.repeat([False, True], len(used))
        found = curve(kinds, np.tile(used, 2), np.concatenate([normal, anomalous], 1))
        with np.errstate(invalid="ignore"):  # 0 / 0 in a resample without an anomaly
            overlap = shares[:, ::-1].cumsum(1) / self.regions[rows, None]
            iou = found.true / (found.true[:, -1:] + found.false)
        return {
            "auroc": area(found),
            "average_precision": mean_precision(found),
            "aupro": area_of_overlap(found, overlap),
            "best_iou": iou.max(1),
        }

    def _draw(self) -> Floats:
        """How often each resample holds the next image: (1 + R,), the first of them once.

        By conditional binomials, which together are the multinomial of draws with replacement.
        """
        if not self.to_come:
            raise ValueError("more images were added than were announced")
        drawn = self.generator.binomial(self.undrawn, 1 / self.to_come)
        self.undrawn -= drawn
        self.to_come -= 1
        return np.append(1.0, drawn)

    def _sum(self) -> None:
        if not self.held:
            return
        weights, counts = (np.stack(parts) for parts in zip(*self.held, strict=True))  # (B, 1 + R), (B, 3, LEVELS)
        self.held.clear()
        for kind, of_kind in enumerate(counts.swapaxes(0, 1)):
            there = np.flatnonzero(of_kind.any(0))
            if len(there):
                levels = slice(there[0], there[-1] + 1)
                self.sums[kind, :, levels] += weights.T @ of_kind[:, levels]


def area_of_overlap(found: Curve, overlap: Floats, limit: float = FALSE_LIMIT) -> Floats:
    """AUPRO (R,): the mean overlap of regions, averaged over false positive rates from 0 to a limit (Bergmann et al. 2021).

    `overlap` (R, S) is that mean at the thresholds of the curve. NaN without a normal pixel or a region.
    """
    with np.errstate(invalid="ignore"):
        false = found.false / found.false[:, -1:]
    areas = np.empty(len(overlap))
    for row, (x, y) in enumerate(zip(false, overlap, strict=True)):
        x, y = np.append(0.0, x), np.append(0.0, y)
        inside = x < limit
        ends = np.append(x[inside], limit), np.append(y[inside], np.interp(limit, x, y))
        areas[row] = np.trapezoid(ends[1], ends[0]) / limit
    return areas
