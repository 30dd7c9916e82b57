"""What the latent space of a generative model holds: the likelihood bound, the units in use, and pictures of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom import figures
from darkroom.data.store import Store
from darkroom.fit.batches import as_float
from darkroom.generate.model import LatentModel
from darkroom.generate.spaces import as_bytes
from darkroom.measure.bootstrap import mean_intervals
from darkroom.randomness import derive

RESAMPLES = 1000
RECONSTRUCTED, INTERPOLATED, STEPS = 20, 6, 8
"""Images reconstructed, pairs interpolated and images between each pair, in the pictures; ten a row."""
ACTIVE = 0.01
"""A latent unit is active when its mean code varies more than this over images (Burda et al. 2016)."""
BATCH = 256


def usable(network: LatentModel, store: Store, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of the rows that the model can encode: all of them, or those with a label where it is conditional."""
    return rows[store.labels[rows] >= 0] if network.classes else rows


@torch.inference_mode()
def measure(network: LatentModel, store: Store, rows: NDArray[np.int64], *, seed: int) -> dict[str, Any]:
    """The bound on these images in nats an image, by one posterior draw each, and how much of the latent space is used."""
    draws = torch.Generator().manual_seed(derive(seed, "bound"))
    bounds, codes = [], []
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        images, labels = as_float(store.images[part]), torch.from_numpy(store.labels[part])
        bounds.append(network.bound(images, labels, draws))
        codes.append(network.encode(images, labels)[0])
    parts = {
        name: torch.cat([getattr(bound, name) for bound in bounds]).numpy() for name in ("elbo", "reconstruction", "kl")
    }
    return {
        "test": mean_intervals(parts, resamples=RESAMPLES, generator=np.random.default_rng(derive(seed, "bootstrap"))),
        "active_units": int((torch.cat(codes).var(0) > ACTIVE).sum()),
        "latent": network.latent,
    }


@torch.inference_mode()
def draw(network: LatentModel, store: Store, rows: NDArray[np.int64], folder: Path, *, seed: int) -> None:
    """Originals above their reconstructions, and ways between pairs of images with the originals at both ends."""
    even = rows[np.linspace(0, len(rows) - 1, min(RECONSTRUCTED, len(rows))).round().astype(np.int64)]
    images, labels = as_float(store.images[even]), torch.from_numpy(store.labels[even])
    pairs = [
        (images[at : at + 10], network.reconstruct(images[at : at + 10], labels[at : at + 10]))
        for at in range(0, len(images), 10)
    ]
    shown = as_bytes(torch.cat([part for pair in pairs for part in pair]))
    figures.save_image(figures.tile(shown, columns=min(10, len(images)), height=56), folder / "reconstructions.png")
    order = np.resize(np.random.default_rng(derive(seed, "pairs")).permutation(rows), 2 * INTERPOLATED)
    ends, labels = as_float(store.images[order]), torch.from_numpy(store.labels[order])
    first, second = ends[::2], ends[1::2]
    between = network.interpolate(first, second, STEPS, (labels[::2], labels[1::2]))
    ways = torch.cat([first[:, None], between, second[:, None]], dim=1)
    figures.save_image(
        figures.tile(as_bytes(ways.flatten(0, 1)), columns=STEPS + 2, height=56), folder / "interpolation.png"
    )
