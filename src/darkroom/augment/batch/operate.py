"""One operation after another on a whole batch, each image with operations of its own.

For each slot the images are sorted by operation. All that move pixels are warped at once, each by its own map; every other
operation changes the stretch of the batch that drew it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from darkroom.augment.batch.drawing import channels_last, take
from darkroom.augment.batch.operations import BY_VALUE
from darkroom.augment.batch.warp import sources, warp
from darkroom.augment.magnitudes import GEOMETRIC, OPERATIONS

MOVING = slice(OPERATIONS.index(GEOMETRIC[0]), OPERATIONS.index(GEOMETRIC[-1]) + 1)


def operate(images: Tensor, slots: Sequence[tuple[Tensor, Tensor]], *, interpolation: str = "nearest") -> Tensor:
    """New images (B, C, H, W); a slot has each image's operation (B,), by its place in `OPERATIONS`, and its value (B,).

    Values are those of `magnitudes`, with shifts in pixels, cut to whole ones. What comes in from outside is black.
    """
    made = channels_last(images)
    shown = torch.arange(len(images))  # the image that each row of `made` is
    for operation, value in slots:
        order = torch.argsort(operation[shown], stable=True)
        shown = shown[order]
        made = take(made, order.to(made.device))
        _apply(made, operation[shown], value[shown], interpolation)
    return take(made, torch.argsort(shown).to(made.device))


def _apply(images: Tensor, operation: Tensor, value: Tensor, interpolation: str) -> None:
    """Change images that are sorted by operation, in place."""
    ends = torch.bincount(operation, minlength=len(OPERATIONS)).cumsum(0).tolist()
    first, last = ends[MOVING.start - 1], ends[MOVING.stop - 1]
    if first < last:
        maps = _maps(operation[first:last], value[first:last], images.shape[-2], images.shape[-1])
        images[first:last] = warp(images[first:last], maps, "constant", interpolation)
    value = value.float().to(images.device)
    for number in range(MOVING.stop, len(OPERATIONS)):
        start, end = ends[number - 1], ends[number]
        if start < end:
            images[start:end] = BY_VALUE[OPERATIONS[number]](images[start:end], value[start:end])


def _maps(operation: Tensor, value: Tensor, height: int, width: int) -> Tensor:
    """The maps (B, 2, 3) of operations that move pixels; shears keep the upper left corner, turns are to the left."""

    def only(name: str) -> Tensor:
        return torch.where(operation == OPERATIONS.index(name), value, torch.zeros(()).to(value))

    sheared = {"shear_x": torch.atan(only("shear_x")), "shear_y": torch.atan(only("shear_y"))}
    still, same = torch.zeros_like(value), torch.ones_like(value)
    slanted = sources(
        rotate=still, scale=same, **sheared, shift_x=still, shift_y=still, center=(-width / 2, -height / 2)
    )
    moved = sources(
        rotate=-only("rotate") * (math.pi / 180),
        scale=same,
        shear_x=still,
        shear_y=still,
        shift_x=only("translate_x").trunc(),
        shift_y=only("translate_y").trunc(),
    )
    shearing = (operation == OPERATIONS.index("shear_x")) | (operation == OPERATIONS.index("shear_y"))
    return torch.where(shearing[:, None, None], slanted, moved)
