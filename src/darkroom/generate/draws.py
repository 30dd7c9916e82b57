"""Samples drawn to be measured and to be looked at, every draw from a seed of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import figures
from darkroom.data.store import Store
from darkroom.fit.batches import as_bytes
from darkroom.generate.evaluation.spaces import Images
from darkroom.generate.model import GenerativeModel
from darkroom.randomness import derive

Labels = NDArray[np.int64]

ROWS, COLUMNS = 10, 20
"""Rows of the sample grid, and the most classes it shows."""


@runtime_checkable
class Stepwise(Protocol):
    """A model that makes its samples in a number of steps."""

    def sample_with(self, labels: Tensor, generator: torch.Generator, *, steps: int) -> Tensor:
        """Samples as `GenerativeModel.sample` gives them, made in so many steps."""


def asked(store: Store, rows: Labels, classes: int) -> Labels:
    """The classes (N,) to ask for: those of these real images; where one has none, another's, or each in turn; 0 for a
    model without classes."""
    if not classes:
        return np.zeros(len(rows), np.int64)
    labels = store.labels[rows]
    known = labels[labels >= 0] if (labels >= 0).any() else np.arange(classes)
    return np.where(labels < 0, np.resize(known, len(labels)), labels)


def draw(network: GenerativeModel, labels: Labels, *, seed: int) -> Images:
    """Samples of these classes."""
    return as_bytes(network.sample(torch.from_numpy(labels), _generator(seed)))


def draw_in_steps(network: Stepwise, labels: Labels, *, seed: int, steps: int) -> Images:
    """Samples of these classes in so many steps, from the same noise as those of `draw`."""
    return as_bytes(network.sample_with(torch.from_numpy(labels), _generator(seed), steps=steps))


def draw_grid(network: GenerativeModel, path: Path, *, seed: int) -> None:
    """Samples not picked: a column a class, in their order; of a model without classes a square of them."""
    columns = min(network.classes, COLUMNS) or ROWS
    labels = torch.arange(columns).repeat(ROWS) if network.classes else torch.zeros(ROWS * columns, dtype=torch.long)
    samples = network.sample(labels, torch.Generator().manual_seed(derive(seed, "grid")))
    figures.save_image(figures.tile(as_bytes(samples), columns=columns, height=56), path)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(derive(seed, "samples"))
