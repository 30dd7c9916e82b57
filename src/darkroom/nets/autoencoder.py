"""Convolutional encoder and decoder for autoencoders on images of 8×8 pixels and more.

Each encoder level halves the image, rounding up, for a given number of levels or until the shorter side is 4 to 7 pixels.
The decoder reverses these sizes with pixel shuffle (Shi et al. 2016), cropping the extra row or column of odd sizes. With
`classes`, every level is conditioned on the image's class.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from darkroom.nets import layers
from darkroom.nets.options import Activations

SMALLEST = 8
"""Minimum side of an image, and of a feature map that is still downsampled."""

DEFAULT: Activations = "leaky_relu"
"""With plain ReLU all channels of a narrow decoder can be dead at initialization."""


class Encoder(nn.Module):
    """Encode images (B, C, H, W) in [0, 1] to codes (B, D): strided convolutions, then a linear layer.

    With `classes`, `forward` also takes labels (B,) from 0 to classes - 1.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        code: int,
        *,
        width: int = 32,
        classes: int = 0,
        activation: Activations = DEFAULT,
    ) -> None:
        super().__init__()
        self.body = Down(shape, width=width, classes=classes, activation=activation)
        self.head = nn.Linear(math.prod(self.body.end), code)
        self.by_class = LinearByClass(classes, code) if classes else None

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:  # (B, C, H, W) -> (B, D)
        code: Tensor = self.head(self.body(images, labels).flatten(1))
        return code if self.by_class is None else self.by_class(code, labels)


class Decoder(nn.Module):
    """Decode codes (B, D) to pixel logits (B, C, H, W), before any squashing into [0, 1].

    With `classes`, `forward` also takes labels (B,) from 0 to classes - 1.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        code: int,
        *,
        width: int = 32,
        classes: int = 0,
        activation: Activations = DEFAULT,
    ) -> None:
        super().__init__()
        self.body = Up(shape, width=width, classes=classes, activation=activation)
        self.head = nn.Linear(code, math.prod(self.body.start))
        self.by_class = LinearByClass(classes, code) if classes else None
        # added after the linear layer, which equals concatenating a one-hot class to the code
        self.beside = nn.Embedding(classes, math.prod(self.body.start)) if classes else None

    def forward(self, code: Tensor, labels: Tensor | None = None) -> Tensor:  # (B, D) -> (B, C, H, W)
        if self.by_class is None or self.beside is None:
            x = self.head(code)
        else:
            x = self.head(self.by_class(code, labels)) + self.beside(labels)
        pixels: Tensor = self.body(x.unflatten(1, self.body.start), labels)
        return pixels


class Down(nn.Module):
    """Map images (B, C, H, W) in [0, 1] to feature maps (B, F, h, w); `end` is (F, h, w)."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        width: int = 32,
        levels: int | None = None,
        classes: int = 0,
        activation: Activations = DEFAULT,
    ) -> None:
        super().__init__()
        sizes, widths = plan(shape, width, levels)
        self.end = (widths[-1], *sizes[-1])
        self.levels = nn.ModuleList(
            Fall(before, after, classes, activation) for before, after in zip([shape[0], *widths], widths, strict=False)
        )

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        x = images * 2 - 1
        for level in self.levels:
            x = level(x, labels)
        return x


