"""Logistic regression: multinomial for one class per image, binary for each of several labels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.classify.transfer.heads.examples import Examples
from darkroom.classify.transfer.heads.linear import fitted
from darkroom.classify.transfer.options import Strength
from darkroom.registry import register


@register("head", "logistic")
class Logistic:
    """Logistic regression with an L2 penalty on standardized features: multinomial, or binary for each of several labels."""

    TARGETS = ("class", "labels")

    def __init__(self, *, c: Strength = None) -> None:
        self.c = c

    def fit(self, examples: Examples) -> nn.Linear:
        """Return the fitted head."""
        loss = cross_entropy if examples.labels.ndim == 1 else binary_cross_entropy
        return fitted(examples, loss, self.c)


def cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cross-entropies (N, F) of logits (N, F, K) with labels (N,), and their gradients by the logits."""
    logs = logits.log_softmax(2)
    targets = F.one_hot(labels, logits.shape[2]).to(logits)[:, None]
    return -(logs * targets).sum(2), torch.exp(logs) - targets


def binary_cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cross-entropies (N, F) of logits (N, F, K) with labels (N, K) of 0 and 1, summed over labels, and their
    gradients by the logits."""
    targets = labels[:, None].expand_as(logits)
    losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return losses.sum(2), logits.sigmoid() - targets
