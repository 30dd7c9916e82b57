"""A convolutional encoder and decoder for images of any size from 8×8 up: the two halves of autoencoders.

Each level halves the image, rounding up, until the shorter side is 4 to 7 pixels. The decoder goes back through the
same sizes: each level makes four pixels of one (Shi et al. 2016) and crops the odd row or column that is too much.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SMALLEST = 8
"""The shortest side of an image that can be halved and still be an image."""

LEAK = 0.1
"""Slope below zero: with plain ReLU a narrow decoder can start with no channel alive."""


class Encoder(nn.Module):
    """Strided convolutions, then one linear layer: (B, C, H, W) in [0, 1] to a code (B, D)."""

    def __init__(self, shape: tuple[int, int, int], code: int, *, width: int = 32) -> None:
        super().__init__()
        sizes, widths = plan(shape, width)
        layers: list[nn.Module] = []
        before = shape[0]
        for after in widths:
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.LeakyReLU(LEAK)]
            layers += [nn.Conv2d(after, after, 3, padding=1), nn.LeakyReLU(LEAK)]
            before = after
        self.body = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear(before * math.prod(sizes[-1]), code)

    def forward(self, images: Tensor) -> Tensor:  # (B, C, H, W) -> (B, D)
        code: Tensor = self.head(self.body(images * 2 - 1))
        return code


class Decoder(nn.Module):
    """The way back: a code (B, D) to one number a pixel (B, C, H, W), not yet squeezed into [0, 1]."""

    def __init__(self, shape: tuple[int, int, int], code: int, *, width: int = 32) -> None:
        super().__init__()
        sizes, widths = plan(shape, width)
        self.start = (widths[-1], *sizes[-1])
        self.head = nn.Sequential(nn.Linear(code, math.prod(self.start)), nn.LeakyReLU(LEAK))
        steps = zip(widths[::-1], [*widths[-2::-1], None], sizes[-2::-1], strict=True)
        self.levels = nn.ModuleList(
            Rise(before, shape[0] if after is None else after, size, last=after is None)
            for before, after, size in steps
        )

    def forward(self, code: Tensor) -> Tensor:  # (B, D) -> (B, C, H, W)
        x: Tensor = self.head(code).unflatten(1, self.start)
        for level in self.levels:
            x = level(x)
        return x


class Rise(nn.Module):
    """Two convolutions, the second of which makes four pixels of one: (B, C, h, w) to (B, C', H, W)."""

    def __init__(self, before: int, after: int, size: tuple[int, int], *, last: bool) -> None:
        super().__init__()
        self.size = size
        self.refine = nn.Conv2d(before, before, 3, padding=1)
        self.spread = nn.Conv2d(before, 4 * after, 3, padding=1)
        with torch.no_grad():  # the four start equal, which spares the output a checkerboard (Aitken et al. 2017)
            for parameter in self.spread.parameters():
                parameter.copy_(parameter[::4].repeat_interleave(4, 0))
        self.end = nn.Identity() if last else nn.LeakyReLU(LEAK)

    def forward(self, x: Tensor) -> Tensor:
        larger = F.pixel_shuffle(self.spread(F.leaky_relu(self.refine(x), LEAK)), 2)
        risen: Tensor = self.end(larger[..., : self.size[0], : self.size[1]])
        return risen


def plan(shape: tuple[int, int, int], width: int) -> tuple[list[tuple[int, int]], list[int]]:
    """The sizes (H, W) from the image's to the smallest, and the channels of each level: doubled, up to four times.

    Raises ValueError for images that are too small.
    """
    _, height, wide = shape
    if min(height, wide) < SMALLEST:
        raise ValueError(
            f"an autoencoder needs images of at least {SMALLEST}×{SMALLEST} pixels, got {height}×{wide}; "
            "set data.size to enlarge them"
        )
    sizes = [(height, wide)]
    while min(sizes[-1]) >= SMALLEST:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes, [width * min(2**level, 4) for level in range(len(sizes) - 1)]
