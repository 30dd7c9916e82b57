"""Mixtures of normal distributions with known modes, and which of them a set of points covers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
RADIUS, STD = 2.0, 0.1
"""Of the ring, and of each of its modes."""
LINE, LINE_STD = (-1.5, 1.5), 0.3
"""Modes on the line."""
REACH, FAIR = 3, 0.1
"""A point belongs to a mode within `REACH` standard deviations; a mode is covered if it has `FAIR` of its fair share."""


def centers(modes: int) -> Floats:
    """Return the modes' centers (K, 2), evenly spaced on the ring."""
    angles = 2 * np.pi * np.arange(modes) / modes
    found: Floats = RADIUS * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return found


def ring(count: int, generator: torch.Generator, *, modes: int) -> Tensor:
    """Draw points (N, 2) from equal modes on a ring."""
    which = torch.randint(modes, (count,), generator=generator)
    return torch.from_numpy(centers(modes)).float()[which] + STD * torch.randn(count, 2, generator=generator)


def noised_score(points: Floats, modes: int, *, alpha: float, sigma: float) -> Floats:
    """Return the score (N, 2), the gradient of the log-density, of the ring scaled by `alpha` with noise of deviation `sigma`.

    Each mode is then normal with mean α c and variance α² s² + σ².
    """
    variance = (alpha * STD) ** 2 + sigma**2
    towards = alpha * centers(modes) - points[:, None]  # (N, K, 2)
    exponents = -np.square(towards).sum(2) / (2 * variance)
    weights = np.exp(exponents - exponents.max(1, keepdims=True))
    weights /= weights.sum(1, keepdims=True)
    found: Floats = (weights[..., None] * towards).sum(1) / variance
    return found


def line(count: int, generator: torch.Generator) -> Tensor:
    """Draw points (N, 1) from two equal modes on the line."""
    which = torch.randint(len(LINE), (count, 1), generator=generator)
    return torch.tensor(LINE)[which] + LINE_STD * torch.randn(count, 1, generator=generator)


def density(points: Floats) -> Floats:
    """Return the density of `line` at points (N,)."""
    each = [np.exp(-(((points - at) / LINE_STD) ** 2) / 2) for at in LINE]
    found: Floats = np.mean(each, axis=0) / (LINE_STD * np.sqrt(2 * np.pi))
    return found


class Coverage(NamedTuple):
    """What points cover of a ring's modes."""

    modes: int
    """Modes with at least a tenth of their fair share of the points."""
    near: float
    """Share of points near any mode."""


def coverage(points: Floats, modes: int) -> Coverage:
    """Count the modes that points (N, 2) cover."""
    distances = np.linalg.norm(points[:, None] - centers(modes), axis=2)  # (N, K)
    near = distances.min(1) < REACH * STD
    counts = np.bincount(distances.argmin(1)[near], minlength=modes)
    return Coverage(int((counts >= FAIR * len(points) / modes).sum()), float(near.mean()))
