"""Barlow Twins (Zbontar et al. 2021, arXiv 2103.03230): the cross-correlation of two views approaches the identity."""

from __future__ import annotations

from typing import Annotated, Any

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from darkroom.pretrain.objective import JointEmbedding, mlp
from darkroom.pretrain.options import Hidden, Output
from darkroom.registry import register
from darkroom.settings import NonNegative


@register("objective", "barlow_twins")
class BarlowTwins(JointEmbedding):
    """Correlate each dimension of the embeddings with itself between two views, and with no other dimension."""

    def __init__(
        self,
        network: Any,
        shape: tuple[int, int, int],
        *,
        redundancy: Annotated[NonNegative, Field(description="weight of the correlations between dimensions")] = 0.005,
        hidden: Hidden = 512,
        output: Output = 512,
    ) -> None:
        super().__init__(network, shape)
        self.redundancy = redundancy
        self.projector = mlp(self.width, hidden, hidden, output)

    def compare(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        return {"loss": cross_correlation(first, second, redundancy=self.redundancy)}


def cross_correlation(first: Tensor, second: Tensor, *, redundancy: float) -> Tensor:
    """Return the squared distance of the cross-correlation of embeddings (B, E) from the identity.

    Off-diagonal entries are weighted by `redundancy`.
    """
    one, other = (F.batch_norm(view, None, None, training=True) for view in (first, second))
    matrix = one.T @ other / len(first)
    diagonal = matrix.diagonal()
    apart = matrix.square().sum() - diagonal.square().sum()
    return (diagonal - 1).square().sum() + redundancy * apart
