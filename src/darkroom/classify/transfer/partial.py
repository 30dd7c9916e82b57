"""Partial fine-tuning: the last blocks train, everything before them stays as it is."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkroom.classify.transfer.adaptation import Adaptation
from darkroom.classify.transfer.layers import depths
from darkroom.classify.transfer.options import FrozenNorm, StartSize
from darkroom.nets.transfer import Pretrained
from darkroom.registry import register
from darkroom.settings import Count


@register("transfer", "partial")
class Partial(Adaptation):
    """Fit the head, then train it with the last blocks of the network."""

    TRAINING = {
        "epochs": 10,
        "batch_size": 32,
        "threads": 2,
        "precision": "fp32",  # on CPUs, bf16 slows the backward pass of depthwise convolutions down
        "optimizer": {"name": "adamw", "lr": 0.0003, "weight_decay": 0.05},
    }

    def __init__(
        self,
        *,
        blocks: Annotated[Count, Field(description="how many of the last blocks train")] = 2,
        frozen_norm: FrozenNorm = True,
        start_size: StartSize = 1.0,
    ) -> None:
        super().__init__(frozen_norm=frozen_norm, start_size=start_size)
        self.blocks = blocks

    def prepare(self, network: Pretrained) -> None:
        """Raise ValueError if the network has fewer blocks."""
        known = len(network.blocks())
        if self.blocks > known:
            raise ValueError(
                f"transfer.blocks is {self.blocks}, but the network has {known}; lower it, or use fine_tune"
            )
        found = depths(network)
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(found[name] >= known - self.blocks)
