"""Cross-entropy of softmax probabilities, the default loss for one class per image."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from darkroom.classify.losses.soft import Weighted, weighted_mean
from darkroom.registry import register


@register("loss", "cross_entropy")
class CrossEntropy(Weighted):
    """Cross-entropy in nats, optionally with label smoothing (Szegedy et al. 2016, arXiv 1512.00567)."""

    TARGETS = ("class",)
    SOFT = True
    LINK = "softmax"

    def __init__(
        self,
        weights: Tensor | None = None,
        *,
        label_smoothing: Annotated[
            float, Field(ge=0, lt=1, description="probability mass of each target spread uniformly over all classes")
        ] = 0.0,
    ) -> None:
        super().__init__(weights)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        if self.label_smoothing:
            targets = torch.lerp(targets, torch.full_like(targets, 1 / targets.shape[1]), self.label_smoothing)
        return weighted_mean(-logits.log_softmax(1), targets, self.weights)
