"""Nearest-neighbor search and k-center coresets: Euclidean distances as matrix products in preallocated buffers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 2048
"""Rows whose distances are in memory at a time."""
GROUP = 256
"""Adjacent values whose minimum is found before its index."""
CANDIDATES = 512
"""The farthest rows, among which a round looks for the next centers."""
ROUNDING = 1e-6
"""Squared distances below this share of the largest squared norm are rounding errors in single precision."""


def nearest(rows: Tensor, bank: Tensor) -> tuple[Tensor, Tensor]:
    """Return the Euclidean distance of each row (N, D) to its nearest row of the bank (M, D), and that row's index: (N,) each."""
    if torch.compiler.is_exporting():  # no blocks, whose number would fix the batch size of the graph
        offsets = rows - bank.mean(0), bank - bank.mean(0)
        found = (offsets[1].square().sum(1) - 2 * offsets[0] @ offsets[1].T).argmin(1)
        return torch.linalg.vector_norm(rows - bank[found], dim=1), found
    distances, indices = torch.empty(len(rows)), torch.empty(len(rows), dtype=torch.int64)
    middle = bank.mean(0)  # smaller norms cancel less in |x|^2 + |c|^2 - 2 x c
    missing = -len(bank) % GROUP
    centred = F.pad(bank - middle, (0, 0, 0, missing))
    lengths = centred.square().sum(1)
    lengths[len(bank) :] = torch.inf
    products = torch.empty(min(BLOCK, len(rows)), len(centred))
    for part, far, found in zip(rows.split(BLOCK), distances.split(BLOCK), indices.split(BLOCK), strict=True):
        compared = torch.addmm(lengths, part - middle, centred.T, alpha=-2, out=products[: len(part)])  # without |x|^2
        found.copy_(first_least(compared))
        torch.linalg.vector_norm(
            part - bank[found], dim=1, out=far
        )  # recomputed from differences, without cancellation
    return distances, indices


def first_least(values: Tensor) -> Tensor:
    """Return the index of each row's minimum, the first of equal ones: (N, a multiple of GROUP) -> (N,).

    Torch's amin is several times faster than its argmin, so the index is searched for in a single group.
    """
    groups = values.unflatten(1, (-1, GROUP))
    group = groups.amin(2).argmin(1)
    inside = groups[torch.arange(len(values)), group].argmin(1)
    places: Tensor = group * GROUP + inside
    return places


def k_center(rows: Tensor, count: int, *, first: int) -> Tensor:
    """Select at most `count` of the rows (N, D) greedily: `first`, then always the row farthest from those selected: (k,).

    The greedy selection covers all rows within twice the optimal radius (Gonzalez 1985). It stops early once every row is
    covered up to rounding. A round selects several rows: it follows the greedy order among the farthest rows for as long as
    the next one is farther than any row outside them can be, so the result equals that of one row at a time.
    """
    return _greedy(rows, torch.full((len(rows),), torch.inf), count, [first])


def k_center_beyond(rows: Tensor, bank: Tensor, count: int) -> Tensor:
    """Continue a selection whose rows are in `bank` (M, D): select at most `count` of the rows (N, D) as `k_center` does."""
    return _greedy(rows, nearest(rows, bank)[0].square(), count, [])


def _greedy(rows: Tensor, far: Tensor, count: int, picks: list[int]) -> Tensor:
    """Select rows until there are `count`; `far` (N,) are the squared distances to what was selected before `picks`."""
    rows = rows - rows.mean(0)
    lengths = rows.square().sum(1)
    enough = ROUNDING * float(lengths.max())
    products = torch.empty(min(BLOCK, len(rows)) * CANDIDATES)
    fresh = torch.tensor(picks, dtype=torch.int64)
    while True:
        if len(fresh):
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
    return torch.tensor(picks, dtype=torch.int64)


def _update(far: Tensor, rows: Tensor, lengths: Tensor, fresh: Tensor, products: Tensor) -> None:
    """Lower the squared distances `far` (N,) to those from the newly selected rows."""
    centres, added = rows[fresh], lengths[fresh]
    for part, own, least in zip(rows.split(BLOCK), lengths.split(BLOCK), far.split(BLOCK), strict=True):
        space = products[: len(part) * len(fresh)].view(len(part), len(fresh))
        compared = torch.addmm(added, part, centres.T, alpha=-2, out=space).amin(1).add_(own)
        torch.minimum(least, compared, out=least)
    far.clamp_(min=0)
    far[fresh] = 0


def _follow(vectors: Tensor, far: Tensor, bound: float, most: int) -> list[int]:
    """Return the greedy selection among candidates (M, D) while they are farther than `bound`; at least the first."""
    left = far.clone()
    chosen: list[int] = []
    while len(chosen) < most:
        value, index = left.max(0)
        if chosen and value <= bound:
            break
        chosen.append(int(index))
        torch.minimum(left, (vectors - vectors[index]).square().sum(1), out=left)
    return chosen
