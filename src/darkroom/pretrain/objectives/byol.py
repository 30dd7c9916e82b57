"""BYOL (Grill et al. 2020, arXiv 2006.07733): predict the projection of another view by a slowly following teacher."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.fit.average import averaged
from darkroom.pretrain.objective import Objective, exact, mlp
from darkroom.pretrain.options import Decay, Hidden, Output
from darkroom.registry import register


@register("objective", "byol")
class BYOL(Objective):
    """Predict the teacher's projection of the other view; the teacher is an EMA of the network and its projector.

    The decay is constant, where the paper raises it from 0.996 to 1 by a cosine over a much longer run.
    """

    def __init__(
        self,
        network: Any,
        shape: tuple[int, int, int],
        *,
        decay: Decay = 0.99,
        hidden: Hidden = 512,
        output: Output = 128,
    ) -> None:
        super().__init__(network, shape)
        self.projector, self.predictor = mlp(self.width, hidden, output), mlp(output, hidden, output)
        self.teacher = averaged(nn.Sequential(self.network, self.projector), decay, warmup=False)

    def losses(self, views: list[Tensor], draws: torch.Generator) -> dict[str, Tensor]:
        both = torch.cat(views)
        predicted = self.predictor(self.projector(self.network(both))).float()
        with torch.no_grad():
            target = self.teacher(both).float()
        with exact(predicted):
            return {"loss": 2 + 2 * negative_cosine(predicted, target.roll(len(views[0]), 0))}

    def embed(self, features: Tensor) -> Tensor:
        embeddings: Tensor = self.projector(features)
        return embeddings

    def updated(self) -> None:
        self.teacher.update_parameters(nn.Sequential(self.network, self.projector))


def negative_cosine(predicted: Tensor, target: Tensor) -> Tensor:
    """Return the mean negative cosine similarity of predictions and targets (B, E)."""
    return -F.cosine_similarity(predicted, target, dim=1).mean()
