"""Features of a network trained on ImageNet: EfficientNet-Lite0, without its last layer."""

from __future__ import annotations

from typing import Any

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.nets.pretrained import EXTRA, PACKAGE, weights

NAME = "tf_efficientnet_lite0"


class Backbone(nn.Module):
    """Features (B, 1280) of images (B, 1 or 3, H, W) in [0, 1], made `side` pixels high and wide; ready for inference.

    Smaller sides than the 224 that it was trained at cost less and tell less. Raises ModuleNotFoundError when the weights
    are not installed.
    """

    def __init__(self, *, side: int) -> None:
        super().__init__()
        path = weights()
        if path is None:
            raise ModuleNotFoundError(f"{PACKAGE} is not installed; {EXTRA} installs it")
        self.side = side
        self.network: Any = timm.create_model(NAME, pretrained=False)
        known = torch.load(path, map_location="cpu", weights_only=True)
        layout = self.network.state_dict()
        # the same layers under other names, in the same order
        self.network.load_state_dict(dict(zip(layout, known.values(), strict=True)))
        self.to(memory_format=torch.channels_last)
        self.requires_grad_(False)
        self.eval()

    def prepare(self, images: Tensor) -> Tensor:
        """Images as the network was trained to see them: (B, 3, side, side), (x - 127) / 128 of values up to 255."""
        if images.shape[1] == 1:
            images = images.expand(-1, 3, -1, -1)
        if images.shape[-2:] != (self.side, self.side):
            images = F.interpolate(images, (self.side, self.side), mode="bilinear", antialias=True)
        return ((images * 255 - 127) / 128).contiguous(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """The features that the last layer would decide on: the mean over places of the last feature map."""
        last: Tensor = self.network.forward_features(self.prepare(images))
        return last.mean((2, 3))
