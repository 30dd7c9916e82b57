"""What every batch transform does: draw for each image, choose the images, change those and leave the others alone.

All numbers are drawn on the processor, whatever device the images are on, so that a seed gives the same everywhere.
How many are drawn never depends on an image's strength: one image's strength must not change the others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

TOGETHER = 2**16
"""Pixels per block on a processor, few enough to stay in its caches."""


def coins(p: float | Tensor, count: int, draws: torch.Generator) -> Tensor:
    """Whether each image is changed (B,), with probability `p`, one for all or one for each; above 1 is always."""
    return torch.rand(count, generator=draws) < p


def between(low: float | Tensor, high: float | Tensor, count: int, draws: torch.Generator) -> Tensor:
    """Evenly drawn numbers (B,) from `low` to `high`, each one for all or one for each image."""
    return low + torch.rand(count, generator=draws) * (high - low)


def either_way(limit: Tensor, draws: torch.Generator) -> Tensor:
    """Evenly drawn numbers (B,) from minus to plus each image's limit."""
    return (2 * torch.rand(len(limit), generator=draws) - 1) * limit


def numpy_draws(draws: torch.Generator) -> np.random.Generator:
    """A NumPy generator that follows from the next number of a torch one, for distributions that torch has not."""
    return np.random.default_rng(int(torch.randint(2**62, (), generator=draws)))


def amount(value: float, strength: Tensor, *, neutral: float = 0.0, low: float = 0.0, high: float = 1.0) -> Tensor:
    """An amount at each image's strength (B,): its distance from `neutral` is scaled, then kept within the range."""
    return (neutral + strength * (value - neutral)).clamp(low, high)


def channels_last(images: Tensor) -> Tensor:
    """The images (B, C, H, W) with the channels of a pixel side by side in memory, as batches come."""
    return images.contiguous(memory_format=torch.channels_last)


def pixels(images: Tensor) -> Tensor:
    """Images (B, C, H, W) as (B, H, W, C)."""
    return images.permute(0, 2, 3, 1)


def blank(images: Tensor) -> Tensor:
    """Memory for images of the same shape, channels last, to be written to."""
    count, channels, height, width = images.shape
    return torch.empty(count, height, width, channels, device=images.device).permute(0, 3, 1, 2)


def together(images: Tensor) -> int:
    """How many of these images are changed at a time."""
    height, width = images.shape[-2:]
    return max(1, TOGETHER // (height * width)) if images.device.type == "cpu" else max(1, len(images))


def take(images: Tensor, rows: Tensor) -> Tensor:
    """The images of these rows, channels last."""
    return pixels(images).index_select(0, rows).permute(0, 3, 1, 2)


def put(images: Tensor, rows: Tensor, changed: Tensor) -> None:
    """Write images into these rows, in place."""
    into, new = (pixels(whole).flatten(1) for whole in (images, changed))
    if images.device.type == "cpu" and into.shape[1] % 4 == 0:  # four numbers at a time
        into, new = into.view(torch.complex128), new.view(torch.complex128)
    into.index_copy_(0, rows, new)


def change(images: Tensor, chosen: Tensor, how: Callable[..., Tensor], *amounts: Tensor) -> Tensor:
    """Change the chosen images (B,) by `how(images, *amounts)`, with one entry of each amount for each image.

    The others stay bit for bit. `images` itself is left as it is, and given back when none is chosen. `how` is called for
    some images at a time.
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
