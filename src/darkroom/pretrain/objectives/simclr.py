"""SimCLR (Chen et al. 2020, arXiv 2002.05709): two views of an image agree, and differ from all other images of the batch."""

from __future__ import annotations

from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from darkroom.pretrain.objective import JointEmbedding, mlp
from darkroom.pretrain.options import Hidden, Output
from darkroom.registry import register


@register("objective", "simclr")
class SimCLR(JointEmbedding):
    """Contrast two views of each image with the other images of the batch, by the NT-Xent loss."""

    def __init__(
        self,
        network: Any,
        shape: tuple[int, int, int],
        *,
        temperature: Annotated[float, Field(gt=0, le=10, description="temperature of the similarities")] = 0.5,
        hidden: Hidden = 512,
        output: Output = 128,
    ) -> None:
        super().__init__(network, shape)
        self.temperature = temperature
        self.projector = mlp(self.width, hidden, output)

    def compare(self, first: Tensor, second: Tensor) -> dict[str, Tensor]:
        return {"loss": nt_xent(first, second, temperature=self.temperature)}


def nt_xent(first: Tensor, second: Tensor, *, temperature: float) -> Tensor:
    """Return the mean cross-entropy of finding each projection's other view, (B, E) each, among all 2B - 1 others.

    Similarities are cosines divided by the temperature.
    """
    unit = F.normalize(torch.cat([first, second]))
    similar = (unit @ unit.T / temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(similar, torch.arange(len(unit), device=unit.device).roll(len(first)))
