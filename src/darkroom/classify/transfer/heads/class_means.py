"""Nearest class mean."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from darkroom.classify.calibration import fit_temperature
from darkroom.classify.transfer.heads.examples import Examples
from darkroom.classify.transfer.heads.linear import as_layer, out_of_fold
from darkroom.registry import register


@register("head", "class_means")
class ClassMeans:
    """The class whose mean is nearest, in standardized features.

    Half the squared distances are linear in the features, up to what all classes share. They are multiplied by the factor
    that gives held-out examples the lowest cross-entropy, so that they serve as logits.
    """

    TARGETS = ("class",)

    def fit(self, examples: Examples) -> nn.Linear:
        """Return the fitted head. A class without examples is never predicted."""
        data = examples.standardized()
        held_out = examples.held_out()
        weights = torch.cat([examples.weights[None], examples.fitting(held_out)]).double()  # (1 + F, N)
        sums = torch.zeros(len(weights), examples.classes, examples.width, dtype=torch.float64)
        counts = torch.zeros(len(weights), examples.classes, dtype=torch.float64)
        for rows, block in data.blocks():
            hot = nn.functional.one_hot(examples.labels[rows], examples.classes).double()
            shares = weights[:, rows, None] * hot  # (1 + F, N, K)
            sums += shares.transpose(1, 2) @ block.double()
            counts += shares.sum(1)
        means = sums / counts.clamp(min=1e-12)[:, :, None]
        biases = torch.where(counts > 0, -means.square().sum(2) / 2, -1e9)
        logits = torch.cat([_logits(block.double(), means, biases) for _, block in data.blocks()])
        places, seen = out_of_fold(logits[:, 1:], examples.folds, held_out)
        known = (counts[1:].min(0).values > 0)[examples.labels[places]]
        scale = 1 / fit_temperature((seen[known] / examples.width).numpy(), examples.labels[places][known].numpy())
        return as_layer(*(part * scale / examples.width for part in data.unfold(means[0], biases[0])))


def _logits(block: Tensor, means: Tensor, biases: Tensor) -> Tensor:
    """Return logits (N, F, K) of features (N, D) for means (F, K, D) and biases (F, K)."""
    return torch.einsum("nd,fkd->nfk", block, means) + biases
