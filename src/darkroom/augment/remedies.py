"""Remedies for unequal classes: what a policy's `imbalance` does to the loss, or to the sampling of an epoch.

`SAMPLING` is one of `fit.sampling`. `weights` and `shift` map the training images per class (K,) to class weights (K,) of the
loss and to what is added to the logits (K,) in training, or to None.
"""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from darkroom.registry import register
from darkroom.settings import Positive


class Remedy:
    """Changes nothing by itself."""

    SAMPLING = "shuffled"

    def weights(self, counts: Tensor) -> Tensor | None:
        """Return the class weights (K,) of the loss, with mean 1 over all images and 0 for empty classes."""
        return None

    def shift(self, counts: Tensor) -> Tensor | None:
        """Return what is added to the logits (K,) in training."""
        return None


@register("remedy", "class_weights")
class ClassWeights(Remedy):
    """Weights in the loss inversely proportional to the number of images of the class."""

    def weights(self, counts: Tensor) -> Tensor:
        return class_weights(counts)


@register("remedy", "class_balanced")
class ClassBalanced(Remedy):
    """Weights in the loss inversely proportional to the effective number of images (Cui et al. 2019, arXiv 1901.05555).

    The effective number of n images is (1 - β^n) / (1 - β): 1 for β = 0, near n for β near 1.
    """

    def __init__(
        self,
        *,
        beta: Annotated[
            float, Field(ge=0, lt=1, description="0 weights all classes alike, near 1 inversely to their images")
        ] = 0.999,
    ) -> None:
        self.beta = beta

    def weights(self, counts: Tensor) -> Tensor:
        effective = (1 - self.beta ** counts.double()) / (1 - self.beta)
        weights = torch.where(counts > 0, 1 / effective.clamp_min(1), 0)
        return (weights * counts.sum() / (weights * counts).sum()).float()


@register("remedy", "logit_adjustment")
class LogitAdjustment(Remedy):
    """Adds τ log π to the logits in training, π the share of the class (Menon et al. 2021, arXiv 2007.07314, equation 10).

    Without it in testing, the network then predicts as if all classes were equally frequent.
    """

    def __init__(self, *, tau: Annotated[Positive, Field(description="factor τ of the adjustment")] = 1.0) -> None:
        self.tau = tau

    def shift(self, counts: Tensor) -> Tensor:
        return self.tau * (counts / counts.sum()).clamp_min(1e-12).log()  # an empty class has no logarithm


@register("remedy", "balanced_sampler")
class BalancedSampler(Remedy):
    """Samples images with replacement; every class is equally likely."""

    SAMPLING = "balanced_sampler"


@register("remedy", "oversampling")
class Oversampling(Remedy):
    """Shows equally many images of each class per epoch: small classes repeat, large ones are subsampled."""

    SAMPLING = "even"


def class_weights(counts: Tensor) -> Tensor:
    """Return weights (K,) inversely proportional to class counts (K,), with mean 1 over all images; 0 for empty classes."""
    present = counts > 0
    weights = counts.sum() / (present.sum() * counts.clamp_min(1))
    return torch.where(present, weights, torch.zeros_like(weights))
