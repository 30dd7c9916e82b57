"""Remedies for unequal classes: what a policy's `imbalance` does to the loss, the training images, or the sampling of an epoch.

`SAMPLING` is one of `fit.sampling`. `kept` chooses the images to train on. `weights` and `shift` map the training images per
class (K,) to class weights (K,) of the loss and to what is added to the logits (K,) in training, or to None.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from darkroom.registry import register
from darkroom.settings import Positive


class Remedy:
    """Changes nothing by itself."""

    SAMPLING = "shuffled"

    def kept(self, labels: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
        """Return which of the images with these labels (N,) to train on, in ascending order."""
        return np.arange(len(labels))

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


@register("remedy", "undersampling")
class Undersampling(Remedy):
    """Trains on equally many images of each class, as many as the rarest has, chosen at random once for the whole training.

    An epoch is shorter by the images left out.
    """

    def kept(self, labels: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.int64]:
        rarest = np.unique(labels, return_counts=True)[1].min(initial=len(labels))
        by_class = [generator.permutation(np.flatnonzero(labels == label))[:rarest] for label in np.unique(labels)]
        return np.sort(np.concatenate([np.arange(0), *by_class]))


def class_weights(counts: Tensor) -> Tensor:
    """Return weights (K,) inversely proportional to class counts (K,), with mean 1 over all images; 0 for empty classes."""
    present = counts > 0
    weights = counts.sum() / (present.sum() * counts.clamp_min(1))
    return torch.where(present, weights, torch.zeros_like(weights))
