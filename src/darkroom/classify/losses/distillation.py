"""Distillation: learning from the probabilities of another classifier as well as from the labels."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from darkroom.classify.losses.soft import Weighted, weighted_mean
from darkroom.registry import register
from darkroom.settings import Name, Positive, Probability


@register("loss", "distillation")
class Distillation(Weighted):
    """Learns a trained classifier's softened probabilities along with the labels (Hinton et al. 2015, arXiv 1503.02531).

    (1 - w) times the cross-entropy with the labels, plus w T² times the divergence KL(teacher, student) of both softmaxes at
    temperature T. T² keeps the size of the gradient; the divergence differs from the paper's cross-entropy by a constant.
    """

    TARGETS = ("class",)
    SOFT = True
    LINK = "softmax"

    def __init__(
        self,
        weights: Tensor | None = None,
        *,
        teacher: Annotated[
            Name, Field(description="the classifier to learn from, one of `classify.models`; same policy and seed")
        ],
        temperature: Annotated[Positive, Field(description="temperature T of both softmaxes")] = 4.0,
        weight: Annotated[Probability, Field(description="weight w of the teacher's probabilities")] = 0.9,
    ) -> None:
        super().__init__(weights)
        self.temperature, self.weight = temperature, weight

    def forward(self, logits: Tensor, targets: Tensor, taught: Tensor) -> Tensor:
        """Return the loss of logits (B, K), with targets (B, K) and the teacher's logits (B, K) for the same images."""
        hard = weighted_mean(-logits.log_softmax(1), targets, self.weights)
        student, teacher = (logits / self.temperature).log_softmax(1), (taught / self.temperature).log_softmax(1)
        divergence = (teacher.exp() * (teacher - student)).sum(1).mean()
        return (1 - self.weight) * hard + self.weight * self.temperature**2 * divergence
