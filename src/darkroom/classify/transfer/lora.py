"""LoRA (Hu et al. 2022, arXiv 2106.09685): attention adapts by products of low-rank matrices, all else is frozen.

Hu et al. adapt the query and value projections of language models; here every projection of an attention layer adapts, as
timm's layers hold query, key and value in a single matrix. After training the products are added to the weights, so that
the saved network is an ordinary one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils import parametrize

from darkroom.classify.transfer.adaptation import Adaptation, freeze
from darkroom.nets.transfer import Pretrained
from darkroom.registry import register
from darkroom.settings import Count, Positive


@register("transfer", "lora")
class Lora(Adaptation):
    """Fit the head, then train it with low-rank changes of the attention weights of a transformer."""

    TRAINING = {"epochs": 10, "batch_size": 32, "threads": 2, "optimizer": {"name": "adamw", "lr": 0.001}}

    def __init__(
        self,
        *,
        rank: Annotated[Count, Field(description="rank of each change")] = 8,
        alpha: Annotated[Positive, Field(description="each change is scaled by alpha / rank")] = 16.0,
    ) -> None:
        super().__init__()
        self.rank, self.alpha = rank, alpha

    def prepare(self, network: Pretrained) -> None:
        """Raise ValueError if the network has no attention layer."""
        found = [*projections(network.backbone)]
        if not found:
            raise ValueError(
                "transfer: lora adapts attention layers, and this network has none; use fine_tune or partial"
            )
        freeze(network)
        network.head.requires_grad_(True)
        for module, name in found:
            change = LowRank(getattr(module, name), rank=self.rank, alpha=self.alpha)
            parametrize.register_parametrization(module, name, change)

    def finish(self, network: Pretrained) -> None:
        """Add the trained changes to the weights."""
        for module, name in [*projections(network.backbone)]:
            parametrize.remove_parametrizations(module, name, leave_parametrized=True)
        network.requires_grad_(True)


class LowRank(nn.Module):
    """The weight (out, in) plus alpha / rank times B (out, rank) times A (rank, in); B starts at zero."""

    def __init__(self, weight: Tensor, *, rank: int, alpha: float) -> None:
        super().__init__()
        outputs, inputs = weight.shape
        self.down = nn.Parameter(weight.new_empty(rank, inputs))
        self.up = nn.Parameter(weight.new_zeros(outputs, rank))
        self.scale = alpha / rank
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * (self.up @ self.down)


def projections(network: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Yield every weight matrix of an attention layer: its module, and its name there.

    These are the linear layers directly in a module whose class is called attention, as timm's are, and the weights of
    `nn.MultiheadAttention`, which torchvision uses.
    """
    for module in network.modules():
        if isinstance(module, nn.MultiheadAttention):
            yield module, "in_proj_weight"
            yield module.out_proj, "weight"
        elif "attention" in type(module).__name__.lower():
            yield from ((child, "weight") for child in module.children() if isinstance(child, nn.Linear))
