"""A multilayer perceptron on pixels: the simplest baseline."""

from __future__ import annotations

import itertools
import math
from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from darkroom.nets import layers
from darkroom.nets.init import initialize
from darkroom.nets.options import Activation, Init, Norm
from darkroom.registry import register
from darkroom.settings import Count


@register("network", "mlp")
class MLP(nn.Module):
    """Fully connected layers with an activation and dropout."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        hidden: Annotated[list[Count], Field(min_length=1, description="units of each hidden layer")] = [256, 128],  # noqa: B006
        activation: Activation = "relu",
        norm: Norm = "none",
        skip: Annotated[
            bool, Field(description="shortcut connections around hidden layers as wide as the one before")
        ] = False,
        init: Init = None,
        dropout: Annotated[float, Field(ge=0, lt=1, description="dropout rate of hidden units")] = 0.2,
        dropout_scale: Annotated[
            Literal["train", "test"],
            Field(
                description="when dropout scales: `train` divides the kept units by their share (inverted dropout), `test` "
                "multiplies all by it, as first published"
            ),
        ] = "train",
    ) -> None:
        super().__init__()
        widths = [math.prod(shape), *hidden]
        self.standardize = layers.Standardize(shape[0])
        dropped = nn.Dropout if dropout_scale == "train" else layers.ClassicDropout
        body: list[nn.Module] = [nn.Flatten()]
        for before, after in itertools.pairwise(widths):
            layer: list[nn.Module] = [nn.Linear(before, after)]
            if norm != "none":
                layer.append(layers.norm(norm, after, dimensions=0))
            layer += [layers.activation(activation), dropped(dropout)]
            body += [layers.Shortcut(*layer)] if skip and before == after else layer
        self.body = nn.Sequential(*body)
        self.head = nn.Linear(widths[-1], classes)
        initialize(self, init, activation, last=self.head)

    def features(self, images: Tensor) -> Tensor:
        """Return the input of the last layer: (B, C, H, W) to (B, D)."""
        features: Tensor = self.body(self.standardize(images))
        return features

    def forward(self, images: Tensor) -> Tensor:  # (B, C, H, W) in [0, 1] -> logits (B, K)
        logits: Tensor = self.head(self.features(images))
        return logits
