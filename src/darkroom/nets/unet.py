"""A denoising U-Net (Ho et al. 2020) without attention, laid out like diffusers' `UNet2DModel`.

Residual blocks are GroupNorm → SiLU → convolution, twice, with the time embedding added in between; strided convolutions
downsample, and nearest-neighbor interpolation followed by a convolution upsamples. Modules have the same names as in
diffusers, so that state dicts are interchangeable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.nets.layers import GroupNorm

GROUPS = 8
"""Groups per normalization layer; every width is a multiple of it."""


class Denoiser(nn.Module):
    """A U-Net on patches of images: (B, C, H, W) to (B, C, H, W), any size.

    Each `patch`×`patch` patch becomes one position with C·patch² channels, a quarter of the work at patch 2. Sides are
    zero-padded to a multiple of patch·2^(levels - 1). `classes` is the number of labels, 0 for an unconditional network.
    """

    def __init__(
        self, channels: int, *, classes: int, patch: int, widths: Sequence[int], blocks: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.patch = patch
        self.multiple = patch * 2 ** (len(widths) - 1)
        self.unet = UNet(channels * patch**2, classes=classes, widths=widths, blocks=blocks, dropout=dropout)

    def forward(self, images: Tensor, times: Tensor, labels: Tensor | None = None) -> Tensor:
        """Predict from noised images at timesteps (B,), conditioned on labels (B,) if there are classes."""
        height, width = images.shape[-2:]
        whole = F.pad(images, (0, -width % self.multiple, 0, -height % self.multiple))
        cut = F.pixel_unshuffle(whole, self.patch).contiguous(memory_format=torch.channels_last)
        predicted: Tensor = F.pixel_shuffle(self.unet(cut, times, labels), self.patch)
        return predicted[..., :height, :width]


class UNet(nn.Module):
    """U-Net with `widths` channels per level and `blocks` residual blocks per encoder level, one more per decoder level.

    The last convolution is initialized to zero. Sides must be multiples of 2^(levels - 1).
    """

    def __init__(
        self, channels: int, *, classes: int, widths: Sequence[int], blocks: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if odd := [width for width in widths if width % GROUPS]:
            raise ValueError(f"got {odd[0]} channels; expected a multiple of {GROUPS}: change the network's width")
        self.widths, self.blocks = tuple(widths), blocks
        first, deepest, embedded = widths[0], widths[-1], 4 * widths[0]
        self.conv_in = nn.Conv2d(channels, first, 3, padding=1)
        self.time_embedding = TimeEmbedding(first, embedded)
        self.class_embedding = nn.Embedding(classes, embedded) if classes else None
        self.down_blocks = nn.ModuleList()
        skips, before = [first], first
        for level, width in enumerate(widths):
            last = level == len(widths) - 1
            self.down_blocks.append(DownBlock(before, width, embedded, blocks, down=not last, dropout=dropout))
            skips += [width] * (blocks + (not last))
            before = width
        self.mid_block = MidBlock(deepest, embedded, dropout=dropout)
        self.up_blocks = nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            joined = [skips.pop() for _ in range(blocks + 1)]
            self.up_blocks.append(UpBlock(before, joined, width, embedded, up=level > 0, dropout=dropout))
            before = width
        self.conv_norm_out = GroupNorm(GROUPS, first)
        self.conv_out = nn.Conv2d(first, channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)

    def forward(self, x: Tensor, times: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map (B, C, H, W) at timesteps (B,) to (B, C, H, W)."""
        embedding = self.time_embedding(sinusoids(times, self.widths[0]))  # (B, E)
        if self.class_embedding is not None:
            embedding = embedding + self.class_embedding(labels)
        x = self.conv_in(x)
        skips = [x]
        for block in self.down_blocks:
            x = block(x, embedding, skips)
        x = self.mid_block(x, embedding)
        for block in self.up_blocks:
            x = block(x, embedding, skips)
        out: Tensor = self.conv_out(F.silu(self.conv_norm_out(x)))
        return out


