"""A small pre-activation ResNet for small images (He et al. 2016), initialized as in He et al. 2015."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from darkroom.nets import layers
from darkroom.nets.init import initialize, initialize_convolutions
from darkroom.nets.layers import Standardize
from darkroom.nets.options import Activation, Activations, Dropout, Init, Norm, Norms, Skip, StochasticDepth
from darkroom.registry import register
from darkroom.settings import Count


@register("network", "resnet")
class ResNet(nn.Module):
    """Residual stages that halve the resolution and double the channels, then global average pooling."""

    TRAINING = {"optimizer": {"lr": 0.01}, "schedule": {"cycle_momentum": False}}
    """After He's initialization, batch norm makes the usual rate of 0.003 a small relative step."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        width: Annotated[Count, Field(description="channels of the first stage")] = 32,
        stages: Annotated[Count, Field(le=6, description="number of stages; each halves the resolution")] = 3,
        blocks: Annotated[Count, Field(description="residual blocks per stage")] = 1,
        activation: Activation = "relu",
        norm: Norm = "batch",
        skip: Skip = True,
        init: Init = None,
        dropout: Dropout = 0.0,
        stochastic_depth: StochasticDepth = 0.0,
    ) -> None:
        super().__init__()
        self.standardize = Standardize(shape[0])
        self.stem = nn.Conv2d(shape[0], width, 3, padding=1, bias=norm == "none")
        body: list[nn.Module] = []
        before = width
        for number in range(stages * blocks):
            stage, block = divmod(number, blocks)
            drop = stochastic_depth * (number + 1) / (stages * blocks)
            after, stride = width * 2**stage, 1 if block else 2
            body.append(Residual(before, after, stride=stride, activation=activation, norm=norm, skip=skip, drop=drop))
            before = after
        self.body = nn.Sequential(*body, layers.norm(norm, before, dimensions=2), layers.activation(activation))
        self.pool = nn.AdaptiveAvgPool2d(1)
        last = nn.Linear(before, classes)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), last)
        initialize_convolutions(self, activation)
        initialize(self, init, activation, last=last)

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """Return the last feature map per resolution: the stem's (B, D, H, W), then each stage's, half the size each time."""
        maps = [self.stem(self.standardize(images))]
        for layer in self.body:
            x = layer(maps[-1])
            if isinstance(layer, Residual) and layer.conv1.stride == (2, 2):
                maps.append(x)
            else:
                maps[-1] = x
        return maps

    def features(self, images: Tensor) -> Tensor:
        """Return the input of the last layer: (B, C, H, W) to (B, D)."""
        pooled: Tensor = self.pool(self.body(self.stem(self.standardize(images))))
        return pooled.flatten(1)

    def forward(self, images: Tensor) -> Tensor:  # (B, C, H, W) in [0, 1] -> logits (B, K)
        logits: Tensor = self.head(self.features(images))
        return logits


class Residual(nn.Module):
    """Pre-activation residual block of two 3×3 convolutions: (B, C, H, W) to (B, C', H', W').

    `drop` is the probability of skipping the two in training. Without `skip` there is no shortcut around them.
    """

    def __init__(
        self, before: int, after: int, *, stride: int, activation: Activations, norm: Norms, skip: bool, drop: float
    ) -> None:
        super().__init__()
        bias = norm == "none"
        self.norm1, self.norm2 = layers.norm(norm, before, dimensions=2), layers.norm(norm, after, dimensions=2)
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=bias)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=bias)
        projected = skip and (before != after or stride != 1)
        self.skip = nn.Conv2d(before, after, 1, stride=stride, bias=False) if projected else nn.Identity()
        self.act1, self.act2 = layers.activation(activation), layers.activation(activation)
        self.drop_path, self.residual = layers.DropPath(drop), skip

    def forward(self, x: Tensor) -> Tensor:
        active = self.act1(self.norm1(x))
        changed: Tensor = self.conv2(self.act2(self.norm2(self.conv1(active))))
        if not self.residual:
            return changed
        shortcut: Tensor = x if isinstance(self.skip, nn.Identity) else self.skip(active)
        changed = self.drop_path(changed)
        return changed + shortcut
