"""Pretrained backbones: any architecture without its classifier, with its own preprocessing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom import files
from darkroom.nets import pretrained, state_dict
from darkroom.nets.architectures import Architecture, build, units


class Backbone(nn.Module):
    """Map images (B, 1 or 3, H, W) in [0, 1] to features (B, D), or to feature maps of several levels.

    The architecture is timm's, torchvision's, or one of Darkroom's own networks; see `nets.architectures`.

    Images are resized so that their longer side is `side` pixels (by default the size that the architecture was trained
    at), keeping their aspect ratio to within a patch of a transformer; architectures of a fixed input size get exactly
    that. Gray images are repeated over three channels. Unlike in timm's evaluation transform, nothing is cropped.

    `weights` is a file with a state dict of the architecture; without it, those of the architecture's package are used.
    With `pretrained=False` the weights are random until `load`. Raises ValueError naming the option to change.
    """

    mean: Tensor  # (3, 1, 1); (C, 1, 1) of networks for the images of one data set
    std: Tensor

    def __init__(
        self, architecture: str, *, weights: Path | None = None, pretrained: bool = True, side: int | None = None
    ) -> None:
        super().__init__()
        built: Architecture = build(architecture)
        self.architecture, self.network = architecture, built.network
        self.features_size, self.stride, self.patch = built.features_size, built.stride, built.patch
        self.fixed, self.interpolation = built.fixed, built.interpolation
        self.levels, self.heads, self._maps = built.levels, built.heads, built.maps
        self.side = side or built.side
        if self.side < self.stride:
            raise ValueError(
                f"size: {self.side} pixels is below the stride of {architecture}, {self.stride}; set it higher"
            )
        if self.fixed and self.side != built.side:
            raise ValueError(f"size: {architecture} takes images of {built.side} pixels only, got {self.side}")
        self.register_buffer("mean", torch.tensor(built.mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(built.std).view(-1, 1, 1))
        self.sha256: str | None = None
        if pretrained:
            self.load(weights)
            self.to(memory_format=torch.channels_last).requires_grad_(False).eval()

    def load(self, weights: Path | None = None) -> None:
        """Fill in the weights from a file, or from the architecture's package. Raises ValueError if they do not fit."""
        path = pretrained.find(self.architecture) if weights is None else weights
        self.sha256 = files.sha256(path)
        try:
            known = state_dict.read(path)
        except ValueError as error:
            raise ValueError(f"weights: {error}") from None
        if path == pretrained.packaged(self.architecture):
            package = pretrained.PACKAGES[self.architecture]
            self.mean.fill_(package.mean)
            self.std.fill_(package.std)
            # the same layers in the same order under other names, the classifier last
            known = dict(zip(self.network.state_dict(), known.values(), strict=False))
        state_dict.fill(self.network, known, name=self.architecture, path=path, spare=self.heads)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Return the height and width that images of this size are resized to."""
        if self.fixed:
            return self.side, self.side
        unit = self.patch
        scaled = (max(1, round(length * self.side / max(height, width) / unit)) * unit for length in (height, width))
        return next(scaled), next(scaled)

    def prepare(self, images: Tensor) -> Tensor:
        """Resize and normalize images as in the training of the weights: (B, 3, h, w)."""
        size = self.size(*images.shape[-2:])
        if images.shape[-2:] != size:
            images = F.interpolate(images, size, mode=self.interpolation, antialias=True).clamp(0, 1)
        return ((images - self.mean) / self.std).contiguous(memory_format=torch.channels_last)  # repeats gray

    def features(self, images: Tensor) -> Tensor:
        """Return the pooled features (B, D) that the architecture's classifier would decide on."""
        features: Tensor = self.network(self.prepare(images))
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Return `features`."""
        return self.features(images)

    def maps(self, images: Tensor, levels: Sequence[int]) -> list[Tensor]:
        """Return the feature maps (B, D, h, w) of these levels, 0 the finest.

        Levels of a convolutional network are its resolutions; those of a transformer are its blocks, whose tokens are put
        on their grid. Raises ValueError like `check`.
        """
        self.check(levels)
        return self._maps(self.prepare(images), levels)

    def check(self, levels: Sequence[int]) -> None:
        """Raise ValueError unless the architecture has feature maps of these levels."""
        if not self.levels:
            raise ValueError(f"backbone: {self.architecture} gives no feature maps")
        if max(levels) >= self.levels:
            raise ValueError(f"levels: {self.architecture} has levels 0 to {self.levels - 1}, got {max(levels)}")

    def blocks(self) -> list[nn.Module]:
        """Return the architecture's blocks from input to output; a norm counts with the block before it.

        Parameters outside all blocks, such as position embeddings, belong to the input.
        """
        found: list[list[nn.Module]] = []
        for module in units(self.network):
            if any(True for _ in module.parameters()):
                if found and "Norm" in type(module).__name__:
                    found[-1].append(module)
                else:
                    found.append([module])
        return [nn.ModuleList(group) for group in found]
