"""Find conditions under which a model errs more, such as dark images, without finding any in noise.

A condition is the lowest or highest quarter of a measured attribute, or one value of a recorded one. Whether mistakes are
more frequent under it than elsewhere is decided by Fisher's exact test, whether absolute errors are larger by Wilcoxon's
rank-sum test (1945), both one-sided. All conditions of a model, for every label or number, are tested together: Holm's
correction (1979) keeps the probability of any false alarm at or below 5 %, however the attributes depend on one another. The
tests take images as independent; mistakes in copies of one object are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special, stats

from darkroom.classify.explanation.attributes import PIXELS
from darkroom.classify.explanation.mistakes import Errors

LEVEL = 0.05
FEWEST = 10
"""Images that a condition, and the rest, must have."""
TINY = 1e-9
WIDEST = 18.0
"""Logarithm of the largest factor between a ratio and the ends of its interval."""
MOST = 0.4
"""Largest share of the images in a "quarter", which equal values may widen."""
RECORDED = ("format", "camera", "group")
MEASURED = (*PIXELS, "pixels", "aspect", "bytes")
"""`pixels` of the original, its `aspect`, width over height, and the `bytes` of its file."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Condition:
    """Some of the images: those whose attribute is `low` or `high`, at most or at least the limit, or has a `value`."""

    attribute: str
    kind: str
    """`low`, `high` or `value`."""
    limit: float | str
    mask: Mask


@dataclass(frozen=True)
class Finding:
    """A condition under which mistakes are more frequent, or errors larger: the mean `error` of `images` under it, and elsewhere.

    `ratio` compares both means. Its interval holds for everything tested together with 95 % confidence (Bonferroni). `within`
    is the Mantel-Haenszel ratio, which compares images of the same stratum only: class, label or quarter of the number; None
    if no stratum has mistakes outside of the condition. `output` is the label or number, None for all.
    """

    condition: Condition
    output: int | None
    error: float
    images: int
    error_else: float
    images_else: int
    ratio: float
    low: float
    high: float
    within: float | None
    p: float
    """Adjusted by Holm's method."""


def conditions(table: pd.DataFrame) -> list[Condition]:
    """List the conditions that a table of attributes (N rows) offers, each set of images once."""
    found: dict[bytes, Condition] = {}

    def add(attribute: str, kind: str, limit: float | str, mask: Mask) -> None:
        if FEWEST <= mask.sum() <= len(mask) - FEWEST:
            found.setdefault(mask.tobytes(), Condition(attribute, kind, limit, mask))

    for attribute in (name for name in MEASURED if name in table):
        values = table[attribute].to_numpy(dtype=np.float64, na_value=np.nan)
        if np.isnan(values).all():
            continue
        low, high = np.nanquantile(values, [0.25, 0.75])
        for kind, limit, mask in (("low", low, values <= low), ("high", high, values >= high)):
            if mask.mean() <= MOST:
                add(attribute, kind, float(limit), mask)
    for attribute in (name for name in RECORDED if name in table):
        for value in sorted(table[attribute].dropna().unique()):
            add(attribute, "value", str(value), (table[attribute] == value).to_numpy(dtype=np.bool_))
    return list(found.values())


