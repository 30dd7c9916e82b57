"""Find near-duplicates: images of one object photographed twice, as opposed to images that merely look alike.

How close is close differs between sets: two ones of MNIST are closer than two photographs of one magnetic tile. So the
threshold follows from each image's own neighborhood. Around a point of a smooth distribution the number of neighbors
grows as a power r^m of the distance, where m is the local dimension; its maximum-likelihood estimate from neighbor
distances is Hill's (Levina & Bickel 2004, "Maximum likelihood estimation of intrinsic dimension"). If the k-th neighbor
of one of N images is at distance R, the expected number of *unrelated* pairs in the set within distance r is at most

    N k (r / R) ** m          (the number of false alarms of Desolneux, Moisan & Morel 2000, "Meaningful alignments")

and a pair is a near-duplicate if that number is at most 0.0001 seen from both images. It has to hold in two passes: for
the 128 strongest components of the descriptors, which is fast, and for 256, which distinguishes two airplanes in one
pose. Nothing is fitted to labels or known pairs. The nearest third of the k neighbors counts only as "nearer than the
rest" (a censored sample), so that twins do not hide each other. What may be missed: groups with more photographs of one
object than that third, which are as dense as a class; photographs shifted by more than half a descriptor pixel, 1/64 of
the side; and, among images without detail of their own such as digits, noisy copies.

Links become groups, strongest first; two groups merge if at least half of the pairs between them are links, so that no
chain of coincidences runs through the set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from darkroom.data.descriptors import SIDE, Vectors, describe, unit

RULE = (
    "Two images are near-duplicates if, judging by the distances of their neighbors, fewer than {alarms:g} unrelated pairs "
    "in the whole set are expected to be this close, for both {looks[0]} and {looks[1]} components of whitened, "
    "light-normalized descriptors of at most {side}×{side} gray pixels. Groups merge if half of the pairs between them are "
    "near-duplicates."
)
"""The rule for the data card."""
FALSE_ALARMS = 1e-4
"""Expected number of unrelated pairs in the whole set that pass as near-duplicates."""
LOOKS = (128, 256)
"""Descriptor components compared: first for all pairs, then for those that passed."""
NEIGHBORS = 60
"""Neighbors per image; a third of the set if it has fewer than 180 images."""
FEWEST = 12
"""Below this number of distinct images, neighborhoods say nothing and near-duplicates are not searched."""
NEAREST = 1e-3
"""Smaller distances count as this."""
LANES, SPARE, PRODUCTS = 32, 8, 2**25
"""Parameters of the neighbor search that affect its speed only; `PRODUCTS` similarities are in memory at once."""


@dataclass(frozen=True)
class Twins:
    """The near-duplicates of a set. Pairs are sorted by row, lower row first."""

    pairs: NDArray[np.int64]  # (P, 2)
    similarity: NDArray[np.float64]  # (P,)
    groups: tuple[tuple[int, ...], ...] = ()
    """The rows of each group, largest group first, then by row."""
    refused: int = 0
    """Number of links between groups that did not merge."""
    threshold: tuple[float, float, float] | None = None
    """The similarity that a pair needs: the 5 %, 50 % and 95 % quantiles over the images."""
    rule: str = ""
    """When a pair counts as near-duplicates, in words; empty stands for the rule of images."""

    def links(self) -> dict[int, int]:
        """Map every other row of a group to its first."""
        return {row: rows[0] for rows in self.groups for row in rows[1:]}

    def among(self, stays: NDArray[np.bool_]) -> Twins:
        """Restrict to the rows that stay, renumbered."""
        number = np.cumsum(stays) - 1
        both = stays[self.pairs].all(axis=1)
        groups = [tuple(int(number[row]) for row in rows if stays[row]) for rows in self.groups]
        left = sorted((rows for rows in groups if len(rows) > 1), key=lambda rows: (-len(rows), rows))
        return replace(self, pairs=number[self.pairs[both]], similarity=self.similarity[both], groups=tuple(left))


def rule() -> str:
    """Return the rule in words."""
    return RULE.format(alarms=FALSE_ALARMS, looks=LOOKS, side=SIDE)


NONE = Twins(np.empty((0, 2), np.int64), np.empty(0))


def find(images: NDArray[np.uint8], rows: NDArray[np.int64] | None = None) -> Twins:
    """Find the near-duplicates among images (N, H, W, C), or among the given rows; each picture should occur once.

    Similarity is the cosine of whitened descriptors, to four decimals. The order of the rows and the number of threads do
    not matter. Time is quadratic in the number of images; memory is 1.5 kB per image.
    """
    chosen = np.arange(len(images)) if rows is None else rows
    vectors = describe(images, chosen)
    seen = vectors.any(axis=1)
    chosen, vectors = chosen[seen], vectors[seen]
    if len(chosen) < FEWEST:
        return NONE
    first = _look(vectors, np.arange(len(vectors)), LOOKS[0])
    second = _look(vectors, np.unique(np.array(list(first.links), dtype=np.int64)), LOOKS[1])
    links = {pair: min(value, second.links[pair]) for pair, value in first.links.items() if pair in second.links}
    groups = coherent(links)
    member = {row: number for number, rows in enumerate(groups) for row in rows}
    within = sorted(pair for pair in links if member[pair[0]] == member[pair[1]])
    pairs = np.array(within, dtype=np.int64).reshape(-1, 2)
    low, middle, high = (float(value) for value in np.quantile(first.needed, (0.05, 0.5, 0.95)).round(4))
    return Twins(
        pairs=chosen[pairs],
        similarity=_similarities(_cut(vectors, LOOKS[0]), pairs[:, 0], pairs[:, 1:])[:, 0],
        groups=tuple(tuple(chosen[rows].tolist()) for rows in groups if len(rows) > 1),
        refused=len(links) - len(pairs),
        threshold=(low, middle, high),
    )


@dataclass(frozen=True)
class _Look:
    links: dict[tuple[int, int], float]
    """Pairs of rows, lower first, and minus the log number of false alarms, the worse of both sides."""
    needed: NDArray[np.float64]
    """The similarity that another image needs to be a near-duplicate, by row."""


def _look(vectors: Vectors, rows: NDArray[np.int64], components: int) -> _Look:
    """Compare rows with all vectors, using the first `components`."""
    count, k = len(vectors), min(NEIGHBORS, len(vectors) // 3)
    if not len(rows):
        return _Look({}, np.empty(0))
    near, similarity = neighbors(_cut(vectors, components), rows, k)
    distance = np.sqrt(np.maximum(2 - 2 * similarity, NEAREST**2))
    closeness = np.log(distance[:, -1:] / distance)  # (N, k), decreasing from the nearest to the k-th, which has 0
    dimension = _dimension(closeness)
    alarms = dimension[:, None] * closeness - np.log(count * k)
    needed = distance[:, -1] * np.exp(-np.log(count * k / FALSE_ALARMS) / dimension)
    return _Look(_mutual(rows, near, alarms, -np.log(FALSE_ALARMS)), 1 - needed**2 / 2)


def _cut(vectors: Vectors, components: int) -> Vectors:
    return unit(np.ascontiguousarray(vectors[:, :components]))


def neighbors(vectors: Vectors, rows: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the k nearest other vectors (N, D) of some rows by cosine, and their similarity, both (rows, k), nearest first.

    Exact, by blocked matrix products: of the `LANES` vectors that share a place, only the best is compared at first, and
    the k nearest can only be at the k best places. A few more than k are kept and recomputed in double precision, so that
    nothing depends on the rounding of the fast product, which varies with the number of threads.
    """
    count, kept = len(vectors), min(k + SPARE, len(vectors) - 1)
    places = max(-(-count // LANES), kept + 1)
    padded = np.zeros((places * LANES, vectors.shape[1]), np.float32)
    padded[:count] = vectors
    near = np.empty((len(rows), k), np.int64)
    similarity = np.empty((len(rows), k))
    block = max(1, min(512, PRODUCTS // len(padded)))
    products = np.empty((block, len(padded)), np.float32)
    lanes = np.arange(LANES)[None, :, None] * places
    for start in range(0, len(rows), block):
        chosen = rows[start : start + block]
        unlike = products[: len(chosen)]
        np.matmul(-vectors[chosen], padded.T, out=unlike)
        unlike[:, count:] = 2
        unlike[np.arange(len(chosen)), chosen] = 2  # not its own neighbor
        best = unlike.reshape(len(chosen), LANES, places).min(axis=1)
        place = np.argpartition(best, kept, axis=1)[:, None, :kept]
        column = (place + lanes).reshape(len(chosen), -1)
        value = np.take_along_axis(unlike, column, axis=1)
        top = np.take_along_axis(column, np.argpartition(value, kept - 1, axis=1)[:, :kept], axis=1)
        exact = _similarities(vectors, chosen, top)
        order = np.lexsort((top, -exact), axis=1)[:, :k]
        near[start : start + block] = np.take_along_axis(top, order, axis=1)
        similarity[start : start + block] = np.take_along_axis(exact, order, axis=1)
    return near, similarity


def _similarities(vectors: Vectors, rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the cosines (N, K) of rows (N,) with others (N, K), to four decimals."""
    products = np.einsum("nd,nkd->nk", vectors[rows], vectors[others], dtype=np.float64)
    return np.asarray(np.clip(products.round(4), -1, 1), np.float64)


def _dimension(closeness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the local dimension at each row: the geometric mean of its own estimate and the median, as neighbors are few."""
    k = closeness.shape[1]
    hidden = k // 3
    sums = closeness[:, hidden:].sum(axis=1) + hidden * closeness[:, hidden]
    own = (k - 1 - hidden) / np.maximum(sums, 1e-6)
    return np.asarray(np.sqrt(own * np.median(own)), np.float64)


def _mutual(
    rows: NDArray[np.int64], near: NDArray[np.int64], alarms: NDArray[np.float64], least: float
) -> dict[tuple[int, int], float]:
    """Return the pairs that reach `least` from both sides, with the weaker side's value."""
    at, places = np.nonzero(alarms >= least)
    found = zip(rows[at].tolist(), near[at, places].tolist(), alarms[at, places].tolist(), strict=True)
    seen = {(row, other): value for row, other, value in found}
    return {
        (row, other): min(value, seen[other, row])
        for (row, other), value in seen.items()
        if row < other and (other, row) in seen
    }


def coherent(links: dict[tuple[int, int], float]) -> list[list[int]]:
    """Return groups of linked rows, largest first, rows sorted; a row in no other group is its own group.

    Strongest link first, two groups merge if at least half of the pairs between them are links.
    """
    group: dict[int, list[int]] = {}
    linked: dict[int, set[int]] = {}
    for a, b in links:
        linked.setdefault(a, set()).add(b)
        linked.setdefault(b, set()).add(a)
    for a, b in sorted(links, key=lambda pair: (-round(links[pair], 3), pair)):
        one, two = group.setdefault(a, [a]), group.setdefault(b, [b])
        if one is two or 2 * sum(other in linked[row] for row in one for other in two) < len(one) * len(two):
            continue
        one.extend(two)
        group.update(dict.fromkeys(two, one))
    whole = {id(rows): sorted(rows) for rows in group.values()}
    return sorted(whole.values(), key=lambda rows: (-len(rows), rows))
