"""Focal loss on softmax probabilities."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from darkroom.classify.losses.soft import Weighted, weighted_mean
from darkroom.registry import register
from darkroom.settings import NonNegative


@register("loss", "focal")
class Focal(Weighted):
    """Cross-entropy that gives less weight to images the network already gets right (Lin et al. 2017, arXiv 1708.02002).

    Equation 5 with softmax probabilities p: -Σ_k t_k α_k (1 - p_k)^γ log p_k. It is linear in the targets t, so the loss of
    a mixed image is the mixture of the losses of its classes. For several labels per image, `asymmetric` with equal gammas
    and no margin is the focal loss on sigmoids.
    """

    TARGETS = ("class",)
    SOFT = True
    LINK = "softmax"

    def __init__(
        self,
        weights: Tensor | None = None,
        *,
        gamma: Annotated[NonNegative, Field(description="focusing exponent; 0 is cross-entropy")] = 2.0,
        alpha: Annotated[
            list[NonNegative] | None, Field(min_length=2, description="factor per class, in the order of the classes")
        ] = None,
    ) -> None:
        super().__init__(weights)
        self.register_buffer("alpha", None if alpha is None else torch.tensor(alpha), persistent=False)
        self.gamma = gamma

    alpha: Tensor | None

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        logs = logits.log_softmax(1)
        wrong = (-torch.expm1(logs)).clamp_min(
            torch.finfo(logs.dtype).tiny
        )  # 1 - p; the gradient of 0^γ may be infinite
        losses = -(wrong**self.gamma) * logs
        if self.alpha is not None:
            losses = losses * self.alpha
        return weighted_mean(losses, targets, self.weights)
