"""Problems in the plane and networks of a few layers, for pages that are about a picture."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.data.store import Store
from darkroom.fit.batches import as_tensor
from darkroom.nets.mlp import MLP
from darkroom.randomness import derive

XOR = (torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), torch.tensor([0, 1, 1, 0]))
"""The four points (4, 2) of exclusive or, and their classes."""


def moons(count: int, *, noise: float, seed: int) -> tuple[Tensor, Tensor]:
    """Draw two interleaved half circles: points (N, 2), classes (N,) of 0 and 1."""
    draws = np.random.default_rng(derive(seed, "moons"))
    angles = np.pi * draws.random(count)
    classes = np.arange(count) % 2
    upper = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    lower = np.stack([1 - np.cos(angles), 0.5 - np.sin(angles)], axis=1)
    points = np.where(classes[:, None] == 0, upper, lower) + noise * draws.standard_normal((count, 2))
    return torch.tensor(points, dtype=torch.float32), torch.tensor(classes)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw the initial weights of networks made in this block from a seed; PyTorch's global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "weights"))
        yield


def perceptron(widths: Sequence[int], activation: Callable[[], nn.Module] | None = nn.ReLU) -> nn.Sequential:
    """Build fully connected layers of these widths, inputs and outputs included, with an activation between them."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), *([activation()] if activation else [])]
    return nn.Sequential(*layers[: len(layers) - bool(activation)])


def fit(
    network: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    steps: int,
    batch: int | None = None,
    seed: int = 0,
) -> list[float]:
    """Train for a number of steps and return the loss at each, before its update.

    Without `batch` every step takes all inputs; with it, each takes that many, drawn with replacement by `seed`.
    """
    draws = torch.Generator().manual_seed(derive(seed, "batches"))
    losses = []
    for _ in range(steps):
        rows = slice(None) if batch is None else torch.randint(len(inputs), (batch,), generator=draws)
        found = loss(network(inputs[rows]), targets[rows])
        optimizer.zero_grad()
        found.backward()
        optimizer.step()
        losses.append(found.item())
    return losses


def trained_mlp(
    store: Store,
    rows: NDArray[np.int64],
    targets: Tensor,
    *,
    loss: Callable[[Tensor, Tensor], Tensor],
    outputs: int,
    hidden: Sequence[int],
    lr: float,
    steps: int,
    seed: int,
) -> MLP:
    """Train a multilayer perceptron on some images of a store with Adam, on batches of 64.

    `targets` belong to the rows, in their order. Returns the network in evaluation mode.
    """
    _, height, width, channels = store.samples.shape
    with seeded(seed):
        network = MLP((channels, height, width), outputs, hidden=[*hidden], dropout=0)
    network.standardize.adapt(store.samples[rows])
    adam = torch.optim.Adam(network.parameters(), lr)
    images = as_tensor(store.samples[rows])
    fit(network, images, targets, loss=loss, optimizer=adam, steps=steps, batch=64, seed=seed)
    return network.eval()


@torch.inference_mode()
def logits(network: nn.Module, store: Store, rows: NDArray[np.int64]) -> Tensor:
    """Return a network's outputs (N, K) on some images of a store."""
    found: Tensor = network(as_tensor(store.samples[rows]))
    return found
