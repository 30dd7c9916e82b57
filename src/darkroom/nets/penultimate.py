"""The outputs of a network and the features that its last layer decides on, from one forward pass."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


def outputs_and_features(network: nn.Module, images: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return outputs (B, K) and features (B, D) of images (B, C, H, W) in [0, 1]; None if the network has no features.

    The outputs are those of `network(images)`: the `head` of the features, in the units of the table for numbers.
    """
    net: Any = network
    if not hasattr(net, "features"):
        return net(images), None
    features: Tensor = net.features(images)
    if not hasattr(net, "head"):
        return net(images), features
    outputs: Tensor = net.head(features)
    return net.rescale(outputs) if hasattr(net, "rescale") else outputs, features
