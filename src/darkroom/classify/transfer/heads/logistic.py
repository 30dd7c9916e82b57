"""Multinomial logistic regression."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.classify.transfer.heads.examples import Examples
from darkroom.classify.transfer.heads.linear import Linear, best_strength
from darkroom.classify.transfer.options import Strength
from darkroom.registry import register


@register("head", "logistic")
class Logistic:
    """Multinomial logistic regression with an L2 penalty on standardized features."""

    def __init__(self, *, c: Strength = None) -> None:
        self.c = c

    def fit(self, examples: Examples) -> nn.Linear:
        """Return the fitted head."""
        data = examples.standardized()
        c = self.c if self.c is not None else best_strength(data, cross_entropy, penalize_bias=False)[0]
        linear = Linear(data, 1)
        linear.fit(cross_entropy, examples.weights[None], c, penalize_bias=False)
        return linear.module()


def cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cross-entropies (N, F) of logits (N, F, K) with labels (N,), and their gradients by the logits."""
    logs = logits.log_softmax(2)
    targets = F.one_hot(labels, logits.shape[2]).to(logits)[:, None]
    return -(logs * targets).sum(2), torch.exp(logs) - targets
