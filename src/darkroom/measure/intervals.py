"""Numbers with their 95% intervals: read from results, averaged over seeds, and compared pairwise on the same images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.measure.ranking import auroc
from darkroom.measure.seeds import t_interval

RESAMPLES = 4000
"""Bootstrap resamples behind each difference."""
BOUNDS = (-math.inf, math.inf)


@dataclass(frozen=True)
class Number:
    """A measured number; `value` is None if it is unknown, and `reason` says why."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str = ""
    seeds: int = 1

    def overlaps(self, other: Number) -> bool:
        """Return whether the two intervals share a point; also True when one of them is unknown."""
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return True
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True)
class Difference:
    """A mean difference between two methods on the same images, with its interval."""

    value: float
    low: float
    high: float
    seeds: int = 1

    @property
    def clear(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


def number(value: Any, *path: str) -> Number:
    """Read the number at a path of keys in a result; one that is missing says so, with the reason that the result gives."""
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            break
        value = value[key]
    else:
        return _number(value)
    return Number(reason=str(value.get("reason", "not recorded")) if isinstance(value, Mapping) else "not recorded")


def _number(value: Any) -> Number:
    if isinstance(value, Mapping):
        if value.get("value") is None:
            return Number(reason=str(value.get("reason", "not recorded")))
        found, low, high = float(value["value"]), value.get("low"), value.get("high")
        # an interval that leaves out its own estimate, as a biased bootstrap gives, would mislead
        if low is None or high is None or not low <= found <= high:
            return Number(found)
        return Number(found, float(low), float(high))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Number(float(value))
    return Number(reason="not recorded")


def over_seeds(numbers: Sequence[Number], bounds: tuple[float, float] = BOUNDS) -> Number:
    """Average over seeds with a t-interval, cut off at `bounds`.

    A single seed keeps its own interval, and so do seeds that all agree because the method draws nothing.
    """
    known = [n for n in numbers if n.value is not None]
    if not known:
        return numbers[0] if numbers else Number(reason="not recorded")
    if len({n.value for n in known}) == 1:
        return replace(known[0], seeds=len(known))
    mean, low, high = t_interval([n.value for n in known if n.value is not None])
    return Number(mean, max(bounds[0], low), min(bounds[1], high), seeds=len(known))


def paired(differences: Sequence[NDArray[np.float64]], *, shares: bool = True) -> Difference:
    """Average the differences between two methods image by image, with a paired bootstrap interval over the images.

    Takes one array (images,) per seed, all in one order. If the differences are `shares`, between -1 and 1, the bootstrap
    resamples the images together with one more win and one more loss (Bonett & Price 2012), so that the interval keeps a
    width when the two methods never disagree.
    With several seeds it also spans the t-interval over the seeds' means, and so covers both the choice of test images
    and the spread between trainings.
    """
    means = [float(d.mean()) for d in differences]
    # differences take few values, so resampling images is a multinomial draw of how often each value occurs
    more = [1.0, -1.0] if shares else []
    values, counts = np.unique(np.append(np.mean(differences, axis=0), more), return_counts=True)
    total = int(counts.sum())
    draws = np.random.default_rng(0).multinomial(total, counts / total, RESAMPLES) @ values / total
    return _spanned(means, draws)


def from_moments(mean: float, error: float, images: int) -> Difference:
    """Return a mean difference between two methods on the same images with a normal interval, from its standard error.

    Like `paired`, it counts one more win and one more loss (Bonett & Price 2012).
    """
    squares = images * (images - 1) * error**2 + images * mean**2 + 2
    center = mean * images / (images + 2)
    half = 1.96 * math.sqrt(max(squares / (images + 2) - center**2, 0) / (images + 2))
    return Difference(mean, min(mean, center - half), max(mean, center + half))


def paired_auroc(
    first: Sequence[NDArray[np.float64]], second: Sequence[NDArray[np.float64]], anomalous: NDArray[np.bool_]
) -> Difference:
    """Subtract the AUROC of the second scores from that of the first on the same images; arrays (images,), one per seed.

    Normal and anomalous images are resampled separately, so that every resample has both.
    """
    generator = np.random.default_rng(0)
    resamples = max(200, min(RESAMPLES // 4, 4_000_000 // len(anomalous)))
    weights = np.empty((resamples + 1, len(anomalous)))
    weights[0] = 1  # the sample itself
    for kind in (False, True):
        rows = np.flatnonzero(anomalous == kind)
        weights[1:, rows] = generator.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), resamples)
    each = [auroc(anomalous, a, weights) - auroc(anomalous, b, weights) for a, b in zip(first, second, strict=True)]
    return _spanned([float(e[0]) for e in each], np.mean(each, axis=0)[1:])


def _spanned(means: list[float], draws: NDArray[np.float64]) -> Difference:
    """The mean over seeds, with an interval that covers the resamples and the spread between seeds."""
    mean = float(np.mean(means))
    low, high = (float(q) for q in np.quantile(draws, [0.025, 0.975]))
    if len(means) > 1:
        _, t_low, t_high = t_interval(means)
        low, high = min(low, t_low), max(high, t_high)
    return Difference(mean, min(low, mean), max(high, mean), len(means))
