"""Detectors fitted in memory for studies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.data.store import Store
from darkroom.detect.detector import Detector, FitInputs, build
from darkroom.fit.batches import as_tensor
from darkroom.randomness import derive
from darkroom.registry import chosen
from darkroom.study.training import Division, settings


def fitted(
    method: type[Detector],
    store: Store,
    division: Division,
    *,
    seed: int,
    training: Mapping[str, Any] | None = None,
    **options: Any,
) -> Detector:
    """Fit a detector on the training rows, as `detect fit` does, in full precision on one thread.

    `options` are the method's config keys; `training` the keys of a training section, None for a fit in closed form.
    """
    torch.set_num_threads(1)
    torch.manual_seed(derive(seed, "weights"))
    detector = build(chosen(method, **options), store.shape)
    keys = None if training is None else settings(training)
    detector.fit(FitInputs(images=store.samples, train=division.train, val=division.val, training=keys, seed=seed))
    return detector.eval()


@torch.inference_mode()
def reconstruction_error(detector: Detector, images: NDArray[np.uint8], given: torch.Tensor | None = None) -> float:
    """Return the mean squared error of reconstructed images (N, H, W, C), from other inputs `given` if there are any."""
    clean = as_tensor(images)
    found = detector.reconstruct(clean if given is None else given)
    assert found is not None, f"{type(detector).__name__} makes no reconstructions"
    return float((found - clean).square().mean())


@torch.inference_mode()
def scores(detector: Detector, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the anomaly scores (N,) of images (N, H, W, C)."""
    found: NDArray[np.float64] = detector.score(as_tensor(images)).scores.double().numpy()
    return found
