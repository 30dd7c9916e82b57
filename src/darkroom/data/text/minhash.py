"""Find near-duplicate texts by MinHash (Broder 1997) and locality-sensitive hashing.

Two texts are near-duplicates if the Jaccard similarity of their sets of `SHINGLE` consecutive characters, in lower case and
with white space collapsed, is at least `THRESHOLD`. MinHash only proposes pairs: texts whose minima under `ROWS` hash
functions agree in one of `BANDS` bands. Each proposed pair is compared exactly, so none is a false alarm; a pair at the
threshold is missed with probability (1 - .8^4)^32, about 5 in 100 million.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from darkroom.data import twins

SHINGLE = 5
"""Characters of a shingle; a shorter text is one shingle."""
THRESHOLD = 0.8
BANDS, ROWS = 32, 4
COMPARED = 20_000
"""Characters of a text that are compared, from its start."""
BLOCK = 4096
"""Texts whose shingles are in memory at once."""
CROWD = 50
"""Texts of a band that are compared with all others in it; of more, each is compared with the first ones."""
TOGETHER = 1 << 16
"""Shingles hashed at a time, few enough for the processor's caches."""
RULE = (
    "Two texts are near-duplicates if the Jaccard similarity of their sets of {shingle} consecutive characters, in lower case, "
    "is at least {threshold:g}. Groups merge if half of the pairs between them are near-duplicates."
)
"""The rule for the data card."""

Hashes = NDArray[np.uint64]


def find(texts: Sequence[str], rows: NDArray[np.int64]) -> twins.Twins:
    """Find the near-duplicates among these rows of texts; each text should occur once. The similarity is Jaccard's."""
    proposed = sorted(_candidates(texts, rows))
    shingled = {row: shingles(texts[row]) for row in {row for pair in proposed for row in pair}}
    links: dict[tuple[int, int], float] = {}
    for pair in proposed:
        similarity = round(jaccard(shingled[pair[0]], shingled[pair[1]]), 4)
        if similarity >= THRESHOLD:
            links[pair] = similarity
    groups = twins.coherent(links)
    member = {row: number for number, group in enumerate(groups) for row in group}
    pairs = [pair for pair in links if member[pair[0]] == member[pair[1]]]
    return twins.Twins(
        pairs=np.array(pairs, dtype=np.int64).reshape(-1, 2),
        similarity=np.array([links[pair] for pair in pairs]),
        groups=tuple(tuple(group) for group in groups if len(group) > 1),
        refused=len(links) - len(pairs),
        threshold=(THRESHOLD, THRESHOLD, THRESHOLD),
        rule=RULE.format(shingle=SHINGLE, threshold=THRESHOLD),
    )


def shingles(text: str) -> Hashes:
    """Return the hashes of a text's shingles, sorted, each once."""
    points = np.frombuffer(" ".join(text[:COMPARED].lower().split()).encode("utf-32-le", "replace"), "<u4")
    width = min(SHINGLE, len(points))
    if not width:
        return np.empty(0, np.uint64)
    hashes = np.full(len(points) - width + 1, width, np.uint64)
    for offset in range(width):
        hashes = mixed(hashes + points[offset : len(points) - width + 1 + offset])
    return np.unique(hashes)


def mixed(values: Hashes) -> Hashes:
    """Scramble 64-bit numbers one to one: the finalizer of SplitMix64 (Steele et al. 2014), modulo 2**64."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def signatures(sets: Sequence[Hashes], functions: int = BANDS * ROWS) -> Hashes:
    """Return the minima (N, functions) of nonempty sets of hashes under random linear functions modulo 2**64.

    The share of functions under which two sets have the same minimum estimates their Jaccard similarity.
    """
    factors = mixed(np.arange(functions, dtype=np.uint64)) | np.uint64(1)
    shifts = mixed(np.arange(functions, 2 * functions, dtype=np.uint64))
    found = np.empty((len(sets), functions), np.uint64)
    start = 0
    while start < len(sets):
        stop, length = start, 0
        while stop < len(sets) and (length == 0 or length + len(sets[stop]) <= TOGETHER):
            length += len(sets[stop])
            stop += 1
        flat = np.concatenate(sets[start:stop])
        edges = np.cumsum([0, *(len(hashes) for hashes in sets[start : stop - 1])])
        for index, (factor, shift) in enumerate(zip(factors, shifts, strict=True)):
            found[start:stop, index] = np.minimum.reduceat(flat * factor + shift, edges)
        start = stop
    return found


def jaccard(one: Hashes, two: Hashes) -> float:
    """Return the Jaccard similarity of two sets, given as sorted arrays of distinct hashes."""
    shared = len(np.intersect1d(one, two, assume_unique=True))
    return shared / max(len(one) + len(two) - shared, 1)


def _candidates(texts: Sequence[str], rows: NDArray[np.int64]) -> set[tuple[int, int]]:
    """Return the pairs of rows, lower first, whose signatures agree in a band. Memory is 256 bytes per text."""
    known: list[int] = []
    blocks = [np.empty((0, BANDS), np.uint64)]
    for start in range(0, len(rows), BLOCK):
        sets = {int(row): hashes for row in rows[start : start + BLOCK] if len(hashes := shingles(texts[row]))}
        known += sets
        blocks.append(_keys(list(sets.values())))
    numbers, keys = np.array(known, dtype=np.int64), np.concatenate(blocks)
    found: set[tuple[int, int]] = set()
    for own in keys.T:
        order = np.argsort(own, kind="stable")
        starts = np.flatnonzero(np.diff(own[order], prepend=~own[order[:1]]))
        sizes = np.diff(starts, append=len(own))
        for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
            alike = numbers[order[start : start + size]].tolist()
            for place, row in enumerate(alike):
                found.update((min(row, other), max(row, other)) for other in alike[: min(place, CROWD)])
    return found


def _keys(sets: Sequence[Hashes]) -> Hashes:
    """Return a number for each band of the signatures of sets (N, BANDS), the same for bands that agree."""
    minima = signatures(sets).reshape(-1, BANDS, ROWS)
    keys = np.zeros(minima.shape[:2], np.uint64)
    for row in range(ROWS):
        keys = mixed(keys ^ minima[..., row])
    return keys
