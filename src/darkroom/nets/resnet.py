"""A small pre-activation ResNet for small images (He et al. 2016), initialized as in He et al. 2015."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from darkroom.nets.layers import Standardize
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
        dropout: Annotated[float, Field(ge=0, lt=1, description="dropout rate before the last layer")] = 0.0,
    ) -> None:
        super().__init__()
        self.standardize = Standardize(shape[0])
        widths = [width * 2**stage for stage in range(stages)]
        self.stem = nn.Conv2d(shape[0], width, 3, padding=1, bias=False)
        layers: list[nn.Module] = []
        before = width
        for after in widths:
            for block in range(blocks):
                layers.append(Residual(before, after, stride=1 if block else 2))
                before = after
        self.body = nn.Sequential(*layers, nn.BatchNorm2d(before), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(before, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

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
    """Pre-activation residual block of two 3×3 convolutions: (B, C, H, W) to (B, C', H', W')."""

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm2d(before), nn.BatchNorm2d(after)
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        same = before == after and stride == 1
        self.skip = nn.Identity() if same else nn.Conv2d(before, after, 1, stride=stride, bias=False)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        active = self.relu(self.norm1(x))
        shortcut = x if isinstance(self.skip, nn.Identity) else self.skip(active)
        changed: Tensor = self.conv2(self.relu(self.norm2(self.conv1(active))))
        return changed + shortcut
