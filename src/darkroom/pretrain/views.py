"""Views of a batch: each is transformed by the same batch transforms, with random numbers of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom import registry
from darkroom.augment.batch.geometric import Crop
from darkroom.augment.online import OnlinePipeline
from darkroom.settings import Section

COLOR = ("saturation", "hue", "grayscale")
"""Transforms that leave gray images unchanged."""
PARTS = {"area": 0.05, "area_max": 0.4}
"""Fractions of the image's area that a view of a small part shows, as in DINO."""
SMALLEST = 16
"""A view of a small part has half the image's sides, but at least these pixels unless the image itself is smaller."""


class Views:
    """Make views of images (B, C, H, W) in [0, 1]: `full` ones of their size, then `local` ones of small parts."""

    def __init__(self, steps: Sequence[Section], *, channels: int, full: int, local: int) -> None:
        self.full, self.local = full, local
        useful = [step for step in steps if channels > 1 or step.name not in COLOR]  # type: ignore[attr-defined]
        self.whole, self.parts = _pipeline(useful), _pipeline(_of_parts(useful)) if local else None

    def __call__(self, images: Tensor, draws: torch.Generator) -> list[Tensor]:
        """Return the views of a batch; `draws` is a CPU generator."""
        views = [*_applied(self.whole, images, self.full, draws).chunk(self.full)]
        if self.parts is not None:
            size = [max(side // 2, min(side, SMALLEST)) for side in images.shape[2:]]
            parts = _applied(self.parts, images, self.local, draws)
            small = F.interpolate(parts, size, mode="bilinear", antialias=True)
            views += small.contiguous(memory_format=torch.channels_last).chunk(self.local)
        return views


def _of_parts(steps: Sequence[Section]) -> list[Section]:
    """Return the transforms for views of small parts: their crops are as small as in DINO."""
    crops: list[Any] = [step for step in steps if step.name == "crop"]  # type: ignore[attr-defined]
    if not crops:
        return [
            registry.options(*Crop.plugin).model_validate(  # type: ignore[attr-defined]
                {"interpolation": "linear", **PARTS}
            ),
            *steps,
        ]
    return [step.model_copy(update=PARTS) if step in crops else step for step in steps]


def _pipeline(steps: Sequence[Section]) -> OnlinePipeline | None:
    names = [step.name for step in steps]  # type: ignore[attr-defined]
    return OnlinePipeline(steps, {name: torch.ones(1) for name in names}) if steps else None


def _applied(pipeline: OnlinePipeline | None, images: Tensor, count: int, draws: torch.Generator) -> Tensor:
    """Transform `count` copies of a batch, all in one."""
    copies = torch.cat([images] * count) if count > 1 else images
    if pipeline is None:
        return copies
    alike = torch.zeros(len(copies), dtype=torch.int64)  # strengths depend on classes, which stay unknown here
    return pipeline(copies, alike, draws)[0]
