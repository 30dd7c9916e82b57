"""The published policies AutoAugment, RandAugment, TrivialAugment and AugMix, drawn independently for each image.

Operations and ranges are torchvision's, see `magnitudes`. Strength scales what is drawn: at 0.5, rotations are half as large,
and binary operations are applied half as often.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from darkroom.augment import magnitudes
from darkroom.augment.batch.drawing import channels_last, numpy_draws
from darkroom.augment.batch.operate import operate
from darkroom.augment.magnitudes import BINARY, DEPTH, LEVELS, MAGNITUDES, OPERATIONS, Range
from darkroom.augment.options import Amount
from darkroom.registry import register
from darkroom.settings import Count, NonNegative, Positive

ROUNDING = 1e-6
"""Added to translations before they are truncated to whole pixels."""


class Table:
    """The ranges of a policy as tensors, looked up for all images at once."""

    def __init__(self, ranges: Mapping[str, Range], *, shares: bool = True) -> None:
        """With `shares`, translations are fractions of the side, else pixels."""
        rows = [ranges.get(name, Range(0, 0)) for name in OPERATIONS]
        self.start, self.end, self.neutral, signed = torch.tensor(rows, dtype=torch.float64).unbind(1)
        self.signed = signed > 0
        self.numbers = torch.tensor([OPERATIONS.index(name) for name in ranges])
        self.binary = torch.tensor([name in BINARY for name in OPERATIONS])
        self.shares = shares

    def any(self, count: int, draws: torch.Generator) -> Tensor:
        """Draw operations (B,) uniformly."""
        return self.numbers[torch.randint(len(self.numbers), (count,), generator=draws)]

    def settle(
        self, operation: Tensor, magnitude: Tensor, strength: Tensor, size: tuple[int, int], draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return a slot for `operate`: operations (B,) at magnitudes (B,) from 0 to 1, with random signs."""
        start, end, neutral = self.start[operation], self.end[operation], self.neutral[operation]
        drawn = start + magnitude * (end - start)
        value = neutral + strength * (drawn - neutral)
        value = torch.minimum(torch.maximum(value, torch.minimum(neutral, end)), torch.maximum(neutral, end))
        coin, sign = torch.rand(2, len(operation), generator=draws)
        idle = (strength == 0) | (self.binary[operation] & (coin >= value))
        value = torch.where(self.signed[operation] & (sign < 0.5), -value, value)
        if self.shares:
            sides = torch.ones(len(OPERATIONS), dtype=torch.float64)
            sides[OPERATIONS.index("translate_y")], sides[OPERATIONS.index("translate_x")] = size
            value = value * sides[operation]
        return operation.masked_fill(idle, 0), value + value.sign() * ROUNDING


@register("batch transform", "autoaugment")
class AutoAugment:
    """One of 25 learned pairs of operations (Cubuk et al. 2018, arXiv 1805.09501)."""

    def __init__(
        self,
        *,
        policy: Annotated[
            Literal["cifar10", "imagenet", "svhn"], Field(description="data set on which the policy was learned")
        ] = "cifar10",
        magnitude: Annotated[
            float, Field(ge=0, le=1, description="factor on the learned magnitudes"), Amount("magnitude")
        ] = 1.0,
    ) -> None:
        pairs = magnitudes.AUTOAUGMENT_POLICIES[policy]
        self.operations = torch.tensor([[OPERATIONS.index(step[0]) for step in pair] for pair in pairs])
        self.chances = torch.tensor([[step[1] for step in pair] for pair in pairs])
        self.levels = torch.tensor([[step[2] / LEVELS for step in pair] for pair in pairs], dtype=torch.float64)
        self.magnitude, self.table = magnitude, Table(magnitudes.AUTOAUGMENT)

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        count, size = len(images), (images.shape[-2], images.shape[-1])
        pair = torch.randint(len(self.operations), (count,), generator=draws)
        slots = []
        for step in range(2):
            skipped = torch.rand(count, generator=draws) >= self.chances[pair, step]
            operation = self.operations[pair, step].masked_fill(skipped, 0)
            slots.append(self.table.settle(operation, self.levels[pair, step], self.magnitude * strength, size, draws))
        return operate(images, slots), targets


