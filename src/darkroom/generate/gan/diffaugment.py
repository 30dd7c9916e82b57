"""Differentiable augmentation of all images that the discriminator sees, real and generated (DiffAugment, Zhao et al. 2020).

The generator's gradient passes through the augmentation, so it does not learn to generate augmented images. Images are
(B, C, H, W) in [-1, 1]; each gets its own random amounts from torch's global stream.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

Change = Literal["color", "translation", "cutout"]

REACH = 1 / 8
"""Maximum shift as a fraction of the side."""
HOLE = 1 / 2
"""Side of the cut-out rectangle as a fraction of the image's."""


def augment(images: Tensor, changes: Sequence[Change]) -> Tensor:
    """Apply these changes in order."""
    for change in changes:
        images = CHANGES[change](images)
    return images


def color(images: Tensor) -> Tensor:
    """Jitter brightness by up to ±0.5, saturation by a factor in [0, 2] and contrast by one in [0.5, 1.5]."""
    brightness, saturation, contrast = torch.rand(3, len(images), 1, 1, 1, dtype=images.dtype, device=images.device)
    images = images + brightness - 0.5
    if images.shape[1] > 1:
        images = torch.lerp(images.mean(1, keepdim=True), images, 2 * saturation)
    return torch.lerp(images.mean((1, 2, 3), keepdim=True), images, contrast + 0.5)


def translation(images: Tensor) -> Tensor:
    """Shift by whole pixels along both axes; the border fills with mid-gray."""
    for dim in (2, 3):
        length = images.shape[dim]
        reach = round(length * REACH)
        by = torch.randint(-reach, reach + 1, (len(images),), device=images.device)
        images = shift(images, by, dim)
    return images


def shift(images: Tensor, by: Tensor, dim: int) -> Tensor:
    """Shift each image by `by` pixels (B,) along one axis; the border fills with zeros."""
    length = images.shape[dim]
    source = torch.arange(length, device=images.device) - by[:, None]  # (B, L)
    inside = (source >= 0) & (source < length)
    alone = [len(images), 1, 1, 1]
    alone[dim] = length
    places = source.clamp(0, length - 1).reshape(alone).expand_as(images)
    return images.gather(dim, places) * inside.reshape(alone)


def cutout(images: Tensor) -> Tensor:
    """Fill a rectangle, centered anywhere in the image, with mid-gray."""
    covered = torch.ones((), dtype=torch.bool, device=images.device)
    for dim in (2, 3):
        length = images.shape[dim]
        middle = torch.rand(len(images), 1, device=images.device) * length
        near = (torch.arange(length, device=images.device) + 0.5 - middle).abs() < length * HOLE / 2  # (B, L)
        alone = [len(images), 1, 1, 1]
        alone[dim] = length
        covered = covered & near.reshape(alone)
    return images * ~covered


CHANGES: dict[Change, Callable[[Tensor], Tensor]] = {"color": color, "translation": translation, "cutout": cutout}
