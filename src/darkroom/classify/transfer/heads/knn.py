"""k nearest neighbors."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from darkroom.classify.transfer.heads.examples import Examples
from darkroom.nets.neighbors import Neighbors, vote
from darkroom.registry import register
from darkroom.settings import Count

CHOICES = (1, 3, 5, 10, 20, 50)
"""Numbers of neighbors to choose from."""
BLOCK = 1024
"""Queries at a time."""


@register("head", "knn")
class Knn:
    """The classes of the k most similar training images, by cosine similarity; the head holds their features."""

    TARGETS = ("class",)

    def __init__(
        self,
        *,
        k: Annotated[
            Count | None, Field(description="number of neighbors; default: the best in cross-validation")
        ] = None,
    ) -> None:
        self.k = k

    def fit(self, examples: Examples) -> Neighbors:
        """Return the fitted head, which holds all features: its size grows with their number."""
        head = Neighbors(examples.width, examples.classes)
        head.bank = torch.cat([F.normalize(block).half() for _, block in examples.blocks()])
        head.labels = examples.labels.clone()
        head.k = torch.tensor(self.k or _best(head.bank, examples))
        return head


def _best(bank: Tensor, examples: Examples) -> int:
    """Choose k by the cross-entropy of examples whose own fold may not vote."""
    if len(examples.folds.unique()) < 2:
        return 1
    held_out = torch.isin(examples.folds, torch.tensor(examples.held_out()))
    queries = torch.nonzero(held_out)[:, 0]
    choices = [k for k in CHOICES if k <= len(bank)]
    totals = torch.zeros(len(choices), dtype=torch.float64)
    for rows in queries.split(BLOCK):
        similar = bank[rows].float() @ bank.float().T
        similar[examples.folds[rows][:, None] == examples.folds] = -1.0
        found = similar.topk(choices[-1])
        labels, weights = examples.labels[found.indices], examples.weights[rows].double()
        for index, k in enumerate(choices):
            logs = vote(found.values[:, :k], labels[:, :k], examples.classes)
            totals[index] -= (logs.gather(1, examples.labels[rows][:, None])[:, 0].double() * weights).sum()
    return choices[int(totals.argmin())]