@register("batch transform", "randaugment")
class RandAugment:
    """A few random operations of the same magnitude (Cubuk et al. 2019, arXiv 1909.13719)."""

    def __init__(
        self,
        *,
        operations: Annotated[Count, Field(description="operations per image, applied in sequence")] = 2,
        magnitude: Annotated[
            float, Field(ge=0, le=30, description="magnitude of the operations, up to 30"), Amount("magnitude")
        ] = 9.0,
    ) -> None:
        self.operations, self.magnitude = operations, magnitude
        self.table = Table(magnitudes.RANDAUGMENT)

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        count, size = len(images), (images.shape[-2], images.shape[-1])
        operation = self.table.any(self.operations * count, draws)
        magnitude = torch.full((len(operation),), self.magnitude / MAGNITUDES, dtype=torch.float64)
        operation, value = self.table.settle(operation, magnitude, strength.repeat(self.operations), size, draws)
        return operate(images, list(zip(operation.split(count), value.split(count), strict=True))), targets


@register("batch transform", "trivialaugment_wide")
class TrivialAugmentWide:
    """One random operation of random magnitude from a wide range (Müller and Hutter 2021, arXiv 2103.10158)."""

    def __init__(
        self,
        *,
        magnitude: Annotated[
            float, Field(ge=0, le=30, description="maximum magnitude, up to 30"), Amount("magnitude")
        ] = 30.0,
    ) -> None:
        self.magnitude, self.table = magnitude, Table(magnitudes.TRIVIALAUGMENT, shares=False)

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        count, size = len(images), (images.shape[-2], images.shape[-1])
        operation = self.table.any(count, draws)
        magnitude = (
            torch.randint(MAGNITUDES + 1, (count,), generator=draws) / MAGNITUDES * (self.magnitude / MAGNITUDES)
        )
        return operate(images, [self.table.settle(operation, magnitude, strength, size, draws)]), targets


@register("batch transform", "augmix")
class AugMix:
    """A mixture of the image and several augmentation chains (Hendrycks et al. 2019, arXiv 1912.02781)."""

    def __init__(
        self,
        *,
        severity: Annotated[int, Field(ge=1, le=10, description="magnitude of the operations"), Amount("severity")] = 3,
        width: Annotated[Count, Field(description="number of chains")] = 3,
        depth: Annotated[
            int | None, Field(ge=1, le=8, description="operations per chain. Default: random, 1 to 3")
        ] = None,
        alpha: Annotated[Positive, Field(description="concentration of the mixing weights; higher is more even")] = 1.0,
        consistency: Annotated[
            NonNegative,
            Field(
                description="weight of the Jensen-Shannon consistency loss between an image and two augmented views: 12 "
                "in the paper, 0 for none"
            ),
        ] = 0.0,
    ) -> None:
        self.severity, self.width, self.depth, self.alpha = severity, width, depth, alpha
        self.consistency, self.table = consistency, Table(magnitudes.AUGMIX)

    def __call__(
        self, images: Tensor, targets: Tensor, strength: Tensor, draws: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        count = len(images)
        numbers = numpy_draws(draws)
        kept = torch.from_numpy(numbers.beta(self.alpha, self.alpha, count)).float()
        shares = torch.from_numpy(numbers.dirichlet([self.alpha] * self.width, count)).float() * (1 - kept)[:, None]
        images = channels_last(images)
        mix = images * _wide(kept, images)
        for chain in range(self.width):
            changed = operate(images, self._chain(images, strength, draws), interpolation="linear")
            mix.addcmul_(changed, _wide(shares[:, chain], images))
        return torch.where(_wide(strength > 0, images), mix.clamp_(0, 1), images), targets

    def _chain(self, images: Tensor, strength: Tensor, draws: torch.Generator) -> list[tuple[Tensor, Tensor]]:
        """Draw the operations of a chain; those beyond an image's depth are the identity."""
        count, size = len(images), (images.shape[-2], images.shape[-1])
        depth = (
            torch.randint(1, DEPTH + 1, (count,), generator=draws) if self.depth is None else torch.tensor(self.depth)
        )
        slots = []
        for step in range(self.depth or DEPTH):
            operation = self.table.any(count, draws)
            magnitude = torch.randint(self.severity, (count,), generator=draws).double() / LEVELS
            operation, value = self.table.settle(operation, magnitude, strength, size, draws)
            slots.append((operation.masked_fill(depth <= step, 0), value))
        return slots


def _wide(weights: Tensor, images: Tensor) -> Tensor:
    """Reshape weights (B,) to broadcast over images (B, C, H, W), on their device."""
    return weights.to(images.device)[:, None, None, None]
