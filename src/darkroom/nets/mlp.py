"""A multilayer perceptron on pixels: the simplest baseline."""

from __future__ import annotations

import itertools
import math
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from darkroom.nets.layers import Standardize
from darkroom.registry import register
from darkroom.settings import Count


@register("network", "mlp")
class MLP(nn.Module):
    """Fully connected layers with ReLU and dropout."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        hidden: Annotated[list[Count], Field(min_length=1, description="units of each hidden layer")] = [256, 128],  # noqa: B006
        dropout: Annotated[float, Field(ge=0, lt=1, description="dropout rate of hidden units")] = 0.2,
    ) -> None:
        super().__init__()
        widths = [math.prod(shape), *hidden]
        self.standardize = Standardize(shape[0])
        self.body = nn.Sequential(
            nn.Flatten(),
            *(
                layer
                for before, after in itertools.pairwise(widths)
                for layer in (nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout))
            ),
        )
        self.head = nn.Linear(widths[-1], classes)

    def features(self, images: Tensor) -> Tensor:
        """Return the input of the last layer: (B, C, H, W) to (B, D)."""
        features: Tensor = self.body(self.standardize(images))
        return features

    def forward(self, images: Tensor) -> Tensor:  # (B, C, H, W) in [0, 1] -> logits (B, K)
        logits: Tensor = self.head(self.features(images))
        return logits
