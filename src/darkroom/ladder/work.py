"""Count the work of a training in seconds of a reference machine, so that a time budget gives the same result anywhere.

A clock would let a busy machine climb fewer rungs from the same spec. So the budget is spent in counted work: per layer and
image, its operations and output values at the cost of one of two busy cores of the reference machine (AMD EPYC with AVX-512 BF16;
`benchmarks/ladder.py` prints measured over counted seconds), divided by the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

FORWARD = (4.4e-12, 0.25e-9)
"""Seconds per floating-point operation and per output value of a layer that is not trained."""
TRAINED = {"fp32": (13e-12, 1.4e-9), "bf16": (2.2e-12, 2.2e-9)}
"""The same with its backward pass, by precision."""
BATCH = 0.02
"""Seconds that a training step takes besides its layers."""
START = 2.0
"""Seconds to build a network, load its weights and start training."""


@dataclass(frozen=True)
class Layer:
    """What one layer computes for one image, and whether it takes part in the backward pass."""

    operations: float
    values: float
    trained: bool

    def seconds(self, rates: tuple[float, float]) -> float:
        """Return the cost at seconds per operation and per value."""
        return self.operations * rates[0] + self.values * rates[1]


@dataclass(frozen=True)
class Work:
    """Seconds of one core per image."""

    predicting: float
    training: float


def count(network: nn.Module, shape: tuple[int, ...], *, precision: str) -> Work:
    """Count the work of a network on images of shape (C, H, W), with the parameters trained that require gradients.

    The precision `auto` counts as bf16, which it is on the reference machine.
    """
    layers = [*_layers(network, torch.zeros(1, *shape))]
    rates = TRAINED["fp32" if precision == "fp32" else "bf16"]
    trained = sum(layer.seconds(rates if layer.trained else FORWARD) for layer in layers)
    return Work(sum(layer.seconds(FORWARD) for layer in layers), trained)


@torch.no_grad()
def _layers(network: nn.Module, image: Tensor) -> Iterator[Layer]:
    found: list[Layer] = []
    handles = [
        module.register_forward_hook(_noting(found))
        for module in network.modules()
        if not any(True for _ in module.children())
    ]
    was_training = network.training
    network.eval()(image)
    network.train(was_training)
    for handle in handles:
        handle.remove()
    return iter(found)


def _noting(found: list[Layer]) -> Callable[[nn.Module, Any, Any], None]:
    def note(module: nn.Module, _given: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            trained = (bool(found) and found[-1].trained) or any(p.requires_grad for p in module.parameters())
            found.append(Layer(2.0 * output.numel() * _inputs(module), output.numel(), trained))

    return note


def _inputs(module: nn.Module) -> float:
    """Return how many inputs each output value sums over."""
    if isinstance(module, nn.Conv2d):
        height, width = module.kernel_size
        return module.in_channels / module.groups * height * width
    return module.in_features if isinstance(module, nn.Linear) else 0


class Budget:
    """Counts seconds spent of a total."""

    def __init__(self, seconds: float) -> None:
        self.total, self.spent = seconds, 0.0

    @property
    def left(self) -> float:
        return self.total - self.spent

    def spend(self, seconds: float) -> None:
        """Note work, whether or not it fits."""
        self.spent += seconds
