"""Losses of one sigmoid per class or label, summed over them: several labels per image, or one class against the rest."""

from __future__ import annotations

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from darkroom.classify.losses.soft import Weighted, labelwise_mean
from darkroom.registry import register
from darkroom.settings import NonNegative


@register("loss", "binary_cross_entropy")
class BinaryCrossEntropy(Weighted):
    """Cross-entropy of one sigmoid per class or label, in nats, summed over them.

    PyTorch's `binary_cross_entropy_with_logits` with class weights as `pos_weight`, summed over labels and averaged over
    images. The weights apply to the positive terms only: all images carry the negative ones.
    """

    TARGETS = ("class", "labels")
    SOFT = True
    LINK = "sigmoid"

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return labelwise_mean(-F.logsigmoid(logits), -F.logsigmoid(-logits), targets, self.weights)


@register("loss", "asymmetric")
class Asymmetric(Weighted):
    """Focuses on the few labels that an image has, not the many that it lacks (Ridnik et al. 2021, arXiv 2009.14119).

    Equations 4 to 7: a present label costs (1 - p)^γ₊ · -log p, an absent one p_m^γ₋ · -log(1 - p_m), with p_m = max(p - m, 0)
    for a probability margin m. A mixed target costs the mixture of both. Equal gammas without a margin are the focal loss on
    sigmoids.
    """

    TARGETS = ("labels", "class")
    SOFT = True
    LINK = "sigmoid"

    def __init__(
        self,
        weights: Tensor | None = None,
        *,
        gamma_positive: Annotated[
            NonNegative, Field(description="focusing exponent for labels that are present")
        ] = 0.0,
        gamma_negative: Annotated[NonNegative, Field(description="focusing exponent for labels that are absent")] = 4.0,
        margin: Annotated[
            float, Field(ge=0, lt=1, description="probability below which an absent label costs nothing")
        ] = 0.05,
    ) -> None:
        super().__init__(weights)
        self.gammas, self.margin = (gamma_positive, gamma_negative), margin

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        tiny = torch.finfo(logits.dtype).tiny  # the gradient of 0^γ may be infinite
        present = torch.sigmoid(-logits).clamp_min(tiny) ** self.gammas[0] * -F.logsigmoid(logits)
        shifted = (torch.sigmoid(logits) - self.margin).clamp_min(tiny)
        log = F.logsigmoid(-logits) if self.margin == 0 else torch.log1p(-shifted)
        return labelwise_mean(present, shifted ** self.gammas[1] * -log, targets, self.weights)
