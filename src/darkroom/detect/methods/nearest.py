"""Nearest rows, and rows that cover all others: Euclidean distances as products of matrices, in buffers made once."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 2048
"""Rows whose distances are held at a time."""
GROUP = 256
"""Neighbouring values whose least is found before its place."""
CANDIDATES = 512
"""The farthest rows among which the next centres are looked for in one round."""
ROUNDING = 1e-6
"""Squared distances below this share of the largest squared length are rounding in single precision."""


def nearest(rows: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """The Euclidean distance of each row (N, D) to the nearest one of the bank (M, D), and which that is: (N,) both."""
    distances, indices = torch.empty(len(rows)), torch.empty(len(rows), dtype=torch.int64)
    middle = bank.mean(0)  # shorter vectors lose less in |x|^2 + |c|^2 - 2 x c
    missing = -len(bank) % GROUP
    centred = F.pad(bank - middle, (0, 0, 0, missing))
    lengths = centred.square().sum(1)
    lengths[len(bank) :] = torch.inf
    products = torch.empty(min(BLOCK, len(rows)), len(centred))
    for part, far, found in zip(rows.split(BLOCK), distances.split(BLOCK), indices.split(BLOCK), strict=True):
        compared = torch.addmm(lengths, part - middle, centred.T, alpha=-2, out=products[: len(part)])  # all lack |x|^2
        found.copy_(first_least(compared))
        torch.linalg.vector_norm(part - bank[found], dim=1, out=far)  # once more by differences, which cancel nothing
    return distances, indices


def first_least(values: Tensor) -> Tensor:
    """The place of each row's least value (N, a multiple of GROUP), of equal ones the first: (N,).

    Torch finds a minimum several times faster than its place: the place is looked for in one group alone.
    """
    groups = values.unflatten(1, (-1, GROUP))
    group = groups.amin(2).argmin(1)
    inside = groups[torch.arange(len(values)), group].argmin(1)
    places: Tensor = group * GROUP + inside
    return places


def k_center(rows: Tensor, count: int, *, first: int) -> Tensor:
    """At most `count` rows of (N, D), picked greedily: after `first`, each time the row farthest from those picked: (k,).

    The greedy choice covers all rows within twice the least radius possible (Gonzalez 1985). It stops where all rows are
    covered but for rounding. Picks are found several in a round: among the farthest rows the greedy choice is followed
    as long as the next pick is farther than any row outside them can be, so that the picks are those of one at a time.
    """
    rows = rows - rows.mean(0)
    lengths = rows.square().sum(1)
    enough = ROUNDING * float(lengths.max())
    far = torch.full((len(rows),), torch.inf)  # squared distances to the nearest pick
    products = torch.empty(min(BLOCK, len(rows)) * CANDIDATES)
    picks = [first]
    fresh = torch.tensor(picks)
    while True:
        _update(far, rows, lengths, fresh, products)
        if len(picks) == count:
            break
        top, candidates = far.topk(min(CANDIDATES, len(rows)))
        if top[0] <= enough:
            break
        bound = float(top[-1]) if len(candidates) < len(rows) else 0.0
        chosen = _follow(rows[candidates], top, max(bound, enough), count - len(picks))
        fresh = candidates[chosen]
        picks += fresh.tolist()
    return torch.tensor(picks)


def _update(far: Tensor, rows: Tensor, lengths: Tensor, fresh: Tensor, products: Tensor) -> None:
    """Lower the squared distances `far` (N,) to those from the fresh picks."""
    centres, added = rows[fresh], lengths[fresh]
    for part, own, least in zip(rows.split(BLOCK), lengths.split(BLOCK), far.split(BLOCK), strict=True):
        space = products[: len(part) * len(fresh)].view(len(part), len(fresh))
        compared = torch.addmm(added, part, centres.T, alpha=-2, out=space).amin(1).add_(own)
        torch.minimum(least, compared, out=least)
    far.clamp_(min=0)
    far[fresh] = 0


def _follow(vectors: Tensor, far: Tensor, bound: float, most: int) -> list[int]:
    """The greedy picks among candidates (M, D), as far as they are farther than `bound`; at least the first."""
    left = far.clone()
    chosen: list[int] = []
    while len(chosen) < most:
        value, index = left.max(0)
        if chosen and value <= bound:
            break
        chosen.append(int(index))
        torch.minimum(left, (vectors - vectors[index]).square().sum(1), out=left)
    return chosen
