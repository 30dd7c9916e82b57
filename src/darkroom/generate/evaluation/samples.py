"""Samples to measure and to look at, each set drawn from a seed of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom import sheets
from darkroom.data.store import Store
from darkroom.fit.batches import as_bytes
from darkroom.generate.evaluation.spaces import Images
from darkroom.generate.model import GenerativeModel, Stepwise
from darkroom.randomness import derive

Labels = NDArray[np.int64]

ROWS, COLUMNS = 10, 20
"""Rows of the sample grid, and the most classes it shows."""


def asked(store: Store, rows: Labels, classes: int) -> Labels:
    """Return the classes (N,) to ask for: those of these real images, or 0 for an unconditional model.

    An unlabeled image takes the label of another one, or the classes take turns if no image has a label.
    """
    if not classes:
        return np.zeros(len(rows), np.int64)
    labels = store.labels[rows]
    known = labels[labels >= 0] if (labels >= 0).any() else np.arange(classes)
    return np.where(labels < 0, np.resize(known, len(labels)), labels)


def draw(network: GenerativeModel, labels: Labels, *, seed: int) -> Images:
    """Draw samples of these classes (N,)."""
    return as_bytes(network.sample(torch.from_numpy(labels), _generator(seed)))


def draw_in_steps(network: Stepwise, labels: Labels, *, seed: int, steps: int) -> Images:
    """Draw samples of these classes (N,) in `steps` steps, from the same noise as `draw`."""
    return as_bytes(network.sample_with(torch.from_numpy(labels), _generator(seed), steps=steps))


def draw_grid(network: GenerativeModel, path: Path, *, seed: int) -> None:
    """Draw uncurated samples, one column per class in order; for an unconditional model, a square of them."""
    columns = min(network.classes, COLUMNS) or ROWS
    labels = torch.arange(columns).repeat(ROWS) if network.classes else torch.zeros(ROWS * columns, dtype=torch.long)
    samples = network.sample(labels, torch.Generator().manual_seed(derive(seed, "grid")))
    sheets.save_image(sheets.tile(as_bytes(samples), columns=columns, height=56), path)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(derive(seed, "samples"))
