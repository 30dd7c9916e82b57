"""Layers shared by several networks."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class GroupNorm(nn.GroupNorm):
    """Group normalization (Wu & He 2018), fast in bf16 too: (B, C, H, W) in and out, channels last.

    On a CPU, PyTorch's bf16 kernel is several times slower in channels-last layout than in contiguous layout. Converting
    to contiguous and back is cheaper.
    """

    def forward(self, images: Tensor) -> Tensor:
        slow = images.dtype == torch.bfloat16 and images.device.type == "cpu"
        normal = super().forward(images.contiguous() if slow else images)
        return normal.contiguous(memory_format=torch.channels_last)


class Standardize(nn.Module):
    """Standardize each channel by the training images' mean and standard deviation: (B, C, H, W) in and out.

    The first layer of every classifier, so that a model file carries its own preprocessing.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1, channels, 1, 1))
        self.register_buffer("std", torch.ones(1, channels, 1, 1))

    def fit(self, mean: Tensor, std: Tensor) -> None:
        """Set the statistics, (C,) each, in the input's units."""
        self.mean.copy_(mean.reshape(self.mean.shape))
        self.std.copy_(std.reshape(self.std.shape).clamp_min(1e-3))

    def forward(self, images: Tensor) -> Tensor:  # (B, C, H, W)
        return (images - self.mean) / self.std
