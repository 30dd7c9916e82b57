"""What losses share: means weighted by class, accuracy and divergence, with the soft targets of mixed images."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Weighted(nn.Module):
    """A loss with weights of the classes (K,), or None."""

    weights: Tensor | None

    def __init__(self, weights: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)


def weighted_mean(losses: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean over images of the losses (B, K) that each class would cost, by class probabilities (B, K).

    With `weights` (K,), the mean is weighted by class, as in `F.cross_entropy` with class indices: one image of a rare class
    moves a batch as much as many of a common one.
    """
    if weights is not None:
        targets = targets * weights
    return (targets * losses).sum() / targets.sum()


def labelwise_mean(present: Tensor, absent: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean over images of the sum over labels: what a label costs if `present` or `absent` (B, K).

    With `weights` (K,), the positive terms are weighted, as by PyTorch's `pos_weight`.
    """
    if weights is not None:
        present = present * weights
    return (targets * present + (1 - targets) * absent).sum(1).mean()


def imagewise_mean(losses: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean of the losses (B, K) over outputs and images; `weights` (K,) weight the images of each class."""
    if weights is None:
        return losses.mean()
    images = (targets * weights).sum(1)
    return (losses.mean(1) * images).sum() / images.sum()


def soft_accuracy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean target probability (B, K) of the predicted classes: the accuracy, if targets are one-hot."""
    return targets.gather(1, logits.argmax(1, keepdim=True)).mean()


def jensen_shannon(*logits: Tensor) -> Tensor:
    """Return the batch mean of the Jensen-Shannon divergence, in nats, between predictions (B, K) for several views.

    Hendrycks et al. 2020 (AugMix, arXiv 1912.02781), section 3.
    """
    logs = torch.stack([answer.log_softmax(1) for answer in logits])  # (V, B, K)
    mixture = logs.exp().mean(0).clamp(1e-7, 1).log()
    return (logs.exp() * (logs - mixture)).sum(2).mean()
