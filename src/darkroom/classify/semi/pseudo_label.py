"""Pseudo-labels (Lee 2013): a network's confident predictions are labels for itself."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.classify.semi.method import Networks, SemiSupervised, Step
from darkroom.classify.semi.options import RampUp, Ratio, Threshold, Weak, Weight
from darkroom.registry import register


@register("semi-supervised method", "pseudo_label")
class PseudoLabel(SemiSupervised):
    """A confident prediction for an unlabeled image is its label (Lee 2013).

    The loss is the cross-entropy with the predicted class, summed over the images whose class has at least the threshold's
    probability, and divided by the number of all. The threshold is not in the paper, which learns from all images.
    """

    LOOKS = ("weak",)
    VIEWS = 1

    def __init__(
        self,
        *,
        threshold: Threshold = 0.95,
        weight: Weight = 1.0,
        ramp_up: RampUp = 0.4,
        ratio: Ratio = 7.0,
        weak: Weak = ({"name": "affine", "rotate": 0, "translate": 0.125, "scale": 0, "shear": 0},),  # type: ignore[assignment]
    ) -> None:
        super().__init__(weight=weight, ramp_up=ramp_up, ratio=ratio, weak=weak)
        self.threshold = threshold

    def step(
        self, images: Tensor, targets: Tensor, views: Sequence[Tensor], networks: Networks, draws: torch.Generator
    ) -> Step:
        known, outputs = networks.student(torch.cat([images, *views])).split([len(images), len(views[0])])
        logits = networks.logits(outputs)
        guesses = logits.detach().softmax(1)
        sure, classes = guesses.max(1)
        used = sure >= self.threshold
        losses = F.cross_entropy(logits, classes, reduction="none")
        return Step(images, targets, known, (losses * used).mean(), guesses, used)
