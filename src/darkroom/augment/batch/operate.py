"""One operation after another on a whole batch, each image with operations of its own.

In each slot all images whose pixels move are warped at once, each by its own map; every other operation changes at once
the images that drew it, each by its own value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from darkroom.augment.batch.drawing import channels_last, pixels
from darkroom.augment.batch.operations import BY_VALUE
from darkroom.augment.batch.warp import by_opencv, nearest_pixels, sources, warp
from darkroom.augment.magnitudes import GEOMETRIC, OPERATIONS

MOVING = OPERATIONS.index(GEOMETRIC[-1])
"""The last of the operations that move pixels, which follow the one that changes nothing."""


def operate(images: Tensor, slots: Sequence[tuple[Tensor, Tensor]], *, interpolation: str = "nearest") -> Tensor:
    """New images (B, C, H, W); a slot has each image's operation (B,), by its place in `OPERATIONS`, and its value (B,).

    Values are those of `magnitudes`, with shifts in pixels, cut to whole ones. What comes in from outside is black.
    """
    made, size = pixels(channels_last(images)), images.shape[-2:]
    place = torch.arange(len(images))  # where in `made` each stands: a slot puts those of an operation together
    for operation, value in slots:
        order = torch.argsort(operation, stable=True)
        rows, amounts = place[order].to(made.device), value[order].float().to(made.device)
        ends = torch.bincount(operation, minlength=len(OPERATIONS)).cumsum(0).tolist()
        changed = torch.empty_like(made)
        torch.index_select(made, 0, rows[: ends[0]], out=changed[: ends[0]])
        if ends[0] < ends[MOVING]:
            moving = order[ends[0] : ends[MOVING]]
            maps = _maps(operation[moving], value[moving], *size)
            into = slice(ends[0], ends[MOVING])
            if interpolation == "nearest" and by_opencv(images):
                whole, new = (part.permute(0, 3, 1, 2) for part in (made, changed))
                nearest_pixels(whole, place[moving], maps, "constant", new, torch.arange(into.start, into.stop))
            else:
                part = made.index_select(0, rows[into]).permute(0, 3, 1, 2)
                changed[into] = pixels(warp(part, maps, "constant", interpolation))
        for number in range(MOVING + 1, len(OPERATIONS)):
            start, end = ends[number - 1], ends[number]
            if start < end:
                part = changed[start:end]
                torch.index_select(made, 0, rows[start:end], out=part)
                new = BY_VALUE[OPERATIONS[number]](part.permute(0, 3, 1, 2), amounts[start:end])
                part.copy_(pixels(new))
        made, place = changed, torch.argsort(order)
    return made.index_select(0, place.to(made.device)).permute(0, 3, 1, 2)


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
