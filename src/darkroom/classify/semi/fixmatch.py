"""FixMatch (Sohn et al. 2020, arXiv 2001.07685): confident predictions for weak views are labels for strong views."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.classify.semi.method import Networks, SemiSupervised, Step
from darkroom.classify.semi.options import Ratio, Strong, Threshold, Weak, Weight
from darkroom.registry import register


@register("semi-supervised method", "fixmatch")
class FixMatch(SemiSupervised):
    """A confident prediction for the weak view of an unlabeled image is the label of its strong view (Sohn et al. 2020).

    The loss is the cross-entropy of the strong view with the class that the weak view gets, summed over the images whose
    class has at least the threshold's probability, and divided by the number of all. The paper flips weak views; a flip
    may change a class, so that here it must be part of the policy.
    """

    def __init__(
        self,
        *,
        threshold: Threshold = 0.95,
        weight: Weight = 1.0,
        ratio: Ratio = 7.0,
        weak: Weak = ({"name": "affine", "rotate": 0, "translate": 0.125, "scale": 0, "shear": 0},),  # type: ignore[assignment]
        strong: Strong = ("randaugment", {"name": "cutout", "size": 0.5, "p": 1}),  # type: ignore[assignment]
    ) -> None:
        super().__init__(weight=weight, ratio=ratio, weak=weak, strong=strong)
        self.threshold = threshold

    def step(
        self, images: Tensor, targets: Tensor, views: Sequence[Tensor], networks: Networks, draws: torch.Generator
    ) -> Step:
        outputs = networks.student(torch.cat([images, *views]))
        known, weak, strong = outputs.split([len(images), *map(len, views)])
        guesses = networks.logits(weak.detach()).softmax(1)
        sure, classes = guesses.max(1)
        used = sure >= self.threshold
        losses = F.cross_entropy(networks.logits(strong), classes, reduction="none")
        return Step(images, targets, known, (losses * used).mean(), guesses, used)
