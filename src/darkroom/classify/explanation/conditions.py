"""Find conditions under which a classifier errs more often, such as dark images, without finding any in noise.

A condition is the lowest or highest quarter of a measured attribute, or one value of a recorded one. Whether mistakes are
more frequent under it than elsewhere is decided by Fisher's exact test, one-sided. All conditions of a classifier are
tested together: Holm's correction (1979) keeps the probability of any false alarm at or below 5 %, however the attributes
depend on one another. The test takes images as independent; mistakes in copies of one object are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from darkroom.classify.explanation.attributes import PIXELS

LEVEL = 0.05
FEWEST = 10
"""Images that a condition, and the rest, must have."""
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
    """A condition under which mistakes are more frequent: `wrong` of `images` under it, `wrong_else` of `images_else`.

    `ratio` compares both shares. Its interval holds for all tested conditions together with 95 % confidence
    (Bonferroni). `within_classes` is the Mantel-Haenszel ratio, which compares images of the same class only; None if no
    class has mistakes outside of the condition.
    """

    condition: Condition
    wrong: int
    images: int
    wrong_else: int
    images_else: int
    ratio: float
    low: float
    high: float
    within_classes: float | None
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


def findings(tested: list[Condition], wrong: Mask, labels: NDArray[np.int64]) -> list[Finding]:
    """Return the conditions under which `wrong` (N,) is more frequent after correction, the least probable first."""
    if not tested or not wrong.any():
        return []
    masks = np.stack([condition.mask for condition in tested])
    images, hits = masks.sum(1), (masks & wrong).sum(1)
    adjusted = holm(fisher(hits, images, int(wrong.sum()), len(wrong)))
    order = np.lexsort((-hits, adjusted))
    return [
        _finding(tested[index], wrong, labels, p=float(adjusted[index]), tests=len(tested))
        for index in order.tolist()
        if adjusted[index] <= LEVEL
    ]


def fisher(hits: NDArray[Any], images: NDArray[Any], wrong: int, total: int) -> NDArray[np.float64]:
    """Return the probability of at least `hits` mistakes among `images` of `total`, of which `wrong` are mistakes."""
    counts = np.arange(wrong + 1)[:, None]  # (W + 1, conditions)
    with np.errstate(divide="ignore"):
        logs = _choose(wrong, counts) + _choose(total - wrong, images - counts) - _choose(total, images)
    tail = np.where(counts >= hits, np.exp(logs), 0).sum(0)
    return np.minimum(np.asarray(tail, np.float64), 1.0)


def holm(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust p-values (M,) for M tests (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _finding(condition: Condition, wrong: Mask, labels: NDArray[np.int64], *, p: float, tests: int) -> Finding:
    inside = condition.mask
    a, n = int((wrong & inside).sum()), int(inside.sum())
    b, m = int((wrong & ~inside).sum()), int((~inside).sum())
    # half a mistake added on both sides keeps the ratio finite (Walter 1975)
    ratio = (a + 0.5) / (n + 0.5) / ((b + 0.5) / (m + 0.5))
    error = np.sqrt(1 / (a + 0.5) - 1 / (n + 0.5) + 1 / (b + 0.5) - 1 / (m + 0.5))
    reach = float(np.exp(special.ndtri(1 - LEVEL / (2 * tests)) * error))
    return Finding(condition, a, n, b, m, ratio, ratio / reach, ratio * reach, _within(inside, wrong, labels), p)


def _within(inside: Mask, wrong: Mask, labels: NDArray[np.int64]) -> float | None:
    """Return the Mantel-Haenszel ratio of the shares of mistakes, over the classes."""
    above = below = 0.0
    for label in np.unique(labels):
        of_class = labels == label
        n, m = int((inside & of_class).sum()), int((~inside & of_class).sum())
        above += int((inside & of_class & wrong).sum()) * m / (n + m)
        below += int((~inside & of_class & wrong).sum()) * n / (n + m)
    return above / below if below else None


def _choose(n: Any, k: Any) -> NDArray[np.float64]:
    """Return the logarithm of n over k, minus infinity where there is no way to choose."""
    possible = (k >= 0) & (k <= n)
    k = np.where(possible, k, 0)
    logs = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    return np.where(possible, logs, -np.inf)
