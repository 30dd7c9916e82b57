"""Pixel metrics of anomaly maps from histograms, accumulated for every bootstrap resample without keeping any map."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom.measure.bootstrap import Floats, Interval, percentile_intervals
from darkroom.measure.ranking import Curve, area, curve, mean_precision

LOWEST, OCTAVES, STEPS = -20, 32, 128
LEVELS = OCTAVES * STEPS
"""Bins per map value: steps of 0.5 % from 2**-20 to 2**12; values beyond fall into the first or last bin."""

FALSE_LIMIT = 0.3
"""False positive rate up to which the per-region overlap is integrated (Bergmann et al. 2021)."""

HELD = 32
"""Images whose counts are buffered, and resamples evaluated at a time."""

NORMAL, ANOMALOUS, REGION = range(3)


class PixelCounts:
    """Histograms of normal pixels, anomalous pixels and anomalous regions over map values.

    The bootstrap resamples images, since pixels of one image are not independent. Each image's multiplicity in every resample
    is drawn as it is added, so memory depends on `resamples` only, at 100 kB each. Add or leave out every test image, `images`
    in all.
    """

    def __init__(self, images: int, *, resamples: int, generator: np.random.Generator) -> None:
        self.to_come, self.generator = images, generator
        self.undrawn = np.full(resamples, images)
        self.sums = np.zeros((3, 1 + resamples, LEVELS))  # the original sample, then the resamples
        self.regions = np.zeros(1 + resamples)
        self.held: list[tuple[Floats, Floats]] = []
        self.added = self.left_out = 0

    def add(self, values: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
        """Add an image: its map (H, W) of non-negative values and the mask of its anomalous pixels."""
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
        """Leave out an anomalous image whose anomalous pixels are unknown."""
        self._draw()
        self.left_out += 1

    def metrics(self) -> dict[str, Interval] | Interval:
        """Return `auroc`, `average_precision`, `best_iou` and `aupro`, which weights all regions equally.

        The best IoU is optimistic: its threshold is chosen on the same masks. If pixels of one kind are missing, returns the
        reason instead.
        """
        if self.to_come:
            raise ValueError(f"got {self.to_come} images fewer than announced")
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
        """Return the metrics (R,) of some resamples; `used` are the bins that are not empty."""
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
        """Draw the multiplicity of the next image: (1 + R,), 1 in the original sample.

        Conditional binomials, which together form the multinomial of sampling with replacement.
        """
        if not self.to_come:
            raise ValueError("got more images than announced")
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
    """Return AUPRO (R,): the mean per-region overlap, averaged over false positive rates up to a limit (Bergmann et al. 2021).

    `overlap` (R, S) is that mean at the thresholds of the curve. NaN without normal pixels or regions.
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
