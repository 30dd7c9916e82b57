"""Averages of a network's weights: what is saved is smoother than what is trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def averaged(network: nn.Module, decay: float, *, warmup: bool = True) -> AveragedModel:
    """Return a copy of the network that becomes the exponential moving average of its weights as `update_parameters` is called.

    The decay after n updates is min(decay, (1 + n) / (10 + n)), as in TensorFlow, so that a short run forgets its first
    weights too. Without `warmup` it is constant, as for a teacher, which must not follow its student at once. Running
    statistics of batch normalization are averaged alongside the weights that they belong to.
    """

    @torch.no_grad()
    def update(averages: Sequence[Tensor], weights: Sequence[Tensor], updates: Tensor | int) -> None:
        count = int(updates)
        share = 1 - (min(decay, (1 + count) / (10 + count)) if warmup else decay)
        for average, weight in zip(averages, weights, strict=True):
            if average.is_floating_point():
                average.lerp_(weight, share)
            else:  # counters, such as the number of batches that batch normalization has seen
                average.copy_(weight)

    average = AveragedModel(network, multi_avg_fn=update, use_buffers=True)
    return average.requires_grad_(False)


class EqualAverage:
    """Mean of a network's weights at several times: stochastic weight averaging (Izmailov et al. 2018)."""

    def __init__(self) -> None:
        self.means: list[Tensor] = []
        self.count = 0

    @torch.no_grad()
    def add(self, network: nn.Module) -> None:
        """Take the network's present weights into the mean."""
        weights = [p.detach() for p in network.parameters()]
        self.count += 1
        if self.count == 1:
            self.means = [weight.clone() for weight in weights]
        else:
            self.means = [mean.to(weight.device) for mean, weight in zip(self.means, weights, strict=True)]
            torch._foreach_lerp_(self.means, weights, 1 / self.count)

    @torch.no_grad()
    def copy_to(self, network: nn.Module) -> None:
        """Give the network the mean weights; its statistics of batch normalization do not fit them any more."""
        for parameter, mean in zip(network.parameters(), self.means, strict=True):
            parameter.copy_(mean)

    def state_dict(self) -> dict[str, Any]:
        return {"means": self.means, "count": self.count}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.means, self.count = state_dict["means"], state_dict["count"]


def renew_statistics(network: nn.Module, passes: Iterable[Any]) -> None:
    """Estimate batch normalization's running statistics anew while `passes` runs the network on training batches.

    Every batch counts equally. Layers in evaluation mode, such as frozen ones of a pretrained network, keep theirs; without
    any other, nothing runs.
    """
    kinds = nn.modules.batchnorm._BatchNorm
    layers = [m for m in network.modules() if isinstance(m, kinds) and m.training and m.track_running_stats]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative mean
    if layers:
        for _ in passes:
            pass
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
