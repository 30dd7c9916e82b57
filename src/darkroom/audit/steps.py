"""Changes applied to the judged samples: a single transform, always applied, or a whole policy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import registry
from darkroom.audit.aspects import Aspect
from darkroom.audit.config import MeasureSpec
from darkroom.augment.config import MIXING, Policy
from darkroom.augment.copies import Copier
from darkroom.augment.strength import is_binary, scaled
from darkroom.data.store import Store
from darkroom.fit.batches import as_samples, as_tensor
from darkroom.randomness import derive
from darkroom.settings import Section

Samples = NDArray[Any]
Change = Callable[[Samples, Sequence[str], int], Tensor]
"""Maps samples (N, ...) as a store holds them, their ids and the draw's number to what networks take."""
Copying = Callable[[Sequence[Section], int], Copier]
"""Returns what makes copies of the store's samples by offline transforms, given a seed."""

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


@dataclass(frozen=True)
class Setting:
    """Settings of an audit: all `aspects` of the target; `copying` makes copies of the store's samples."""

    spec: MeasureSpec
    aspects: Sequence[Aspect]
    copying: Copying


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


def alone(step: Step, strength: float, copying: Copying, *, seed: int) -> Change:
    """Return one transform at a strength above 0, applied to every sample.

    Its random numbers depend on the seed, the key, the sample and the draw's number, not on the strength.
    """
    if step.part == "offline":
        copier = offline(step, strength, copying, seed=seed)
        return lambda samples, ids, draw: as_tensor(copier(samples, ids, draw))
    options, strength = _always(step, strength)
    own = derive(seed, "alone", step.key)
    return lambda samples, ids, draw: _online([options], [strength], as_tensor(samples), ids, draw, seed=own)


def offline(step: Step, strength: float, copying: Copying, *, seed: int) -> Copier:
    """Return what makes the copies that `alone` judges, for an offline transform."""
    stronger = scaled(*_always(step, strength))
    return copying([] if stronger is None else [stronger], derive(seed, "alone", step.key))


def _always(step: Step, strength: float) -> tuple[Section, float]:
    """Return a transform's options, always applied, and its strength."""
    options = step.options
    if "p" in options.__class__.model_fields:
        options = options.model_copy(update={"p": 1.0})
    return options, 1.0 if step.binary else strength


def whole(policy: Policy, strengths: Sequence[float], copying: Copying, *, seed: int) -> Change:
    """Return all transforms of a policy except mixing, in order, with their own probabilities, at these `strengths`.

    The offline part makes the same copies as `augment apply`.
    """
    made = list(zip(steps(policy), strengths, strict=True))
    scaled_ones = [scaled(step.options, strength) for step, strength in made if step.part == "offline"]
    online = [(step.options, strength) for step, strength in made if step.part == "online" and step.judged]
    copier = copying([options for options in scaled_ones if options is not None], policy.seed)
    own = derive(seed, "whole")

    def change(samples: Samples, ids: Sequence[str], draw: int) -> Tensor:
        copies = as_tensor(copier(samples, ids, draw))
        return _online([o for o, _ in online], [s for _, s in online], copies, ids, draw, seed=own)

    return change


def stored(change: Change, store: Store, rows: NDArray[np.int64]) -> Samples:
    """Return the changed samples of these rows, first draw, as the store holds them; tensors of one batch are in memory."""
    ids = store.items["id"].to_numpy()
    batches = (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))
    dtype = store.samples.dtype
    return np.concatenate([as_samples(change(store.samples[b], ids[b].tolist(), 0), dtype) for b in batches])


def _online(
    options: Sequence[Section], strengths: Sequence[float], samples: Tensor, ids: Sequence[str], draw: int, *, seed: int
) -> Tensor:
    """Apply transforms in batches, each seeded by its first sample's id."""
    made = [registry.build(one) for one in options]
    batches = []
    for start in range(0, len(samples), BATCH):
        batch, draws = samples[start : start + BATCH], torch.Generator()
        draws.manual_seed(derive(seed, draw, ids[start]))
        targets = torch.ones(len(batch), 1)
        for transform, strength in zip(made, strengths, strict=True):
            batch, targets = transform(batch, targets, torch.full((len(batch),), strength), draws)
        batches.append(batch.clamp(0, 1) if batch.ndim == 4 else batch)  # images
    return torch.cat(batches)
