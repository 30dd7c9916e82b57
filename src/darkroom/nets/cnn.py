"""A plain convolutional network in the pattern of LeNet (LeCun et al. 1998) and VGG (Simonyan & Zisserman 2015)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from darkroom.nets import layers
from darkroom.nets.init import initialize, initialize_convolutions
from darkroom.nets.options import Activation, Dropout, Init, Norm
from darkroom.registry import register
from darkroom.settings import Count


@register("network", "cnn")
class CNN(nn.Module):
    """Stages of convolutions and max pooling that halve the resolution and double the channels, then global average pooling.

    With `hidden`, the last stage is pooled like the others, and a hidden layer sees all of its positions.
    """

    TRAINING = {"optimizer": {"lr": 0.01}, "schedule": {"cycle_momentum": False}}

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        width: Annotated[Count, Field(description="channels of the first stage")] = 32,
        stages: Annotated[Count, Field(le=6, description="number of stages, with max pooling between them")] = 3,
        depth: Annotated[Count, Field(description="convolutions per stage")] = 2,
        kernel: Annotated[Literal[1, 3, 5, 7], Field(description="side of the convolutions in pixels")] = 3,
        activation: Activation = "relu",
        norm: Norm = "batch",
        init: Init = None,
        dropout: Dropout = 0.0,
        hidden: Annotated[
            Count | None,
            Field(
                description="units of a hidden layer on the maps of the last stage, as in LeNet and VGG; default: none, after "
                "global average pooling"
            ),
        ] = None,
    ) -> None:
        super().__init__()
        self.standardize = layers.Standardize(shape[0])
        self.stages = nn.ModuleList()
        before = shape[0]
        for stage in range(stages):
            body: list[nn.Module] = [nn.MaxPool2d(2, ceil_mode=True)] if stage else []
            for _ in range(depth):
                after = width * 2**stage
                body.append(nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=norm == "none"))
                if norm != "none":
                    body.append(layers.norm(norm, after, dimensions=2))
                body.append(layers.activation(activation))
                before = after
            self.stages.append(nn.Sequential(*body))
        self.pool: nn.Module = nn.AdaptiveAvgPool2d(1)
        if hidden is not None:
            positions = math.prod(math.ceil(side / 2**stages) for side in shape[1:])
            self.pool = nn.Sequential(
                nn.MaxPool2d(2, ceil_mode=True),
                nn.Flatten(),
                nn.Linear(before * positions, hidden),
                layers.activation(activation),
            )
            before = hidden
        last = nn.Linear(before, classes)
        self.head = nn.Sequential(nn.Dropout(dropout), last)
        initialize_convolutions(self, activation)
        initialize(self, init, activation, last=last)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Return each stage's feature map (B, D, h, w), half the size each time."""
        maps = [self.standardize(images)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]

    def features(self, images: Tensor) -> Tensor:
        """Return the input of the last layer: (B, C, H, W) to (B, D)."""
        pooled: Tensor = self.pool(self.feature_maps(images)[-1])
        return pooled.flatten(1)

    def forward(self, images: Tensor) -> Tensor:  # (B, C, H, W) in [0, 1] -> logits (B, K)
        logits: Tensor = self.head(self.features(images))
        return logits
