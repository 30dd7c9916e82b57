"""Building blocks of batch transforms: draw random numbers per image, and change only the chosen images.

Random numbers are drawn on the CPU, whatever the images' device, so that a seed gives the same numbers everywhere. Their
count never depends on strengths: one image's strength must not affect other images.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

TOGETHER = 2**16
"""Pixels per block on a CPU, small enough for its caches."""


def coins(p: float | Tensor, count: int, draws: torch.Generator) -> Tensor:
    """Draw whether to change each image (B,), with probability `p`, shared or per image; above 1 means always."""
    return torch.rand(count, generator=draws) < p


def between(low: float | Tensor, high: float | Tensor, count: int, draws: torch.Generator) -> Tensor:
    """Draw uniform numbers (B,) from `low` to `high`, bounds shared or per image."""
    return low + torch.rand(count, generator=draws) * (high - low)


def either_way(limit: Tensor, draws: torch.Generator) -> Tensor:
    """Draw uniform numbers (B,) from minus to plus each image's limit."""
    return (2 * torch.rand(len(limit), generator=draws) - 1) * limit


def numpy_draws(draws: torch.Generator) -> np.random.Generator:
    """Return a NumPy generator seeded by a torch generator, for distributions that torch cannot seed."""
    return np.random.default_rng(int(torch.randint(2**62, (), generator=draws)))


def amount(value: float, strength: Tensor, *, neutral: float = 0.0, low: float = 0.0, high: float = 1.0) -> Tensor:
    """Scale an amount's distance from `neutral` by each image's strength (B,), and clamp it to the range."""
    return (neutral + strength * (value - neutral)).clamp(low, high)


def channels_last(images: Tensor) -> Tensor:
    """Return the images (B, C, H, W) in channels-last memory format."""
    return images.contiguous(memory_format=torch.channels_last)


def pixels(images: Tensor) -> Tensor:
    """Return a view of images (B, C, H, W) as (B, H, W, C)."""
    return images.permute(0, 2, 3, 1)


def blank(images: Tensor) -> Tensor:
    """Allocate uninitialized images of the same shape, channels last."""
    count, channels, height, width = images.shape
    return torch.empty(count, height, width, channels, device=images.device).permute(0, 3, 1, 2)


def together(images: Tensor) -> int:
    """Return how many of these images to change at a time."""
    height, width = images.shape[-2:]
    return max(1, TOGETHER // (height * width)) if images.device.type == "cpu" else max(1, len(images))


def take(images: Tensor, rows: Tensor) -> Tensor:
    """Return the images in these rows, channels last."""
    return pixels(images).index_select(0, rows).permute(0, 3, 1, 2)


def put(images: Tensor, rows: Tensor, changed: Tensor) -> None:
    """Write images into these rows, in place."""
    into, new = (pixels(whole).flatten(1) for whole in (images, changed))
    if images.device.type == "cpu" and into.shape[1] % 4 == 0:  # four numbers at a time
        into, new = into.view(torch.complex128), new.view(torch.complex128)
    into.index_copy_(0, rows, new)


def change(images: Tensor, chosen: Tensor, how: Callable[..., Tensor], *amounts: Tensor) -> Tensor:
    """Return the images with the chosen ones (B,) replaced by `how(images, *amounts)`; amounts have one entry per image.

    The others stay bit for bit. `images` is not modified, and is returned itself if none is chosen. `how` is called on
    blocks of images.
    """
    images = channels_last(images)
    rows = chosen.nonzero()[:, 0]
    if not len(rows):
        return images
    device, step = images.device, together(images)
    everyone = len(rows) == len(images)
    made = blank(images) if everyone else images.clone()
    for first in range(0, len(rows), step):
        some = rows[first : first + step]
        here, own = some.to(device), [given[some].to(device) for given in amounts]
        if everyone:
            made[first : first + step] = how(images[first : first + step], *own)
        else:
            put(made, here, how(take(images, here), *own))
    return made
