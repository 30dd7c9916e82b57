"""Cross-entropy, accuracy and divergence with soft targets: class probabilities, which mixed images have."""

from __future__ import annotations

import torch
from torch import Tensor


def soft_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Return the mean cross-entropy in nats of logits (B, K) with class probabilities (B, K).

    With `weights` (K,), the mean is weighted by class, as in `F.cross_entropy` with class indices: one image of a rare class
    moves a batch as much as many of a common one.
    """
    if weights is not None:
        targets = targets * weights
    return -(targets * logits.log_softmax(1)).sum() / targets.sum()


def soft_accuracy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean target probability (B, K) of the predicted classes: the accuracy, if targets are one-hot."""
    return targets.gather(1, logits.argmax(1, keepdim=True)).mean()


def jensen_shannon(*logits: Tensor) -> Tensor:
    """Return the batch mean of the Jensen-Shannon divergence, in nats, between predictions (B, K) for several views.

    Hendrycks et al. 2020 (AugMix, arXiv 1912.02781), equation 5.
    """
    logs = torch.stack([answer.log_softmax(1) for answer in logits])  # (V, B, K)
    mixture = logs.exp().mean(0).clamp(1e-7, 1).log()
    return (logs.exp() * (logs - mixture)).sum(2).mean()


def class_weights(counts: Tensor) -> Tensor:
    """Return weights (K,) inversely proportional to class counts (K,), with mean 1 over all images; 0 for empty classes."""
    present = counts > 0
    weights = counts.sum() / (present.sum() * counts.clamp_min(1))
    return torch.where(present, weights, torch.zeros_like(weights))
