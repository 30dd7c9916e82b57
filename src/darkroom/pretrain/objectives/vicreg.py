"""VICReg (Bardes et al. 2022, arXiv 2105.04906): two views agree, every dimension varies, and dimensions do not correlate."""

from __future__ import annotations

from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from darkroom.pretrain.objective import JointEmbedding, mlp
from darkroom.pretrain.options import Hidden, Output
from darkroom.registry import register
from darkroom.settings import NonNegative

EPSILON = 1e-4


@register("objective", "vicreg")
class VICReg(JointEmbedding):
    """Keep two views of an image close, while every dimension of the embeddings varies and none repeats another."""

    directions = False

    def __init__(
        self,
        network: Any,
        shape: tuple[int, int, int],
        *,
        invariance: Annotated[NonNegative, Field(description="weight of the squared distance of the views")] = 25.0,
        variance: Annotated[
            NonNegative, Field(description="weight of the hinge on standard deviations below 1")
        ] = 25.0,
        covariance: Annotated[NonNegative, Field(description="weight of the squared covariances")] = 1.0,
        hidden: Hidden = 512,
        output: Output = 512,
    ) -> None:
        super().__init__(network, shape)
        self.weights = invariance, variance, covariance
        self.projector = mlp(self.width, hidden, hidden, output)

    def compare(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        parts = F.mse_loss(first, second), *regularizers(first, second)
        loss = sum(weight * part for weight, part in zip(self.weights, parts, strict=True))
        return {
            "loss": torch.as_tensor(loss),
            **dict(zip(("invariance", "variance", "covariance"), parts, strict=True)),
        }


def regularizers(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Return variance and covariance terms of embeddings (B, E), as in the authors' code.

    The variance term is averaged over the two views, the covariance term summed.
    """
    variance, covariance = first.new_zeros(()), first.new_zeros(())
    for view in (first, second):
        centered = view - view.mean(0)
        matrix = centered.T @ centered / (len(view) - 1)
        deviation = (matrix.diagonal() + EPSILON).sqrt()
        variance = variance + F.relu(1 - deviation).mean() / 2
        covariance = covariance + (matrix.square().sum() - matrix.diagonal().square().sum()) / view.shape[1]
    return variance, covariance