class Up(nn.Module):
    """Map feature maps (B, F, h, w), whose (F, h, w) is `start`, back to pixel logits (B, C, H, W)."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        width: int = 32,
        levels: int | None = None,
        classes: int = 0,
        activation: Activations = DEFAULT,
    ) -> None:
        super().__init__()
        sizes, widths = plan(shape, width, levels)
        self.start = (widths[-1], *sizes[-1])
        steps = zip(widths[::-1], [*widths[-2::-1], shape[0]], sizes[-2::-1], strict=True)
        self.levels = nn.ModuleList(Rise(before, after, size, classes, activation) for before, after, size in steps)

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        for level in self.levels:
            x = level(x, labels)
        return x


class Fall(nn.Module):
    """Downsample with a strided convolution, then refine with another: (B, C, H, W) to (B, C', h, w)."""

    def __init__(self, before: int, after: int, classes: int, activation: Activations) -> None:
        super().__init__()
        self.halve = nn.Conv2d(before, after, 3, stride=2, padding=1)
        self.by_class = ByClass(classes, after) if classes else None
        self.refine = nn.Conv2d(after, after, 3, padding=1)
        self.act1, self.act2 = layers.activation(activation), layers.activation(activation)

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        x = self.halve(x)
        x = self.act1(x if self.by_class is None else self.by_class(x, labels))
        refined: Tensor = self.act2(self.refine(x))
        return refined


class Rise(nn.Module):
    """Refine with a convolution, then upsample by pixel shuffle: (B, C, h, w) to (B, C', H, W)."""

    def __init__(self, before: int, after: int, size: tuple[int, int], classes: int, activation: Activations) -> None:
        super().__init__()
        self.size = size
        self.refine = nn.Conv2d(before, before, 3, padding=1)
        self.by_class = ByClass(classes, before) if classes else None
        self.spread = nn.Conv2d(before, 4 * after, 3, padding=1)
        self.act1, self.act2 = layers.activation(activation), layers.activation(activation)
        with torch.no_grad():  # all four subpixels start equal: no checkerboard artifacts (Aitken et al. 2017)
            for parameter in self.spread.parameters():
                parameter.copy_(parameter[::4].repeat_interleave(4, 0))

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        x = self.refine(self.act1(x))
        x = self.act2(x if self.by_class is None else self.by_class(x, labels))
        return F.pixel_shuffle(self.spread(x), 2)[..., : self.size[0], : self.size[1]]


class ByClass(nn.Module):
    """Scale and shift each channel by the image's class (FiLM; Perez et al. 2018). Initialized to the identity.

    Takes (B, C, H, W) and labels (B,) from 0 to classes - 1.
    """

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        self.table = nn.Embedding(classes, 2 * channels)
        nn.init.zeros_(self.table.weight)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        scale, shift = self.table(labels).to(x.dtype)[..., None, None].chunk(2, dim=1)  # (B, C, 1, 1) each
        return torch.addcmul(shift, x, 1 + scale)


class LinearByClass(nn.Module):
    """Apply an affine map per class to codes (B, D). Initialized to the identity.

    It lets the encoder center the codes of every class at zero, however different the classes are.
    """

    def __init__(self, classes: int, size: int) -> None:
        super().__init__()
        self.turn, self.move = nn.Embedding(classes, size * size), nn.Embedding(classes, size)
        with torch.no_grad():
            self.turn.weight.copy_(torch.eye(size).flatten())
            self.move.weight.zero_()

    def forward(self, code: Tensor, labels: Tensor) -> Tensor:
        turn = self.turn(labels).unflatten(1, (code.shape[1], -1))  # (B, D, D)
        moved: Tensor = (turn @ code[..., None].to(turn.dtype)).squeeze(-1) + self.move(labels)
        return moved


def plan(shape: tuple[int, int, int], width: int, levels: int | None = None) -> tuple[list[tuple[int, int]], list[int]]:
    """Return the sizes (H, W) from the image's down to the smallest, and the channels of each level.

    Sizes halve `levels` times, or until the shorter side is 4 to 7 pixels; channels double per level up to 4 × `width`.
    Raises ValueError for images that are too small.
    """
    _, height, wide = shape
    if min(height, wide) < SMALLEST:
        raise ValueError(
            f"an autoencoder needs images of at least {SMALLEST}×{SMALLEST} pixels, got {height}×{wide}; "
            "set data.size to enlarge them"
        )
    sizes = [(height, wide)]
    while min(sizes[-1]) >= SMALLEST if levels is None else len(sizes) <= levels:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes, [width * min(2**level, 4) for level in range(len(sizes) - 1)]
