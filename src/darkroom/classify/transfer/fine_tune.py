"""Fine-tuning: after the head, the whole network trains, its early layers at lower rates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from darkroom.classify.transfer.adaptation import Adaptation
from darkroom.classify.transfer.layers import decayed_rates
from darkroom.classify.transfer.options import FrozenNorm, StartSize
from darkroom.nets.transfer import Pretrained
from darkroom.registry import register


@register("transfer", "fine_tune")
class FineTune(Adaptation):
    """Fit the head, then train the whole network with learning rates that fall towards the input."""

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
        layer_decay: Annotated[
            float, Field(gt=0, le=1, description="factor on the learning rate from each block to the one before it")
        ] = 0.9,
        frozen_norm: FrozenNorm = True,
        start_size: StartSize = 1.0,
    ) -> None:
        super().__init__(frozen_norm=frozen_norm, start_size=start_size)
        self.layer_decay = layer_decay

    def rates(self, network: Pretrained) -> Mapping[str, float]:
        return decayed_rates(network, self.layer_decay)
