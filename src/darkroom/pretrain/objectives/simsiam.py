"""SimSiam (Chen & He 2021, arXiv 2011.10566): predict the projection of another view, through which no gradient flows."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from darkroom.pretrain.objective import Objective, exact, mlp
from darkroom.pretrain.objectives.byol import negative_cosine
from darkroom.pretrain.options import Hidden, Output
from darkroom.registry import register


@register("objective", "simsiam")
class SimSiam(Objective):
    """Predict the network's own projection of the other view, without a gradient to it and without a teacher."""

    def __init__(
        self, network: Any, shape: tuple[int, int, int], *, hidden: Hidden = 512, output: Output = 512
    ) -> None:
        super().__init__(network, shape)
        self.projector = nn.Sequential(*mlp(self.width, hidden, hidden, output), nn.BatchNorm1d(output, affine=False))
        self.predictor = mlp(output, max(1, output // 4), output)  # a bottleneck, as in the paper

    def losses(self, views: list[Tensor], draws: torch.Generator) -> dict[str, Tensor]:
        projected = self.projector(self.network(torch.cat(views)))
        predicted = self.predictor(projected).float()
        with exact(predicted):
            return {"loss": negative_cosine(predicted, projected.detach().float().roll(len(views[0]), 0))}

    def embed(self, features: Tensor) -> Tensor:
        embeddings: Tensor = self.projector(features)
        return embeddings
