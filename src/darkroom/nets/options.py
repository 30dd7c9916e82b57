"""Option types that several networks share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from darkroom.registry import Plugin
from darkroom.settings import Name, Section


class FromPretraining(Section):
    """Weights that a pretraining of the same config makes."""

    pretrain: Name
    """One of `pretrain.models`, whose network takes the place of the backbone."""


Weights = Annotated[
    FromPretraining | str | None,
    Field(
        description="the backbone's weights: a local file (.safetensors, .pt, .pth), a URL, `hub`, or `{pretrain: NAME}` for "
        "network and weights of one of `pretrain.models`; by default the package that the extra `backbone` installs, for "
        "EfficientNet-Lite0, Lite1 and Lite2"
    ),
]
Activations = Literal["relu", "leaky_relu", "prelu", "elu", "gelu", "silu", "tanh", "sigmoid", "identity"]
Norms = Literal["batch", "layer", "group", "none"]

Activation = Annotated[
    Activations, Field(description="activation function; `leaky_relu` has slope 0.1, `identity` is none")
]
Norm = Annotated[
    Norms,
    Field(
        description="normalization of each layer over the batch, over each image (`layer`), over groups of its channels, or none"
    ),
]
Init = Annotated[
    Annotated[Section, Plugin("init")] | None,
    Field(description="initial weights of all layers, with zero biases; default: the network's own"),
]
Skip = Annotated[bool, Field(description="shortcut connections, which add the input of a block to its output")]
Dropout = Annotated[float, Field(ge=0, lt=1, description="dropout rate before the last layer")]
StochasticDepth = Annotated[
    float,
    Field(
        ge=0,
        lt=1,
        description="probability of skipping the last residual block in training; it grows linearly with depth",
    ),
]

# Sound
Window = Annotated[float, Field(gt=0, le=1000, description="length of a frame in milliseconds")]
Hop = Annotated[float, Field(gt=0, le=1000, description="distance between frames in milliseconds")]
Mels = Annotated[int, Field(ge=1, le=256, description="number of mel bands")]
