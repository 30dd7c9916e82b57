"""Changes applied to the judged images: a single transform, always applied, or a whole policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import registry
from darkroom.augment.config import MIXING, Policy
from darkroom.augment.pipeline import Pipeline
from darkroom.augment.strength import is_binary, scaled
from darkroom.fit.batches import as_tensor
from darkroom.randomness import derive
from darkroom.settings import Section

Images = NDArray[np.uint8]
Change = Callable[[Images, Sequence[str], int], Tensor]
"""Maps images (N, H, W, C) uint8, their ids and the draw's number to images (N, C, H, W) in [0, 1]."""

BATCH = 256


@dataclass(frozen=True)
class Step:
    """One transform of a policy; `key` identifies it independently of its position."""

    key: str
    name: str
    part: Literal["offline", "online"]
    place: int
    options: Section

    @property
    def judged(self) -> bool:
        """Whether it is audited: all but mixing, which changes labels on purpose."""
        return self.name not in MIXING

    @property
    def binary(self) -> bool:
        """Whether it has no magnitude, so that it can only be applied less often."""
        return is_binary(self.options)


def steps(policy: Policy) -> list[Step]:
    """Return the transforms of a policy: offline, then online."""
    found: list[Step] = []
    parts: tuple[tuple[Literal["offline", "online"], list[Section]], ...] = (
        ("offline", policy.offline),
        ("online", policy.online),
    )
    for part, listed in parts:
        for place, options in enumerate(listed):
            name: str = options.name  # type: ignore[attr-defined]
            before = sum(step.name == name and step.part == part for step in found)
            found.append(Step(f"{part}/{name}" + (f"/{before + 1}" if before else ""), name, part, place, options))
    return found


def alone(step: Step, strength: float, size: tuple[int, int], *, seed: int) -> Change:
    """Return one transform at a strength above 0, applied to every image of this size (height, width).

    Its random numbers depend on the seed, the key, the image and the draw's number, not on the strength.
    """
    options = step.options
    if "p" in options.__class__.model_fields:
        options = options.model_copy(update={"p": 1.0})
    strength = 1.0 if step.binary else strength
    own = derive(seed, "alone", step.key)
    if step.part == "offline":
        stronger = scaled(options, strength)
        return _offline([] if stronger is None else [stronger], size, seed=own)
    return lambda images, ids, draw: _online([options], [strength], as_tensor(images), ids, draw, seed=own)


def whole(policy: Policy, strengths: Sequence[float], size: tuple[int, int], *, seed: int) -> Change:
    """Return all transforms of a policy except mixing, in order, with their own probabilities, at these `strengths`.

    The offline part makes the same copies as `augment apply`.
    """
    made = list(zip(steps(policy), strengths, strict=True))
    offline = [scaled(step.options, strength) for step, strength in made if step.part == "offline"]
    online = [(step.options, strength) for step, strength in made if step.part == "online" and step.judged]
    first = _offline([options for options in offline if options is not None], size, seed=policy.seed)
    own = derive(seed, "whole")

    def change(images: Images, ids: Sequence[str], draw: int) -> Tensor:
        copies = first(images, ids, draw)
        return _online([o for o, _ in online], [s for _, s in online], copies, ids, draw, seed=own)

    return change


def _offline(options: Sequence[Section], size: tuple[int, int], *, seed: int) -> Change:
    pipeline = Pipeline(options, size, seed=seed)

    def change(images: Images, ids: Sequence[str], draw: int) -> Tensor:
        drawn = [pipeline.draw(image, item=item, copy=draw).image for image, item in zip(images, ids, strict=True)]
        return as_tensor(np.stack(drawn))

    return change


def _online(
    options: Sequence[Section], strengths: Sequence[float], images: Tensor, ids: Sequence[str], draw: int, *, seed: int
) -> Tensor:
    """Apply transforms in batches, each seeded by its first image's id."""
    made = [registry.build(one) for one in options]
    batches = []
    for start in range(0, len(images), BATCH):
        batch, draws = images[start : start + BATCH], torch.Generator()
        draws.manual_seed(derive(seed, draw, ids[start]))
        targets = torch.ones(len(batch), 1)
        for transform, strength in zip(made, strengths, strict=True):
            batch, targets = transform(batch, targets, torch.full((len(batch),), strength), draws)
        batches.append(batch)
    return torch.cat(batches).clamp(0, 1)
