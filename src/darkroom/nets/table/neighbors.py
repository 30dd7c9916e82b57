"""Nearest rows of a table, by the Euclidean distance of their vectors."""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 1024
"""Rows whose distances are in memory at a time."""


def closest(vectors: Tensor, bank: Tensor, count: int, *, own: bool = False) -> tuple[Tensor, Tensor]:
    """Return the Euclidean distances (N, k) to the nearest rows of the bank, nearest first, and their indices.

    With `own`, the vectors are the bank, and no row is its own neighbor. There are at most as many neighbors as rows.
    """
    count = min(count, len(bank) - own)
    distances, indices = [], []
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        # differences instead of matrix products, whose cancellation would give near-duplicates a distance
        found = torch.cdist(block, bank, compute_mode="donot_use_mm_for_euclid_dist")
        if own:
            here = torch.arange(len(block))
            found[here, here + start] = torch.inf
        nearest = found.topk(count, largest=False)
        distances.append(nearest.values)
        indices.append(nearest.indices)
    return torch.cat(distances), torch.cat(indices)