def findings(tested: list[Condition], errors: Sequence[Errors]) -> list[Finding]:
    """Return the conditions under which errors are more frequent or larger after correction, the least probable first."""
    asked = [one for one in errors if one.values.any()]
    if not tested or not asked:
        return []
    masks = np.stack([condition.mask for condition in tested])
    images = masks.sum(1)
    p = [
        rank_sum(one.values, masks)
        if one.sized
        else fisher(masks @ one.values, images, int(one.values.sum()), len(one.values))
        for one in asked
    ]
    adjusted = holm(np.concatenate(p))
    order = np.lexsort((-np.concatenate([masks @ one.values for one in asked]), adjusted))
    return [
        _finding(
            tested[index % len(tested)], asked[index // len(tested)], p=float(adjusted[index]), tests=len(adjusted)
        )
        for index in order.tolist()
        if adjusted[index] <= LEVEL
    ]


def fisher(hits: NDArray[Any], images: NDArray[Any], wrong: Any, total: Any) -> NDArray[np.float64]:
    """Return the probability (M,) of at least `hits` mistakes among `images` of `total`, of which `wrong` are mistakes."""
    found: NDArray[np.float64] = stats.hypergeom.sf(hits - 1, total, wrong, images)
    return found


def rank_sum(values: NDArray[np.float64], masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the probability (M,) of ranks as high as those of each mask (M, N) among all values (N,).

    The normal approximation with continuity and tie corrections, as SciPy's `mannwhitneyu`, for all masks at once.
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    total, inside = len(values), masks.sum(1)
    ties = (counts.astype(np.float64) ** 3 - counts).sum() / max(total * (total - 1), 1)
    spread = np.sqrt(inside * (total - inside) / 12 * (total + 1 - ties))
    above = masks @ ranks - inside * (total + 1) / 2 - 0.5
    z = np.divide(above, spread, out=np.full(len(masks), -np.inf), where=spread > 0)
    return np.asarray(special.ndtr(-z), np.float64)


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust p-values (M,) for M tests (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _finding(condition: Condition, errors: Errors, *, p: float, tests: int) -> Finding:
    inside, values = condition.mask, errors.values
    parts, tail = (values[inside], values[~inside]), 1 - LEVEL / (2 * tests)
    compared = _sized_ratio(*parts, tail) if errors.sized else _ratio(*parts, tail)
    (error, images), (error_else, images_else) = ((float(part.mean()), len(part)) for part in parts)
    within = _within(inside, values, errors.strata)
    return Finding(condition, errors.output, error, images, error_else, images_else, *compared, within, p)


def _ratio(inside: NDArray[np.float64], outside: NDArray[np.float64], tail: float) -> tuple[float, float, float]:
    """Return the ratio of two shares of mistakes and its interval, by the score test (Koopman 1984).

    Unlike an interval of the logarithm, it agrees with tests of equal shares where mistakes are few.
    """
    (a, n), (b, m) = ((float(part.sum()) + 0.5, len(part) + 0.5) for part in (inside, outside))
    # half a mistake added on both sides keeps the ratio finite (Walter 1975)
    ratio, limit = a / n / (b / m), float(special.ndtri(tail)) ** 2

    def excess(log: float) -> float:
        r = np.exp(log)
        total = n * r + a + m + b * r
        p = 2 * (a + b) / (total + np.sqrt(total**2 - 4 * (n + m) * r * (a + b)))  # most likely share outside, given r
        inner, outer = np.clip((r * p, p), TINY, 1 - TINY)
        distance = (a - n * inner) ** 2 / (n * inner * (1 - inner)) + (b - m * outer) ** 2 / (m * outer * (1 - outer))
        return float(distance) - limit

    middle = float(np.log(ratio))
    low, high = (optimize.brentq(excess, middle, middle + side) for side in (-WIDEST, WIDEST))
    return ratio, float(np.exp(low)), float(np.exp(high))


def _sized_ratio(inside: NDArray[np.float64], outside: NDArray[np.float64], tail: float) -> tuple[float, float, float]:
    """Return the ratio of two mean errors and its interval: Welch's, of the logarithm."""
    least = TINY * max(float(inside.mean()), float(outside.mean()))
    means = [max(float(part.mean()), least) for part in (inside, outside)]
    parts = zip((inside, outside), means, strict=True)
    variances = [float(part.var(ddof=1)) / len(part) / mean**2 for part, mean in parts]
    freedom = [variance**2 / (len(part) - 1) for variance, part in zip(variances, (inside, outside), strict=True)]
    error = sum(variances)
    reach = special.stdtrit(error**2 / sum(freedom), tail) * np.sqrt(error) if error else 0.0
    ratio, factor = means[0] / means[1], float(np.exp(reach))
    return ratio, ratio / factor, ratio * factor


def _within(inside: Mask, values: NDArray[np.float64], strata: NDArray[np.int64]) -> float | None:
    """Return the Mantel-Haenszel ratio of the mean errors, over the strata."""
    above = below = 0.0
    for stratum in np.unique(strata):
        chosen = strata == stratum
        n, m = int((inside & chosen).sum()), int((~inside & chosen).sum())
        above += float(values[inside & chosen].sum()) * m / (n + m)
        below += float(values[~inside & chosen].sum()) * n / (n + m)
    return above / below if below else None
