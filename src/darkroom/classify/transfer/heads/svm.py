"""Linear support vector machines."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.classify.calibration import fit_temperature
from darkroom.classify.transfer.heads.examples import Examples
from darkroom.classify.transfer.heads.linear import Linear, best_strength
from darkroom.classify.transfer.options import Strength
from darkroom.registry import register


@register("head", "svm")
class Svm:
    """One linear support vector machine per class against all others, with squared hinge loss (Fan et al. 2008).

    As in LIBLINEAR, biases are penalized too. Its scores are no log-probabilities: they are multiplied by the factor that
    gives held-out examples the lowest cross-entropy.
    """

    TARGETS = ("class",)

    def __init__(self, *, c: Strength = None) -> None:
        self.c = c

    def fit(self, examples: Examples) -> nn.Linear:
        """Return the fitted head."""
        data = examples.standardized()
        best, rows, logits = best_strength(data, squared_hinge, penalize_bias=True)
        linear = Linear(data, 1)
        linear.fit(squared_hinge, examples.weights[None], best if self.c is None else self.c, penalize_bias=True)
        return linear.module(1 / fit_temperature(logits.double().numpy(), examples.labels[rows].numpy()))


def squared_hinge(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the squared hinge losses (N, F) of scores (N, F, K), summed over classes, and their gradients."""
    signs = 2 * F.one_hot(labels, logits.shape[2]).to(logits)[:, None] - 1
    missing = (1 - signs * logits).clamp(min=0)
    return missing.square().sum(2), -2 * signs * missing
