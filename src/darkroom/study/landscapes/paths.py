"""Paths of the library's optimizers over a surface, and the equations of textbooks that differ from PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from darkroom.fit import optimizers
from darkroom.study.landscapes.surfaces import Surface

Floats = NDArray[np.float64]
FAR = 1e6
"""A path that gets this far from the origin has diverged."""
OPTIMIZERS: dict[str, Callable[[nn.Module, float], torch.optim.Optimizer]] = {
    "GD": lambda place, lr: optimizers.sgd(place, lr=lr, momentum=0.0, weight_decay=0.0),
    "momentum": lambda place, lr: optimizers.sgd(place, lr=lr, nesterov=False, weight_decay=0.0),
    "Nesterov": lambda place, lr: optimizers.sgd(place, lr=lr, weight_decay=0.0),
    "RMSProp": lambda place, lr: optimizers.rmsprop(place, lr=lr),
    "Adam": lambda place, lr: optimizers.adam(place, lr=lr),
    "AdamW": lambda place, lr: optimizers.adamw(place, lr=lr),
}
"""With the library's defaults, except that SGD has no weight decay here."""


class Place(nn.Module):
    """A point (1, 2) in the plane as the only weights of a network; a matrix, so that weight decay applies to it."""

    def __init__(self, start: Sequence[float]) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.tensor([start], dtype=torch.float64))


def path(
    surface: Surface,
    optimizer: str,
    lr: float,
    *,
    steps: int,
    clip: float | None = None,
    drop: int | None = None,
) -> Floats:
    """Return the points (steps + 1, 2) of an optimizer, the start first; after diverging it stays where it is.

    `clip` is the largest norm of a gradient; after `drop` steps the rate is a tenth.
    """
    place = Place(surface.start)
    stepper = OPTIMIZERS[optimizer](place, lr)
    found = np.empty((steps + 1, 2))
    found[0] = surface.start
    for step in range(steps):
        x, y = found[step]
        place.at.grad = torch.tensor([surface.gradient(x, y)], dtype=torch.float64)
        if clip is not None:
            nn.utils.clip_grad_norm_(place.parameters(), clip)
        if step == drop:
            for group in stepper.param_groups:
                group["lr"] *= 0.1
        stepper.step()
        found[step + 1] = place.at.detach().numpy()[0]
        if not np.abs(found[step + 1]).max() < FAR:
            found[step + 1 :] = found[step]
            break
    return found


@dataclass(frozen=True)
class Swept:
    """One optimizer on one surface over all rates."""

    rates: Floats  # (R,)
    needed: Floats  # (R,) steps until the value stays below the tolerance, inf if it never does
    final: Floats  # (R,) value at the end

    @property
    def best(self) -> int:
        """The rate that needs the fewest steps; if none arrives, the one with the lowest value at the end."""
        return int(np.lexsort((self.final, self.needed))[0])


def sweep(surface: Surface, optimizer: str, rates: Sequence[float], *, steps: int, tolerance: float) -> Swept:
    """Follow an optimizer with each rate; it arrives when the value stays below `tolerance` times that of the start."""
    needed, final = [], []
    for rate in rates:
        points = path(surface, optimizer, rate, steps=steps)
        values = np.asarray(surface.value(points[:, 0], points[:, 1]))
        above = np.flatnonzero(~(values < tolerance * values[0]))
        needed.append(float(above[-1] + 1) if len(above) and above[-1] < steps else math.inf if len(above) else 0.0)
        final.append(float(values[-1]))
    return Swept(np.array(rates), np.array(needed), np.array(final))


def momentum_inside(surface: Surface, lr: float, *, steps: int, drop: int | None = None, mu: float = 0.9) -> Floats:
    """Return the path of v ← μ v - η g, w ← w + v, the momentum of many textbooks: the rate is inside the velocity."""
    at, velocity = np.array(surface.start), np.zeros(2)
    found = [at.copy()]
    for step in range(steps):
        if step == drop:
            lr *= 0.1
        velocity = mu * velocity - lr * np.array(surface.gradient(*at))
        at = at + velocity
        found.append(at.copy())
    return np.array(found)


def adam_inside(surface: Surface, lr: float, *, steps: int, eps: float = 1e-8) -> Floats:
    """Return the path of Adam with ε inside the root, η m̂ / √(v̂ + ε), as some textbooks write it."""
    at, first, second = np.array(surface.start), np.zeros(2), np.zeros(2)
    found = [at.copy()]
    for step in range(1, steps + 1):
        gradient = np.array(surface.gradient(*at))
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        at = at - lr * (first / (1 - 0.9**step)) / np.sqrt(second / (1 - 0.999**step) + eps)
        found.append(at.copy())
    return np.array(found)
