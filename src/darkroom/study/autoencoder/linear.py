"""Linear autoencoders beside principal components, and a curve that no linear code can follow: plain torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import subspace_angles
from torch import Tensor, nn

from darkroom.randomness import derive

Floats = NDArray[np.float64]


class Worked(NamedTuple):
    """One reconstruction by hand: input, code, output, and the mean squared error between the ends."""

    given: list[float]
    code: list[float]
    output: list[float]
    mse: float


def worked() -> Worked:
    """Encode x = (1, 0, 1) as two numbers, the mean of the first two and the third, and decode it."""
    encoder = torch.tensor([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    decoder = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    given = torch.tensor([1.0, 0.0, 1.0])
    code = encoder @ given
    output = decoder @ code
    return Worked(given.tolist(), code.tolist(), output.tolist(), float((output - given).square().mean()))


def principal_angles(first: Floats, second: Floats) -> Floats:
    """Return the angles in degrees between the spans of two sets of columns (D, k), the largest first.

    All are 0 if the spans are equal, whatever the columns (Björck & Golub 1973).
    """
    found: Floats = np.degrees(subspace_angles(first, second))
    return found


def angles_in_training(
    points: Tensor, components: Floats, *, steps: int, lr: float, every: int, seed: int
) -> dict[int, float]:
    """Train a linear autoencoder on points (N, D) by Adam, all at once, from columns (D, k) it does not see.

    Returns the largest principal angle in degrees between its decoder's columns and `components`, by step.
    """
    size, code = components.shape
    torch.manual_seed(derive(seed, "weights"))
    encoder, decoder = nn.Linear(size, code), nn.Linear(code, size)
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=lr)
    found: dict[int, float] = {}
    for step in range(1, steps + 1):
        loss = (decoder(encoder(points)) - points).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % every == 0:
            columns = decoder.weight.detach().double().numpy()
            found[step] = float(principal_angles(columns, components)[0])
    return found


class Curve(NamedTuple):
    """Points on a curve, and what one number each keeps of them."""

    points: Floats  # (N, 2)
    by_line: Floats  # (N, 2), from the first principal component
    by_network: Floats  # (N, 2)

    def errors(self) -> tuple[float, float]:
        """Return the mean squared errors of the component and of the network."""
        line, network = (float(np.square(made - self.points).mean()) for made in (self.by_line, self.by_network))
        return line, network


def follow(*, points: int, steps: int, lr: float, width: int, seed: int) -> Curve:
    """Fit a code of one number to three quarters of a circle, by PCA and by a network; errors are of new points."""
    generator = np.random.default_rng(derive(seed, "curve"))
    train, test = arc(generator, points), arc(generator, points)
    mean = train.mean(0)
    direction = np.linalg.svd(train - mean)[2][0]
    line = mean + np.outer((test - mean) @ direction, direction)
    torch.manual_seed(derive(seed, "weights"))
    network = nn.Sequential(
        nn.Linear(2, width), nn.Tanh(), nn.Linear(width, 1), nn.Linear(1, width), nn.Tanh(), nn.Linear(width, 2)
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    given = torch.from_numpy(train).float()
    for _ in range(steps):
        loss = (network(given) - given).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        made = network(torch.from_numpy(test).float()).double().numpy()
    return Curve(test, line, made)


def arc(generator: np.random.Generator, points: int) -> Floats:
    """Draw points (N, 2) on three quarters of the unit circle."""
    angles = np.sort(generator.uniform(-0.75 * np.pi, 0.75 * np.pi, points))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)
