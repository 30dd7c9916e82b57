"""The preparation of images as part of a network: the same resizing and colors as `data.canvas`, in plain tensor arithmetic.

Area averaging and bicubic interpolation are products with matrices whose entries follow from the sizes, so that one exported
graph takes images of any size, which may differ between batches.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from darkroom.data.preparation import Preparation

CUBIC = -0.75
"""Keys' parameter, as in OpenCV and PyTorch."""
LUMA = (9798, 19235, 3735)
"""Weights of red, green and blue over 2^15: ITU-R BT.601 in OpenCV's fixed-point arithmetic."""


class Intake(nn.Module):
    """Prepare decoded images: uint8 (B, h, w, C) of any one size to float (B, `prepared`, H, W) in [0, 1].

    C is `channels`: 1 for a data set of gray files and 3 for others. Values round to bytes as in OpenCV; they may differ by one
    level, since it sums in single precision, and rounds once more where one side is reduced and the other enlarged.
    """

    def __init__(self, preparation: Preparation) -> None:
        super().__init__()
        self.size, self.how = (preparation.height, preparation.width), preparation.resize
        self.gray = preparation.channels == 1 and preparation.color == "gray"
        self.channels = 3 if preparation.channels == 3 or self.gray else 1
        self.prepared = preparation.channels

    def forward(self, images: Tensor) -> Tensor:
        values = images.float()
        if self.gray:
            shares = torch.tensor(LUMA, dtype=torch.float32, device=images.device)
            values = ((values * shares).sum(3, keepdim=True) + 2**14).div(2**15).floor()
        height, width = images.shape[1], images.shape[2]
        ratios = self.size[0] / _scalar(height), self.size[1] / _scalar(width)
        scale = torch.maximum(*ratios) if self.how == "crop" else torch.minimum(*ratios)
        rows, columns = (
            self._axis(given, wanted, scale) for given, wanted in zip((height, width), self.size, strict=True)
        )
        reduced = _product(values, rows, columns)
        return (reduced.round().clamp(0, 255) / 255).permute(0, 3, 1, 2)

    def _axis(self, pixels: int, wanted: int, scale: Tensor) -> Tensor:
        """Return the matrix (wanted, pixels) that resamples one axis of an image."""
        given = _scalar(pixels)
        inside = _rounded(wanted / scale) if self.how == "crop" else given
        first = ((given - inside) / 2).floor()
        size = _rounded(given * scale) if self.how == "pad" else torch.full_like(given, wanted)
        start = ((wanted - size) / 2).floor()
        place = torch.arange(wanted, dtype=torch.float64) - start
        source = torch.arange(pixels, dtype=torch.float64) - first
        step = inside / size
        weights = torch.where(step >= 1, _area(place, source, step), _cubic(place, source, step, inside))
        shown = (place >= 0) & (place < size)
        return (weights * shown[:, None]).float()


def _scalar(size: int) -> Tensor:
    return torch.scalar_tensor(size, dtype=torch.float64)


def _rounded(value: Tensor) -> Tensor:
    return value.round().clamp_min(1)


def _area(place: Tensor, pixels: Tensor, step: Tensor) -> Tensor:
    """Return the share of each pixel in each place: the mean over the `step` pixels that a place covers."""
    low, high = place[:, None] * step, (place[:, None] + 1) * step
    overlap = torch.minimum(high, pixels + 1) - torch.maximum(low, pixels)
    return overlap.clamp_min(0) / step


def _cubic(place: Tensor, pixels: Tensor, step: Tensor, size: Tensor) -> Tensor:
    """Return the weights of bicubic interpolation; beyond the border, the outermost pixel continues."""
    center = (place + 0.5) * step - 0.5
    weights = torch.zeros(1, 1, dtype=torch.float64)
    for tap in range(-1, 3):
        at = center.floor() + tap
        distance = (center - at).abs()
        near = ((CUBIC + 2) * distance - (CUBIC + 3)) * distance**2 + 1
        far = CUBIC * (((distance - 5) * distance + 8) * distance - 4)
        weight = torch.where(distance <= 1, near, far)
        nearest = torch.minimum(at.clamp_min(0), size - 1)
        weights = weights + weight[:, None] * (nearest[:, None] == pixels)
    return weights


def _product(images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return rows · image · columnsᵀ for images (B, h, w, C): (B, H, W, C)."""
    batch, height, width, channels = images.shape
    wide = rows @ images.reshape(batch, height, width * channels)
    tall = wide.reshape(batch, -1, width, channels).permute(0, 1, 3, 2) @ columns.T
    return tall.permute(0, 1, 3, 2)
