"""One operation after another on a whole batch, each image with operations of its own.

In each slot all images whose pixels move are warped at once, each by its own map; every other operation changes at once
the images that drew it, each by its own value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from darkroom.augment.batch.drawing import blank, channels_last, put, take
from darkroom.augment.batch.operations import BY_VALUE
from darkroom.augment.batch.warp import by_opencv, nearest_pixels, sources, warp
from darkroom.augment.magnitudes import GEOMETRIC, OPERATIONS

MOVING = OPERATIONS.index(GEOMETRIC[-1])
"""The last of the operations that move pixels, which follow the one that changes nothing."""


def operate(images: Tensor, slots: Sequence[tuple[Tensor, Tensor]], *, interpolation: str = "nearest") -> Tensor:
    """New images (B, C, H, W); a slot has each image's operation (B,), by its place in `OPERATIONS`, and its value (B,).

    Values are those of `magnitudes`, with shifts in pixels, cut to whole ones. What comes in from outside is black.
    """
    made, size = channels_last(images), images.shape[-2:]
    for operation, value in slots:
        order = torch.argsort(operation, stable=True)
        rows, amounts = order.to(images.device), value[order].float().to(images.device)
        ends = torch.bincount(operation, minlength=len(OPERATIONS)).cumsum(0).tolist()
        changed = blank(images)
        put(changed, rows[: ends[0]], take(made, rows[: ends[0]]))
        if ends[0] < ends[MOVING]:
            moving, here = order[ends[0] : ends[MOVING]], rows[ends[0] : ends[MOVING]]
            maps = _maps(operation[moving], value[moving], *size)
            if interpolation == "nearest" and by_opencv(images):
                nearest_pixels(made, moving, maps, "constant", changed)
            else:
                put(changed, here, warp(take(made, here), maps, "constant", interpolation))
        for number in range(MOVING + 1, len(OPERATIONS)):
            start, end = ends[number - 1], ends[number]
            if start < end:
                here = rows[start:end]
                put(changed, here, BY_VALUE[OPERATIONS[number]](take(made, here), amounts[start:end]))
        made = changed
    return made


def _maps(operation: Tensor, value: Tensor, height: int, width: int) -> Tensor:
    """The maps (B, 2, 3) of operations that move pixels; shears keep the upper left corner, turns are to the left."""
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
