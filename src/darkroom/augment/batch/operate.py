"""Apply sequences of operations to a batch, different ones for each image.

In each slot, all images with a geometric operation are warped at once, each by its own map; every other operation runs once
on all images that drew it, each with its own value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from darkroom.augment.batch.drawing import channels_last, put, take
from darkroom.augment.batch.operations import BY_VALUE
from darkroom.augment.batch.warp import by_opencv, nearest_pixels, sources, warp
from darkroom.augment.magnitudes import GEOMETRIC, OPERATIONS

MOVING = OPERATIONS.index(GEOMETRIC[-1])
"""Index of the last operation that moves pixels; these follow the identity."""


def operate(images: Tensor, slots: Sequence[tuple[Tensor, Tensor]], *, interpolation: str = "nearest") -> Tensor:
    """Return new images (B, C, H, W); a slot holds operations (B,), as indices into `OPERATIONS`, and their values (B,).

    Values are as in `magnitudes`, except that translations are in pixels, truncated to integers. Areas outside the image
    become black.
    """
    made, size = channels_last(images).clone(), images.shape[-2:]
    operations, values = (torch.cat(parts) for parts in zip(*slots, strict=True))
    maps = _maps(operations, values, *size).split(len(images))
    for (operation, value), places in zip(slots, maps, strict=True):
        order = torch.argsort(operation, stable=True)
        rows, amounts = order.to(images.device), value[order].float().to(images.device)
        ends = torch.bincount(operation, minlength=len(OPERATIONS)).cumsum(0).tolist()
        if ends[0] < ends[MOVING]:
            some = slice(ends[0], ends[MOVING])
            _move(made, order[some], places[order[some]], interpolation)
        for name, start, end in zip(OPERATIONS[MOVING + 1 :], ends[MOVING:], ends[MOVING + 1 :], strict=False):
            if start < end:
                here = rows[start:end]
                put(made, here, BY_VALUE[name](take(made, here), amounts[start:end]))
    return made


def _move(images: Tensor, rows: Tensor, maps: Tensor, interpolation: str) -> None:
    """Warp these rows (R,) in place by maps (R, 2, 3)."""
    here = rows.to(images.device)
    before = take(images, here)
    if interpolation == "nearest" and by_opencv(images):
        nearest_pixels(before, maps, "constant", images, rows)
    else:
        put(images, here, warp(before, maps, "constant", interpolation))


def _maps(operation: Tensor, value: Tensor, height: int, width: int) -> Tensor:
    """Return the maps (B, 2, 3) of geometric operations; shears fix the top left corner, rotations are counter-clockwise."""
    alone = {name: torch.where(operation == OPERATIONS.index(name), value, 0.0) for name in GEOMETRIC}
    corner = torch.where((alone["shear_x"] != 0) | (alone["shear_y"] != 0), -0.5, 0.0).double()
    return sources(
        rotate=alone["rotate"] * (-math.pi / 180),
        scale=torch.ones_like(value),
        shear_x=torch.atan(alone["shear_x"]),
        shear_y=torch.atan(alone["shear_y"]),
        shift_x=alone["translate_x"].trunc(),
        shift_y=alone["translate_y"].trunc(),
        center_x=corner * width,
        center_y=corner * height,
    )