def sinusoids(times: Tensor, channels: int) -> Tensor:
    """Return the sinusoidal embedding of times (B,): cosines, then sines, at frequencies from 1 to 1/10,000, as float32
    (B, channels)."""
    half = channels // 2
    frequencies = torch.exp(-math.log(10_000) * torch.arange(half, device=times.device) / half)
    angles = times.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


class TimeEmbedding(nn.Module):
    """Two-layer MLP from sinusoids (B, D) to the time embedding (B, E)."""

    def __init__(self, channels: int, embedded: int) -> None:
        super().__init__()
        self.linear_1, self.linear_2 = nn.Linear(channels, embedded), nn.Linear(embedded, embedded)

    def forward(self, waves: Tensor) -> Tensor:
        out: Tensor = self.linear_2(F.silu(self.linear_1(waves)))
        return out


class ResnetBlock(nn.Module):
    """Residual block of two convolutions with the embedding (B, E) added in between: (B, C, H, W) to (B, C', H, W)."""

    def __init__(self, before: int, after: int, embedded: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm1, self.norm2 = GroupNorm(GROUPS, before), GroupNorm(GROUPS, after)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.time_emb_proj = nn.Linear(embedded, after)
        self.dropout = nn.Dropout(dropout)
        self.conv_shortcut = nn.Conv2d(before, after, 1) if before != after else None

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        changed = self.conv1(F.silu(self.norm1(x)))
        changed = changed + self.time_emb_proj(F.silu(embedding))[:, :, None, None]
        changed = self.conv2(self.dropout(F.silu(self.norm2(changed))))
        shortcut = x if self.conv_shortcut is None else self.conv_shortcut(x)
        total: Tensor = shortcut + changed
        return total


class DownBlock(nn.Module):
    """Residual blocks, then downsampling except at the last level; appends every output to `skips`."""

    def __init__(self, before: int, after: int, embedded: int, blocks: int, *, down: bool, dropout: float) -> None:
        super().__init__()
        ins = [before] + [after] * (blocks - 1)
        self.resnets = nn.ModuleList(ResnetBlock(width, after, embedded, dropout=dropout) for width in ins)
        self.downsamplers = nn.ModuleList([Downsample(after)] if down else [])

    def forward(self, x: Tensor, embedding: Tensor, skips: list[Tensor]) -> Tensor:
        for block in self.resnets:
            x = block(x, embedding)
            skips.append(x)
        for downsample in self.downsamplers:
            x = downsample(x)
            skips.append(x)
        return x


class MidBlock(nn.Module):
    """Two residual blocks at the lowest resolution."""

    def __init__(self, width: int, embedded: int, *, dropout: float) -> None:
        super().__init__()
        self.resnets = nn.ModuleList(ResnetBlock(width, width, embedded, dropout=dropout) for _ in range(2))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        for block in self.resnets:
            x = block(x, embedding)
        return x


class UpBlock(nn.Module):
    """Residual blocks, each on its input concatenated with a skip connection, then upsampling except at the last level."""

    def __init__(
        self, before: int, joined: Sequence[int], after: int, embedded: int, *, up: bool, dropout: float
    ) -> None:
        super().__init__()
        ins = [width + skip for width, skip in zip([before] + [after] * (len(joined) - 1), joined, strict=True)]
        self.resnets = nn.ModuleList(ResnetBlock(width, after, embedded, dropout=dropout) for width in ins)
        self.upsamplers = nn.ModuleList([Upsample(after)] if up else [])

    def forward(self, x: Tensor, embedding: Tensor, skips: list[Tensor]) -> Tensor:
        for block in self.resnets:
            x = block(torch.cat([x, skips.pop()], dim=1), embedding)
        for upsample in self.upsamplers:
            x = upsample(x)
        return x


class Downsample(nn.Module):
    """Halve the resolution with a strided convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        halved: Tensor = self.conv(x)
        return halved


class Upsample(nn.Module):
    """Double the resolution: nearest-neighbor interpolation, then a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        doubled: Tensor = self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))
        return doubled
