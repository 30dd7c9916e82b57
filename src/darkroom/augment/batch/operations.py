"""Color and sharpness operations with one amount per image; the math is torchvision's for single images.

Images are floats (B, C, H, W) in [0, 1], amounts (B,) on the same device. Operations on color leave gray images unchanged.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TONES = 256
"""Number of values of a byte."""


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Multiply every pixel by a factor."""
    return (images * _wide(factor)).clamp_(0, 1)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Scale the distance to the mean brightness."""
    return torch.lerp(gray(images.mean((2, 3), keepdim=True)), images, _wide(factor)).clamp_(0, 1)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Scale the distance to gray."""
    if images.shape[1] == 1:
        return images
    images = images.contiguous()  # several times faster here than channels last
    return torch.lerp(gray(images), images, _wide(factor)).clamp_(0, 1)


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Scale the distance to a smoothed image; border pixels stay."""
    if min(images.shape[-2:]) < 3:
        return images
    rows = (images[:, :, :-2] + images[:, :, 1:-1]).add_(images[:, :, 2:])
    around = (rows[..., :-2] + rows[..., 1:-1]).add_(rows[..., 2:])
    made, smooth = images.clone(), (1 - _wide(factor)) / 13  # 3×3 sum plus 4 times the center, over 13
    made[:, :, 1:-1, 1:-1].mul_(_wide(factor) + 4 * smooth).addcmul_(around, smooth).clamp_(0, 1)
    return made


def hue(images: Tensor, turn: Tensor) -> Tensor:
    """Shift the hue by a fraction of the color wheel."""
    if images.shape[1] == 1:
        return images
    value, low = images.amax(1), images.amin(1)
    spread = value - low
    red, green, blue = images.unbind(1)
    angle = torch.where(value == blue, (red - green) / spread + 4, (green - blue) / spread)
    angle = torch.where((value == green) & (value != red), (blue - red) / spread + 2, angle)
    angle = torch.where((value == red), (green - blue) / spread, angle)
    angle = torch.where(spread == 0, torch.zeros_like(angle), angle) + 6 * turn[:, None, None]
    made = []
    for start in (5, 3, 1):
        place = (start + angle) % 6
        made.append(value - spread * torch.minimum(place, 4 - place).clamp(0, 1))
    return torch.stack(made, dim=1).clamp_(0, 1)


def gamma(images: Tensor, exponent: Tensor) -> Tensor:
    """Raise every pixel to a power."""
    return images.pow(_wide(exponent))


def grayscale(images: Tensor) -> Tensor:
    """Convert to gray, keeping the number of channels."""
    return gray(images).expand_as(images)


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keep the upper `bits`, 0 to 8, of each pixel's byte."""
    step: Tensor = torch.exp2(8 - _wide(bits).round())
    return torch.round(images * 255).div_(step).floor_().mul_(step / 255)


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Invert pixels at or above a threshold."""
    bright = (images >= _wide(threshold)).float()
    return bright.sub_(images).abs_()  # equal to `torch.where`, and several times faster


def autocontrast(images: Tensor) -> Tensor:
    """Stretch each channel to the full range; constant channels stay."""
    images = images.contiguous()
    low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
    flat = low == high
    spread = (high - low).masked_fill_(flat, 1)
    return (images - low.masked_fill_(flat, 0)).div_(spread).clamp_(0, 1)


def equalize(images: Tensor) -> Tensor:
    """Equalize each channel's histogram; images with fewer than 256 pixels stay, as in Pillow.

    Exact for images of fewer than 2**24 pixels; about twice as fast as torchvision on small images.
    """
    tones = torch.arange(TONES, device=images.device)
    numbers = (images.contiguous().flatten(0, 1).flatten(1) * 255).round_().int()
    planes, area = numbers.shape
    brightest = numbers.amax(1, keepdim=True)
    numbers += torch.arange(0, planes * TONES, TONES, dtype=torch.int32, device=images.device)[:, None]
    histogram = torch.bincount(numbers.view(-1), minlength=planes * TONES).view(planes, TONES).float()
    step = ((area - histogram.gather(1, brightest.long())) / (TONES - 1)).floor_()
    table = histogram.cumsum(1).sub_(histogram).add_((step / 2).floor_()).div_(step).floor_().clamp_(max=TONES - 1)
    table = torch.where(step == 0, tones, table).div_(TONES - 1)
    return table.view(-1).index_select(0, numbers.view(-1)).view(images.shape)


def invert(images: Tensor) -> Tensor:
    """Invert every pixel."""
    return 1 - images


def gray(images: Tensor) -> Tensor:
    """Return the brightness (B, 1, H, W)."""
    if images.shape[1] == 1:
        return images
    return images[:, :1] * 0.2989 + images[:, 1:2] * 0.587 + images[:, 2:] * 0.114


def _wide(amounts: Tensor) -> Tensor:
    """Reshape amounts (B,) to broadcast over images (B, C, H, W)."""
    return amounts[:, None, None, None]


BY_VALUE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "brightness": lambda images, change: brightness(images, 1 + change),
    "contrast": lambda images, change: contrast(images, 1 + change),
    "saturation": lambda images, change: saturation(images, 1 + change),
    "sharpness": lambda images, change: sharpness(images, 1 + change),
    "posterize": posterize,
    "solarize": solarize,
    "autocontrast": lambda images, _: autocontrast(images),
    "equalize": lambda images, _: equalize(images),
    "invert": lambda images, _: invert(images),
}
"""Non-geometric operations by name, taking values as policies draw them: factors are given as their distance from 1."""
