"""Exponential moving average of a network's weights: what is validated and saved is smoother than what is trained."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def averaged(network: nn.Module, decay: float) -> AveragedModel:
    """Return a copy of the network that becomes the moving average of its weights as `update_parameters` is called.

    The decay after n updates is min(decay, (1 + n) / (10 + n)), as in TensorFlow, so that a short run forgets its first
    weights too. Running statistics of batch normalization are averaged alongside the weights that they belong to.
    """

    @torch.no_grad()
    def update(averages: Sequence[Tensor], weights: Sequence[Tensor], updates: Tensor | int) -> None:
        count = int(updates)
        share = 1 - min(decay, (1 + count) / (10 + count))
        for average, weight in zip(averages, weights, strict=True):
            if average.is_floating_point():
                average.lerp_(weight, share)
            else:  # counters, such as the number of batches that batch normalization has seen
                average.copy_(weight)

    average = AveragedModel(network, multi_avg_fn=update, use_buffers=True)
    return average.requires_grad_(False)
