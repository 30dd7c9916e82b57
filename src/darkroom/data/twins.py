"""Near-duplicates: images of one object photographed twice, told apart from images that are merely alike.

What is alike differs from set to set: two ones of MNIST are closer than two photographs of one magnetic tile. So the
limit follows from each image's own surroundings. Around a point of a smooth distribution the number of neighbours grows
like a power of the distance, r to the m, where m is the local dimension; its maximum-likelihood estimate from neighbour
distances is Hill's (Levina & Bickel 2004, "Maximum likelihood estimation of intrinsic dimension"). Then, where the k-th
neighbour of one of N images lies at a distance R, the expected number of *unrelated* pairs in the set that are as close
as r is at most

    N k (r / R) ** m          (the number of false alarms of Desolneux, Moisan & Morel 2000, "Meaningful alignments")

and a pair is a twin when that number, seen from either image, is at most 0.0001. It must be so in two looks: by the 128
strongest components of the descriptors, which is fast, and by 256, which tells two aeroplanes in one pose apart. Nothing
is fitted to labels or to known pairs. The nearest third of the k neighbours counts only as "nearer than the rest" (a
censored sample), so that twins do not hide each other; a group of more photographs of one object than that third is
dense like a class, and may be missed. So may a second photograph that is shifted by more than half a pixel of the
descriptor, 1/64 of the side, or, of images without detail of their own such as digits, one with strong noise.

Links become groups from the strongest on; two groups join when at least half of the pairs between them are links, so
that no chain of chance runs through the set.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from darkroom.data.descriptors import SIDE, Vectors, describe, unit

RULE = (
    "A pair is a near-duplicate when, going by how the neighbours of both images lie around them, fewer than {alarms:g} "
    "unrelated pairs in the whole set would come so close, and that by {looks[0]} and by {looks[1]} components of "
    "whitened, light-free descriptors of at most {side}×{side} gray pixels. Groups join when half of the pairs between "
    "them do so."
)
"""The rule for the data card."""
FALSE_ALARMS = 1e-4
"""Expected number of unrelated pairs in the whole set that are taken for twins."""
LOOKS = (128, 256)
"""Components of the descriptors that a pair is compared by, first of all pairs, then of those that passed."""
NEIGHBOURS = 60
"""The surroundings of an image; of a set of fewer than 180 images a third."""
FEWEST = 12
"""Fewer different images than this have no surroundings to compare with: no twins are sought."""
NEAREST = 1e-3
"""Distances below this are taken as this."""
LANES, SPARE, PRODUCTS = 32, 8, 2**25
"""Of the search for neighbours; `PRODUCTS` similarities are in memory at once. They change its speed alone."""


@dataclass(frozen=True)
class Twins:
    """The near-duplicates of a set. Pairs are sorted by row, the lower row first."""

    pairs: NDArray[np.int64]  # (P, 2)
    similarity: NDArray[np.float64]  # (P,)
    groups: tuple[tuple[int, ...], ...] = ()
    """The rows of each group: the largest group first, then by row."""
    refused: int = 0
    """Links between groups that are too few to join them."""
    threshold: tuple[float, float, float] | None = None
    """The similarity from which on a pair is a twin: the 5 %, 50 % and 95 % quantile over the images."""

    def links(self) -> dict[int, int]:
        """Every other row of a group → its first."""
        return {row: rows[0] for rows in self.groups for row in rows[1:]}

    def among(self, stays: NDArray[np.bool_]) -> Twins:
        """The same among the rows that stay, numbered anew."""
        number = np.cumsum(stays) - 1
        both = stays[self.pairs].all(axis=1)
        groups = [tuple(int(number[row]) for row in rows if stays[row]) for rows in self.groups]
        left = sorted((rows for rows in groups if len(rows) > 1), key=lambda rows: (-len(rows), rows))
        return replace(self, pairs=number[self.pairs[both]], similarity=self.similarity[both], groups=tuple(left))


def rule() -> str:
    """The rule in words."""
    return RULE.format(alarms=FALSE_ALARMS, looks=LOOKS, side=SIDE)


NONE = Twins(np.empty((0, 2), np.int64), np.empty(0))


def find(images: NDArray[np.uint8], rows: NDArray[np.int64] | None = None) -> Twins:
    """The near-duplicates among images (N, H, W, C), or among these rows of them, each picture once.

    Similarity is the cosine of whitened descriptors, to four places. The order of the rows and the number of threads do
    not matter. Time grows with the square of the number of images; memory by one and a half kilobytes an image.
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
    groups = _coherent(links)
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
    """Pairs of rows, the lower first, with minus the logarithm of the number of false alarms, the worse of both sides."""
    needed: NDArray[np.float64]
    """The similarity from which on another image is a row's twin."""


