"""Divide images that belong to several strata at once: each of their labels, or each of their numbers' quantile bins.

Iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011, "On the stratification of multi-label data"), with groups in
place of single images, a minimum of one image per stratum and part, and ties broken by order rather than at random.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from darkroom.data.target import Target

Strata = NDArray[np.int64]
"""(N, C): 1 for each stratum of an image, which has at least one, else 0."""
BINS, IMAGES_PER_BIN = 10, 20
"""Numbers are divided into at most `BINS` quantile bins, of at least `IMAGES_PER_BIN` images."""


def strata(target: Target, values: NDArray[np.float32]) -> Strata:
    """Return the strata of images with these targets (N, K); images without a target, or with no label, have their own."""
    known = ~np.isnan(values).any(axis=1)
    if target.kind == "labels":
        own = values[known].astype(np.int64)
        own = np.concatenate([own, 1 - own.max(axis=1, keepdims=True)], axis=1)
    else:
        own = np.concatenate([_bins(column) for column in values[known].T], axis=1)
    found = np.zeros((len(values), own.shape[1] + 1), np.int64)
    found[known, :-1], found[~known, -1] = own, 1
    return found


def _bins(values: NDArray[np.float32]) -> Strata:
    """Return 1 for the quantile bin that each number is in, (N, bins)."""
    if not len(values):
        return np.zeros((0, 1), np.int64)
    count = min(max(len(values) // IMAGES_PER_BIN, 1), BINS)
    edges = np.unique(np.quantile(values, np.arange(1, count) / count))
    found = np.zeros((len(values), len(edges) + 1), np.int64)
    found[np.arange(len(values)), np.digitize(values, edges)] = 1
    return found


def divide(
    members: Sequence[Sequence[int]], found: Strata, shares: Sequence[float], *, complete: bool = False
) -> list[int]:
    """Return the part of each group, whose `members` are rows of `found` (N, C); parts take these `shares` of each stratum.

    The rarest stratum comes first: each of its groups, in order, goes to the part that lacks the most of it, then the most
    overall. Every part wants at least one image of each stratum, and the first one all that the others leave; if `complete`,
    it gets an image of each stratum in any case.
    """
    counts = np.array([found[rows].sum(0) for rows in members], dtype=np.int64).reshape(len(members), found.shape[1])
    lacking = np.maximum(np.outer(shares, counts.sum(0)), 1.0)
    lacking[0] = np.maximum(counts.sum(0) - lacking[1:].sum(0), 1.0)
    overall = [share * len(found) for share in shares]
    left = counts.sum(0)
    parts = [-1] * len(members)
    empty = np.full(counts.shape[1], complete)  # strata that the first part must still get an image of
    while left.any():
        stratum = int(np.where(left > 0, left, np.iinfo(np.int64).max).argmin())
        for group in np.flatnonzero(counts[:, stratum]).tolist():
            if parts[group] < 0:
                wants = lacking[:, stratum].round(9).tolist()
                chosen = max(range(len(shares)), key=lambda part: (wants[part], overall[part], -part))
                if (empty & (counts[group] > 0) & (counts[group] == left)).any():  # the last group of such a stratum
                    chosen = 0
                if chosen == 0:
                    empty &= counts[group] == 0
                parts[group] = chosen
                lacking[chosen] -= counts[group]
                overall[chosen] -= len(members[group])
                left = left - counts[group]
    return parts
