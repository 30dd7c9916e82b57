"""Generative models trained in memory for studies, and what is measured of their samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import registry
from darkroom.data.store import Store
from darkroom.fit.batches import as_bytes, as_tensor, training_batches
from darkroom.fit.trainer import fit
from darkroom.generate.model import GenerativeModel, even_labels
from darkroom.log import silent
from darkroom.measure.frechet import frechet_distance
from darkroom.measure.manifold import manifold
from darkroom.randomness import derive
from darkroom.study.training import Division, Trained, settings

Bytes = NDArray[np.uint8]


class Generated(NamedTuple):
    """A trained generative model, and what its training took."""

    model: GenerativeModel
    images: int
    """Images that it saw, over all epochs."""


def trained(
    family: type[GenerativeModel],
    store: Store,
    division: Division,
    *,
    seed: int,
    training: Mapping[str, Any],
    **options: Any,
) -> Generated:
    """Train a generator on the training rows, as `generate train` does, in full precision on one thread.

    `options` are the generator's config keys; `training` overrides the defaults of its family.
    """
    torch.set_num_threads(1)
    torch.manual_seed(derive(seed, "weights"))
    chosen = registry.chosen(family, **options)
    model: GenerativeModel = registry.build(chosen, store.shape, len(store.classes))
    keys = settings({**registry.entry("generator", chosen.name).training, **training})  # type: ignore[attr-defined]
    batches = training_batches(store, division.train, None, batch_size=keys.batch_size, seed=seed)
    fit(model.task(keys), batches, None, seed=seed, log=silent)
    return Generated(model.eval(), batches.items * keys.epochs)


@torch.inference_mode()
def sampled(model: GenerativeModel, count: int, *, seed: int) -> Bytes:
    """Draw images (N, H, W, C); the classes of a conditional model take turns."""
    generator = torch.Generator().manual_seed(derive(seed, "samples"))
    return as_bytes(model.sample(even_labels(count, model.classes), generator))


class Quality(NamedTuple):
    """What is measured of generated images beside real ones."""

    frechet: float
    """Fréchet distance of a classifier's features."""
    precision: float
    """Share of generated images among the real ones' neighbors."""
    coverage: float
    """Share of real images with a generated neighbor."""
    sharpness: float
    """Mean squared difference of neighboring pixels, as a multiple of that of real images."""


def quality(made: Bytes, real: Bytes, judge: Trained) -> Quality:
    """Compare generated images with held-out real ones in the features of a classifier."""
    features = [embedded(judge, images) for images in (real, made)]
    found = manifold(*features)
    return Quality(frechet_distance(*features), found.precision, found.coverage, contrast(made) / contrast(real))


@torch.inference_mode()
def embedded(judge: Trained, images: Bytes) -> NDArray[np.float32]:
    """Return a classifier's features (N, D) of images."""
    network: Any = judge.network
    found: NDArray[np.float32] = network.features(as_tensor(images)).float().numpy()
    return found


def contrast(images: Bytes) -> float:
    """Return the mean squared difference of neighboring pixels of images (N, H, W, C) in [0, 1]."""
    pixels: Tensor = as_tensor(images)
    return float(sum(pixels.diff(dim=dim).square().mean() for dim in (2, 3))) / 2