def _look(vectors: Vectors, rows: NDArray[np.int64], components: int) -> _Look:
    """Compare rows with all by so many components."""
    count, k = len(vectors), min(NEIGHBOURS, len(vectors) // 3)
    if not len(rows):
        return _Look({}, np.empty(0))
    near, similarity = neighbours(_cut(vectors, components), rows, k)
    distance = np.sqrt(np.maximum(2 - 2 * similarity, NEAREST**2))
    closeness = np.log(distance[:, -1:] / distance)  # (N, k), falling from the nearest to the k-th, which has 0
    dimension = _dimension(closeness)
    alarms = dimension[:, None] * closeness - np.log(count * k)
    needed = distance[:, -1] * np.exp(-np.log(count * k / FALSE_ALARMS) / dimension)
    return _Look(_mutual(rows, near, alarms, -np.log(FALSE_ALARMS)), 1 - needed**2 / 2)


def _cut(vectors: Vectors, components: int) -> Vectors:
    return unit(np.ascontiguousarray(vectors[:, :components]))


def neighbours(vectors: Vectors, rows: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The k nearest other vectors of some rows of (N, D) by cosine, and their similarity, both (rows, k), nearest first.

    Exact, by blocks of matrix products: of the `LANES` vectors that share a place, only the best is compared at first,
    and the k nearest can only lie at the k best places. A few more than k are kept and computed anew in double precision,
    so that the sums of a fast product, which depend on the number of threads, decide nothing.
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
        unlike[np.arange(len(chosen)), chosen] = 2  # not a neighbour of its own
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
    """Cosines (N, K) of rows (N,) with others (N, K), to four places."""
    products = np.einsum("nd,nkd->nk", vectors[rows], vectors[others], dtype=np.float64)
    return np.asarray(np.clip(products.round(4), -1, 1), np.float64)


def _dimension(closeness: NDArray[np.float64]) -> NDArray[np.float64]:
    """The local dimension at each row: half its own estimate, half the set's median, as few neighbours say little."""
    k = closeness.shape[1]
    hidden = k // 3
    sums = closeness[:, hidden:].sum(axis=1) + hidden * closeness[:, hidden]
    own = (k - 1 - hidden) / np.maximum(sums, 1e-6)
    return np.asarray(np.sqrt(own * np.median(own)), np.float64)


def _mutual(
    rows: NDArray[np.int64], near: NDArray[np.int64], alarms: NDArray[np.float64], least: float
) -> dict[tuple[int, int], float]:
    """Pairs that reach `least` from both sides, with the weaker side's value."""
    at, places = np.nonzero(alarms >= least)
    found = zip(rows[at].tolist(), near[at, places].tolist(), alarms[at, places].tolist(), strict=True)
    seen = {(row, other): value for row, other, value in found}
    return {
        (row, other): min(value, seen[other, row])
        for (row, other), value in seen.items()
        if row < other and (other, row) in seen
    }


def _coherent(links: dict[tuple[int, int], float]) -> list[list[int]]:
    """Groups of linked rows, the largest first; rows sorted. A row that no group takes is a group of its own.

    From the strongest link on, two groups join when at least half of the pairs between them are links.
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
