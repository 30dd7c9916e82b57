"""Losses of a classifier that take class probabilities as targets, as mixed images have them."""

from __future__ import annotations

import torch
from torch import Tensor


def soft_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean cross-entropy in nats of logits (B, K) to class probabilities (B, K).

    With `weights` (K,) every share of a class counts so much, and the mean is over the weights, so that one image of a
    rare class moves a batch as far as many of a common one.
    """
    if weights is not None:
        targets = targets * weights
    return -(targets * logits.log_softmax(1)).sum() / targets.sum()


def soft_accuracy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean probability that the targets (B, K) give to the predicted classes: accuracy, where they are certain."""
    return targets.gather(1, logits.argmax(1, keepdim=True)).mean()


def jensen_shannon(*logits: Tensor) -> Tensor:
    """The Jensen-Shannon divergence in nats between the answers (B, K) to several views, mean over the batch.

    Hendrycks et al. 2020 (AugMix, arXiv 1912.02781), equation 5.
    """
    logs = torch.stack([answer.log_softmax(1) for answer in logits])  # (V, B, K)
    mixture = logs.exp().mean(0).clamp(1e-7, 1).log()
    return (logs.exp() * (logs - mixture)).sum(2).mean()


def class_weights(counts: Tensor) -> Tensor:
    """Weights (K,) of classes with these numbers of images (K,): their mean over all images is 1; 0 where there is none."""
    present = counts > 0
    weights = counts.sum() / (present.sum() * counts.clamp_min(1))
    return torch.where(present, weights, torch.zeros_like(weights))
