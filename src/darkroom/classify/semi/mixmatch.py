"""MixMatch (Berthelot et al. 2019, arXiv 1905.02249): labeled and unlabeled images are mixed, and so are their classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from darkroom.augment.batch.mixing import beta
from darkroom.classify.semi.method import Networks, SemiSupervised, Step
from darkroom.classify.semi.options import RampUp, Ratio, Weak, Weight
from darkroom.registry import register
from darkroom.settings import Positive


@register("semi-supervised method", "mixmatch")
class MixMatch(SemiSupervised):
    """MixUp of labeled images and of unlabeled ones with sharpened guesses of their classes (Berthelot et al. 2019).

    A guess is the mean prediction for two views. The loss is the mean squared difference between class probabilities and
    mixed guesses; the mixed labeled images take the classifier's own. The weight rises linearly over the whole run.
    """

    LOOKS = ("weak", "weak")
    VIEWS = 4
    MIXES = True

    def __init__(
        self,
        *,
        temperature: Annotated[
            float, Field(gt=0, le=1, description="guesses are sharpened by the power of one over this")
        ] = 0.5,
        alpha: Annotated[
            Positive, Field(description="parameter of the Beta distribution of the mixing weights")
        ] = 0.75,
        weight: Weight = 75.0,
        ramp_up: RampUp = 1.0,
        ratio: Ratio = 1.0,
        weak: Weak = ({"name": "affine", "rotate": 0, "translate": 0.125, "scale": 0, "shear": 0},),  # type: ignore[assignment]
    ) -> None:
        super().__init__(weight=weight, ramp_up=ramp_up, ratio=ratio, weak=weak)
        self.temperature, self.alpha = temperature, alpha

    def step(
        self, images: Tensor, targets: Tensor, views: Sequence[Tensor], networks: Networks, draws: torch.Generator
    ) -> Step:
        with torch.no_grad():
            predicted = networks.logits(networks.student(torch.cat([*views]))).softmax(1)
        guesses = sharpened(torch.stack(predicted.chunk(len(views))).mean(0), self.temperature)
        everything = torch.cat([images, *views])
        classes = torch.cat([targets, *[guesses] * len(views)])
        drawn = beta(self.alpha, len(everything), draws)
        first = torch.maximum(drawn, 1 - drawn).to(images.device)
        other = torch.randperm(len(everything), generator=draws).to(images.device)
        share = first.view(-1, 1, 1, 1)
        mixed = share * everything + (1 - share) * everything[other]
        aims = first[:, None] * classes + (1 - first[:, None]) * classes[other]
        count = len(images)
        outputs = networks.student(mixed)
        loss = (networks.logits(outputs[count:]).softmax(1) - aims[count:]).square().mean()
        used = torch.ones_like(guesses[:, 0], dtype=torch.bool)
        return Step(mixed[:count], aims[:count], outputs[:count], loss, guesses, used)


def sharpened(probabilities: Tensor, temperature: float) -> Tensor:
    """Return probabilities (B, K) raised to 1 / temperature, and normalized."""
    powers = probabilities ** (1 / temperature)
    return powers / powers.sum(1, keepdim=True)
