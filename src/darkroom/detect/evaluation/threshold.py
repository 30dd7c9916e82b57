"""The score above which an image is flagged: set on validation images, never on test images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom import files
from darkroom.measure.ranking import curve
from darkroom.overlay import Scale

THRESHOLD = "threshold.json"
TAIL, FEWEST = 0.1, 10
"""The extreme-value fit uses this share of the largest scores, and at least this many."""


class Threshold(NamedTuple):
    """Scores above `value` are flagged; `rule` says in words how it was set."""

    value: float
    rule: str


class OperatingPoint(NamedTuple):
    """What new images are flagged by: the threshold, and the weights and color scale that belong to it."""

    value: float
    rule: str
    weights: str
    """The sha256 of the detector's weights."""
    colors: Scale | None
    """Of heat maps, if the detector makes them."""

    def save(self, folder: Path) -> None:
        """Write it to an evaluation's folder."""
        colors = self.colors and self.colors._asdict()
        files.write_json(folder / THRESHOLD, {**self._asdict(), "colors": colors})


def read_operating_point(folder: Path, weights: str) -> OperatingPoint:
    """Read it from an evaluation's folder, for a detector with the sha256 `weights`.

    Raises FileNotFoundError if no evaluation has finished there, and ValueError if it is of other weights.
    """
    if not (folder / THRESHOLD).is_file():
        raise FileNotFoundError(f"{folder} has no {THRESHOLD}: detect evaluate has not run or did not finish")
    found = files.read_json(folder / THRESHOLD)
    colors = found.pop("colors")
    if found["weights"] != weights:
        raise ValueError(
            f"the threshold in {folder} belongs to other weights than those of the model; run detect evaluate again"
        )
    return OperatingPoint(**found, colors=colors and Scale(**colors))


def from_normals(scores: NDArray[np.float64], false_alarms: float) -> Threshold:
    """Return the threshold that flags on average at most the share `false_alarms` of new normal images.

    Among the scores of n held-out normal images it is the one of rank ceil((1 - false_alarms)(n + 1)), the conservative
    choice of split conformal prediction (Vovk et al. 2005), or the largest if they are too few. Raises ValueError for no
    scores.
    """
    items = len(scores)
    if not items:
        raise ValueError("the threshold needs scores of normal validation images; set data.split.val above 0")
    rank = math.ceil((1 - false_alarms) * (items + 1) - 1e-9)
    ordered = np.sort(scores)
    if rank > items:
        needed = math.ceil(1 / false_alarms - 1 - 1e-9)
        return Threshold(
            float(ordered[-1]),
            f"the largest score of the {items} normal validation images, too few to guarantee a false-alarm rate of "
            f"{100 * false_alarms:.3g} %, which needs {needed}; expect up to {100 / (items + 1):.2g} %",
        )
    return Threshold(
        float(ordered[rank - 1]),
        f"the score of rank {rank} among the {items} normal validation images, which at most {100 * false_alarms:.3g} % of new "
        "normal images are expected to exceed",
    )


def from_tail(scores: NDArray[np.float64], false_alarms: float) -> Threshold:
    """Return the threshold that the share `false_alarms` of new normal images exceeds if their scores have a Pareto tail.

    A generalized Pareto distribution is fitted to the excesses of the largest tenth of the scores (peaks over threshold,
    Pickands 1975) by probability-weighted moments (Hosking & Wallis 1987). Unlike a quantile, it extrapolates beyond the
    largest score. Raises ValueError for no scores.
    """
    if len(scores) < 2 * FEWEST:
        found = from_normals(scores, false_alarms)
        return Threshold(found.value, f"{found.rule}; an extreme-value fit needs at least {2 * FEWEST} images")
    ordered = np.sort(scores)
    tail = max(math.ceil(TAIL * len(ordered)), FEWEST)
    start = float(ordered[-tail - 1])
    above = ordered[-tail:] - start
    mean = float(above.mean())
    weighted = float(((tail - np.arange(1, tail + 1)) / (tail - 1) * above).mean())
    if mean <= 0 or mean == 2 * weighted:
        return from_normals(scores, false_alarms)  # no tail: the largest scores are equal
    shape, scale = 2 - mean / (mean - 2 * weighted), 2 * mean * weighted / (mean - 2 * weighted)
    share = false_alarms * len(ordered) / tail
    if share >= 1:
        return from_normals(scores, false_alarms)  # the quantile lies below the tail
    reach = -math.log(share) if abs(shape) < 1e-9 else (share**-shape - 1) / shape
    return Threshold(
        start + scale * reach,
        f"an extreme-value fit to the {tail} largest scores of the {len(ordered)} normal validation images, according to which "
        f"{100 * false_alarms:.3g} % of new normal images exceed it",
    )


def from_labels(scores: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> Threshold:
    """Return the threshold with the largest F1 on validation images of both kinds, halfway to the next lower score.

    Raises ValueError if all images are of one kind.
    """
    if not anomalous.any() or anomalous.all():
        kind = "anomalous" if not anomalous.any() else "normal"
        raise ValueError(
            f"detect.threshold: best_f1 needs labels, but no validation image is {kind}; set it to quantile"
        )
    found = curve(anomalous, scores)
    f1 = 2 * found.true[0] / (found.true[0] + found.false[0] + anomalous.sum())
    best = int(f1.argmax())
    lower = found.thresholds[min(best + 1, len(f1) - 1)]
    value = (found.thresholds[best] + lower) / 2 if best + 1 < len(f1) else np.nextafter(lower, -np.inf)
    return Threshold(
        float(value),
        f"the best F1, {f1[best]:.3f}, on {int((~anomalous).sum())} normal and {int(anomalous.sum())} anomalous "
        "validation images",
    )


def from_anomalies(scores: NDArray[np.float64], recall: float) -> Threshold:
    """Return the threshold that flags on average at least the share `recall` of new anomalous images.

    It lies just below the score of rank floor((1 - recall)(n + 1)) among n held-out anomalous images, counted from the
    lowest: `from_normals` for the other kind. With too few images it lies below the lowest score. Raises ValueError for no
    scores.
    """
    items = len(scores)
    if not items:
        raise ValueError(
            "detect.threshold: recall needs anomalous validation images, and there are none; set it to quantile. The "
            "false-alarm rate at that recall on the test images is part of every evaluation"
        )
    rank = math.floor((1 - recall) * (items + 1) + 1e-9)
    lowest = float(np.sort(scores)[max(rank - 1, 0)])
    among = f"among the {items} anomalous validation images"
    if not rank:
        needed = math.ceil(1 / (1 - recall) - 1 - 1e-9)
        rule = f"just below the lowest score {among}, too few to guarantee a recall of {100 * recall:.3g} %, which needs {needed}"
    else:
        rule = (
            f"just below the score of rank {rank}, from the lowest, {among}, which at least {100 * recall:.3g} % of new "
            "anomalous images are expected to reach"
        )
    return Threshold(float(np.nextafter(lowest, -np.inf)), rule)
