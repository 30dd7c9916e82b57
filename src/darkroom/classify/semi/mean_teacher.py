"""Mean teacher (Tarvainen & Valpola 2017, arXiv 1703.01780): the average of the weights teaches the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from darkroom.classify.semi.method import Networks, SemiSupervised, Step
from darkroom.classify.semi.options import RampUp, Ratio, Weak, Weight
from darkroom.registry import register


@register("semi-supervised method", "mean_teacher")
class MeanTeacher(SemiSupervised):
    """The network predicts what the average of its weights predicts for another view (Tarvainen & Valpola 2017).

    The loss is the mean squared difference of the class probabilities. The average, which is what is validated and saved,
    predicts in eval mode; the weight rises linearly, in the paper along a sigmoid; labeled images have no such loss.
    """

    LOOKS = ("weak", "weak")

    def __init__(
        self,
        *,
        decay: Annotated[float, Field(gt=0, lt=1, description="EMA decay of the teacher's weights")] = 0.99,
        weight: Weight = 50.0,
        ramp_up: RampUp = 0.4,
        ratio: Ratio = 7.0,
        weak: Weak = ({"name": "affine", "rotate": 0, "translate": 0.125, "scale": 0, "shear": 0},),  # type: ignore[assignment]
    ) -> None:
        super().__init__(weight=weight, ramp_up=ramp_up, ratio=ratio, weak=weak)
        self.decay = decay

    def step(
        self, images: Tensor, targets: Tensor, views: Sequence[Tensor], networks: Networks, draws: torch.Generator
    ) -> Step:
        known, outputs = networks.student(torch.cat([images, views[0]])).split([len(images), len(views[0])])
        with torch.no_grad():
            guesses = networks.logits(networks.teacher(views[1])).softmax(1)
        loss = (networks.logits(outputs).softmax(1) - guesses).square().mean()
        return Step(images, targets, known, loss, guesses, torch.ones_like(guesses[:, 0], dtype=torch.bool))
