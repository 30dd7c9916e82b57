"""Classes by the votes of the nearest training images, which need no training; also as a head without weights."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TEMPERATURE = 0.07
"""Of the similarities, as in Wu et al. 2018."""
SMOOTHING = 1e-3
"""Share of the vote that is spread over all classes, so that none is impossible."""

K = 20
"""Neighbors that vote when features are measured."""
BLOCK = 512


class Neighbors(nn.Module):
    """Log-probabilities (B, K) by the votes of the k most similar features of a bank.

    A vote weighs exp(cosine similarity / 0.07) (Wu et al. 2018, arXiv 1805.01978). The bank (N, D) has unit length and
    half precision; together with the labels (N,) and k it is part of the state dict, and loading takes their sizes from
    there.
    """

    bank: Tensor
    labels: Tensor
    k: Tensor

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.register_buffer("bank", torch.zeros(0, width, dtype=torch.float16))
        self.register_buffer("labels", torch.zeros(0, dtype=torch.long))
        self.register_buffer("k", torch.ones((), dtype=torch.long))

    def forward(self, features: Tensor) -> Tensor:
        similar = F.normalize(features.float()) @ self.bank.float().T
        found = similar.topk(min(int(self.k), len(self.bank)))
        return vote(found.values, self.labels[found.indices], self.classes)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in ("bank", "labels"):
            if (saved := state_dict.get(prefix + name)) is not None:
                setattr(self, name, torch.empty_like(saved, device=self.bank.device))
        super()._load_from_state_dict(state_dict, prefix, *rest)


def vote(similar: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Return the log-shares (B, K) of the vote of neighbors with these similarities and labels (B, k)."""
    weights = ((similar - similar[:, :1]) / TEMPERATURE).exp()
    votes = torch.zeros(len(similar), classes, dtype=weights.dtype, device=weights.device)
    votes.scatter_add_(1, labels, weights)
    shares = votes / votes.sum(1, keepdim=True)
    return torch.log(shares * (1 - SMOOTHING) + SMOOTHING / classes)


def classified(bank: Tensor, labels: Tensor, queries: Tensor | None, *, classes: int) -> Tensor:
    """Return the classes (N,) of queries (N, D) by the 20 nearest features of a bank (M, D) with labels (M,).

    Without queries, each feature of the bank is classified by all others.
    """
    alone, unit = queries is None, F.normalize(bank.float())
    asked = unit if queries is None else F.normalize(queries.float())
    found = []
    for start in range(0, len(asked), BLOCK):
        similar = asked[start : start + BLOCK] @ unit.T
        if alone:
            similar.diagonal(start).fill_(-2)
        near = similar.topk(min(K, len(unit) - alone))
        found.append(vote(near.values, labels[near.indices], classes).argmax(1))
    return torch.cat(found)
