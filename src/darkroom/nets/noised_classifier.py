"""A small noise-conditional classifier for classifier guidance (Dhariwal & Nichol 2021)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.nets.layers import GroupNorm
from darkroom.nets.unet import GROUPS, Downsample, ResnetBlock, TimeEmbedding, sinusoids


class NoisedClassifier(nn.Module):
    """U-Net encoder with one block per level, then global average pooling: images (B, C, H, W) to logits (B, K)."""

    def __init__(self, channels: int, classes: int, *, patch: int, widths: Sequence[int]) -> None:
        super().__init__()
        first, embedded = widths[0], 4 * widths[0]
        self.patch, self.time_channels = patch, first
        self.time_embedding = TimeEmbedding(first, embedded)
        self.conv_in = nn.Conv2d(channels * patch**2, first, 3, padding=1)
        pairs = zip([first, *widths[:-1]], widths, strict=True)
        self.resnets = nn.ModuleList(ResnetBlock(before, after, embedded) for before, after in pairs)
        self.downsamplers = nn.ModuleList(Downsample(width) for width in widths[:-1])
        self.norm = GroupNorm(GROUPS, widths[-1])
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, images: Tensor, times: Tensor) -> Tensor:
        """Return logits (B, K) of noised images (B, C, H, W) at timesteps (B,)."""
        height, width = images.shape[-2:]
        embedding = self.time_embedding(sinusoids(times, self.time_channels))
        whole = F.pad(images, (0, -width % self.patch, 0, -height % self.patch))
        x = self.conv_in(F.pixel_unshuffle(whole, self.patch).contiguous(memory_format=torch.channels_last))
        for level, block in enumerate(self.resnets):
            x = block(x, embedding)
            if level < len(self.downsamplers):
                x = self.downsamplers[level](x)
        logits: Tensor = self.head(F.silu(self.norm(x)).mean((2, 3)))
        return logits
