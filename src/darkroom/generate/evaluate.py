"""The job `generate evaluate`: samples of a trained generative model and, where it has a latent space, what that holds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import figures, files
from darkroom.data.store import Store, needed, open_store
from darkroom.fit.batches import as_float
from darkroom.fit.model import HISTORY, chunks, read_about, rebuild
from darkroom.generate.config import EvaluateSpec
from darkroom.generate.figures import draw_curves
from darkroom.generate.model import GenerativeModel, LatentModel
from darkroom.log import Log
from darkroom.measure.bootstrap import mean_intervals
from darkroom.randomness import derive

RESAMPLES = 1000
RECONSTRUCTED, INTERPOLATED, STEPS = 20, 6, 8
"""Images reconstructed, pairs interpolated and images between each pair, in the pictures; ten a row."""
ACTIVE = 0.01
"""A latent unit is active when its mean code varies more than this over images (Burda et al. 2016)."""


@torch.inference_mode()
def run(spec: EvaluateSpec, *, data: Path, model: Path, out: Path, log: Log) -> None:
    """Sample from the model in `model` and score it on the test split.

    Raises ValueError when there is no test image.
    """
    store = open_store(data)
    about = read_about(model)
    network = rebuild("generator", model, about.shape, len(about.classes))
    assert isinstance(network, GenerativeModel)
    if about.channels_last:
        network.to(memory_format=torch.channels_last)
    rows = needed(store, "test", labels=False)
    started = time.monotonic()
    wanted = torch.arange(spec.samples) % max(1, network.classes)
    samples = as_bytes(network.sample(wanted, torch.Generator().manual_seed(derive(spec.seed, "samples"))))
    sampling = time.monotonic() - started
    result: dict[str, Any] = {"items": len(rows)}
    with files.folder(out) as fresh:
        np.save(fresh / "samples.npy", samples)
        figures.save_image(figures.tile(samples, height=56), fresh / "samples.png")
        draw_curves(pd.read_csv(model / HISTORY), fresh / "curves.png")
        if isinstance(network, LatentModel):
            result |= measure(network, store, rows, seed=spec.seed)
            draw_latent(network, store, rows, fresh, seed=spec.seed)
        files.write_json(fresh / "metrics.json", result)
        times = {"seconds": time.monotonic() - started, "ms_per_sample": sampling / spec.samples * 1000}
        files.write_json(fresh / files.TIMING, times)
    numbers = {f"test/{name}": found["value"] for name, found in result.get("test", {}).items()}
    log(numbers | {f"test/{name}": result[name] for name in ("active_units",) if name in result})


def measure(network: LatentModel, store: Store, rows: NDArray[np.int64], *, seed: int) -> dict[str, Any]:
    """The bound on these images in nats an image, by one posterior draw each, and how much of the latent space is used."""
    draws = torch.Generator().manual_seed(derive(seed, "bound"))
    labels = torch.from_numpy(store.labels[rows])
    batches = zip(chunks(store.images, rows), labels.split(256), strict=True)
    encoded = [(network.bound(images, some, draws), network.encode(images, some)[0]) for images, some in batches]
    parts = {
        name: torch.cat([getattr(bound, name) for bound, _ in encoded]).numpy()
        for name in ("elbo", "reconstruction", "kl")
    }
    codes = torch.cat([code for _, code in encoded]).numpy()
    return {
        "test": mean_intervals(parts, resamples=RESAMPLES, generator=np.random.default_rng(derive(seed, "bootstrap"))),
        "active_units": int((codes.var(0) > ACTIVE).sum()),
        "latent": network.latent,
    }


def draw_latent(network: LatentModel, store: Store, rows: NDArray[np.int64], folder: Path, *, seed: int) -> None:
    """Originals above their reconstructions, and ways between pairs of images with the originals at both ends."""
    even = rows[np.linspace(0, len(rows) - 1, min(RECONSTRUCTED, len(rows))).round().astype(np.int64)]
    images, labels = as_float(store.images[even]), torch.from_numpy(store.labels[even])
    shown_again = network.reconstruct(images, labels)
    pairs = [(images[at : at + 10], shown_again[at : at + 10]) for at in range(0, len(images), 10)]
    shown = as_bytes(torch.cat([part for pair in pairs for part in pair]))
    figures.save_image(figures.tile(shown, columns=min(10, len(images)), height=56), folder / "reconstructions.png")
    order = np.random.default_rng(derive(seed, "pairs")).permutation(rows)
    order = np.resize(order, 2 * INTERPOLATED)
    ends, classes = as_float(store.images[order]), torch.from_numpy(store.labels[order])
    first, second = ends[::2], ends[1::2]
    between = network.interpolate(first, second, STEPS, (classes[::2], classes[1::2]))
    ways = torch.cat([first[:, None], between, second[:, None]], dim=1)
    figures.save_image(
        figures.tile(as_bytes(ways.flatten(0, 1)), columns=STEPS + 2, height=56), folder / "interpolation.png"
    )


def as_bytes(images: Tensor) -> NDArray[np.uint8]:
    """Floats (N, C, H, W) in [0, 1] as bytes (N, H, W, C)."""
    found: NDArray[np.uint8] = (images * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()
    return found
