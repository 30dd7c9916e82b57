"""The last step of a network that predicts numbers: from standardized outputs to the units of the table."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Rescale(nn.Module):
    """Bring outputs (B, M) to the units of the training targets, whose mean and standard deviation it holds.

    The network then learns standardized targets, while a model file answers in units.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(outputs))
        self.register_buffer("std", torch.ones(outputs))

    def fit(self, values: Tensor) -> None:
        """Set the statistics to those of training targets (N, M)."""
        self.mean.copy_(values.double().mean(0))
        self.std.copy_(values.double().std(0, correction=0))

    def forward(self, outputs: Tensor) -> Tensor:  # (B, M)
        return outputs * self.std + self.mean

    def standardized(self, values: Tensor) -> Tensor:
        """Return values (B, M) in units as the network sees them: minus the mean, over the standard deviation."""
        return (values - self.mean) / self.std


def rescaled(network: nn.Module, outputs: int) -> Rescale:
    """Make `Rescale` the last step of a network, in place, and return it.

    A forward hook applies it, so that the network keeps its class, its methods and the names of its weights.
    """
    step = Rescale(outputs)
    network.add_module("rescale", step)
    network.register_forward_hook(_apply)
    return step


def _apply(network: nn.Module, _inputs: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
    made: Tensor = network.rescale(outputs)  # type: ignore[operator]
    return made
