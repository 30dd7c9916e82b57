"""From which score on an image is called anomalous: set on validation images, never on those of the test."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom import files
from darkroom.detect.evaluation.overlay import Scale
from darkroom.measure.ranking import curve

THRESHOLD = "threshold.json"
TAIL, FEWEST = 0.1, 10
"""The extreme-value fit is to this share of the largest scores, and to no fewer than so many."""


class Threshold(NamedTuple):
    """Scores above `value` are flagged; `rule` says in words how it was set."""

    value: float
    rule: str


class Judge(NamedTuple):
    """What it takes to judge new images as an evaluation judged its test images."""

    value: float
    rule: str
    weights: str
    """The sha256 of the detector's weights, which the threshold belongs to."""
    colors: Scale | None
    """Of heat maps, where the detector makes them."""

    def save(self, folder: Path) -> None:
        """Write it into the folder of an evaluation."""
        colors = self.colors and self.colors._asdict()
        files.write_json(folder / THRESHOLD, {**self._asdict(), "colors": colors})


def read_judge(folder: Path) -> Judge:
    """What the folder of an evaluation says. Raises FileNotFoundError when none was ever made to its end there."""
    if not (folder / THRESHOLD).is_file():
        raise FileNotFoundError(f"{folder} holds no {THRESHOLD}: detect evaluate has not run or did not finish")
    found = files.read_json(folder / THRESHOLD)
    colors = found.pop("colors")
    return Judge(**found, colors=colors and Scale(**colors))


def from_normals(scores: NDArray[np.float64], false_alarms: float) -> Threshold:
    """The threshold that flags on average at most the share `false_alarms` of new normal images.

    Of n held-out normal images' scores it is the one of rank ceil((1 - false_alarms)(n + 1)), the conservative one of
    split conformal prediction (Vovk et al. 2005); with too few of them the largest. Raises ValueError for no scores.
    """
    items = len(scores)
    if not items:
        raise ValueError("a threshold needs scores of normal validation images; set data.split.val above 0")
    rank = math.ceil((1 - false_alarms) * (items + 1) - 1e-9)
    ordered = np.sort(scores)
    if rank > items:
        needed = math.ceil(1 / false_alarms - 1 - 1e-9)
        return Threshold(
            float(ordered[-1]),
            f"the largest score of the {items} normal validation images, which are too few to promise a false-alarm rate "
            f"of {100 * false_alarms:.3g} % (that takes {needed}): up to {100 / (items + 1):.2g} % is to be expected",
        )
    return Threshold(
        float(ordered[rank - 1]),
        f"the score of rank {rank} of the {items} normal validation images, which at most {100 * false_alarms:.3g} % of new "
        "normal images are expected to exceed",
    )


def from_tail(scores: NDArray[np.float64], false_alarms: float) -> Threshold:
    """The threshold that the share `false_alarms` of new normal images exceeds if their largest scores are Pareto.

    A generalised Pareto distribution is fitted to what the largest tenth of the scores has above the rest (peaks over
    threshold, Pickands 1975), by probability-weighted moments (Hosking & Wallis 1987): it reaches beyond the largest score
    seen, where a quantile cannot. Raises ValueError for no scores.
    """
    if len(scores) < 2 * FEWEST:
        found = from_normals(scores, false_alarms)
        return Threshold(
            found.value, f"{found.rule}; they are too few for an extreme-value fit, which takes {2 * FEWEST}"
        )
    ordered = np.sort(scores)
    tail = max(math.ceil(TAIL * len(ordered)), FEWEST)
    start = float(ordered[-tail - 1])
    above = ordered[-tail:] - start
    mean = float(above.mean())
    weighted = float(((tail - np.arange(1, tail + 1)) / (tail - 1) * above).mean())
    if mean <= 0 or mean == 2 * weighted:
        return from_normals(scores, false_alarms)  # no tail: the largest scores are all alike
    shape, scale = 2 - mean / (mean - 2 * weighted), 2 * mean * weighted / (mean - 2 * weighted)
    share = false_alarms * len(ordered) / tail
    if share >= 1:
        return from_normals(scores, false_alarms)  # the quantile lies below the tail
    reach = -math.log(share) if abs(shape) < 1e-9 else (share**-shape - 1) / shape
    return Threshold(
        start + scale * reach,
        f"an extreme-value fit to the {tail} largest scores of the {len(ordered)} normal validation images, by which "
        f"{100 * false_alarms:.3g} % of new normal images exceed it",
    )


def from_labels(scores: NDArray[np.float64], unusual: NDArray[np.bool_]) -> Threshold:
    """The threshold with the largest F1 on validation images of both kinds, halfway to the next lower score.

    Raises ValueError when there are no anomalies among them.
    """
    if not unusual.any() or unusual.all():
        kind = "anomalous" if not unusual.any() else "normal"
        raise ValueError(
            f"detect.threshold: best_f1 needs labels, but no validation image is {kind}; set it to quantile"
        )
    found = curve(unusual, scores)
    f1 = 2 * found.true[0] / (found.true[0] + found.false[0] + unusual.sum())
    best = int(f1.argmax())
    lower = found.thresholds[min(best + 1, len(f1) - 1)]
    value = (found.thresholds[best] + lower) / 2 if best + 1 < len(f1) else np.nextafter(lower, -np.inf)
    return Threshold(
        float(value),
        f"the best F1, {f1[best]:.3f}, on {int((~unusual).sum())} normal and {int(unusual.sum())} anomalous validation images",
    )
