"""Rotation prediction (Gidaris et al. 2018, arXiv 1803.07728): recognize by how many quarter turns an image is rotated."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.pretrain.objective import Objective, exact
from darkroom.registry import register


@register("objective", "rotation")
class Rotation(Objective):
    """Classify the rotation of each image, of which the batch holds all four. It needs square images."""

    VIEWS = ({"name": "crop", "area": 0.5, "ratio": 1.33, "interpolation": "linear"}, {"name": "hflip"})
    full = 1
    embeds = False

    def __init__(self, network: Any, shape: tuple[int, int, int]) -> None:
        super().__init__(network, shape)
        if shape[1] != shape[2]:
            raise ValueError(
                f"rotation turns images by 90 degrees, but they are {shape[1]}×{shape[2]}; set data.size to one number"
            )
        self.head = nn.Linear(self.width, 4)

    def losses(self, views: list[Tensor], draws: torch.Generator) -> dict[str, Tensor]:
        [images] = views
        turned = torch.cat([torch.rot90(images, turns, (2, 3)) for turns in range(4)])
        logits = self.head(self.network(turned.contiguous(memory_format=torch.channels_last))).float()
        turns = torch.arange(4, device=images.device).repeat_interleave(len(images))
        with exact(logits):
            return {
                "loss": F.cross_entropy(logits, turns),
                "accuracy": (logits.detach().argmax(1) == turns).float().mean(),
            }
