"""One fold's classifier as a judge: its predictions, and the distance of images from real ones in its feature space.

The distance of an image to a class is the mean Euclidean distance, in standardized features, to its `NEIGHBORS` nearest
held-out images of the class, excluding the image's own group. Features of different classifiers are never compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.nets.penultimate import outputs_and_features

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Look = Callable[[Tensor], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Maps images (N, C, H, W) in [0, 1] to logits (N, K) and features (N, D)."""

BATCH = 256
NEIGHBORS = 5
AT_HOME = 0.9
"""An image is at home in a class if its distance is within this quantile of the real images' own distances."""


@dataclass(frozen=True)
class Real:
    """Real images of one class: features (M, D) from a classifier, groups (M,)."""

    features: NDArray[np.float32]
    groups: Labels


class FoldJudge:
    """A classifier that judges images; `real` are images held out from its training, by class."""

    def __init__(self, look: Look, real: Mapping[int, Real]) -> None:
        self._look = look
        every = np.concatenate([known.features for known in real.values()]).astype(np.float64)
        self._mean, self._scale = every.mean(0), np.maximum(every.std(0), 1e-6)
        self._real = {label: Real(self._standard(known.features), known.groups) for label, known in real.items()}
        self._radius = {label: self._home(label) for label in self._real}

    def look(self, images: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return logits (N, K) and standardized features (N, D), computed in batches."""
        found = [self._look(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        return np.concatenate([logits for logits, _ in found]), self._standard(
            np.concatenate([seen for _, seen in found])
        )

    def distance(self, features: NDArray[np.float32], groups: Labels, label: int) -> Floats:
        """Return the mean distance (N,) to the nearest real images of a class; NaN if there are fewer than `NEIGHBORS`."""
        known = self._real.get(label)
        if known is None or not len(features):
            return np.full(len(features), np.nan)
        apart = torch.cdist(
            torch.from_numpy(features), torch.from_numpy(known.features), compute_mode="donot_use_mm_for_euclid_dist"
        )
        apart[torch.from_numpy(groups[:, None] == known.groups)] = torch.inf
        if apart.shape[1] < NEIGHBORS:
            return np.full(len(features), np.nan)
        near: Floats = apart.topk(NEIGHBORS, largest=False).values.double().mean(1).numpy()
        return np.where(np.isfinite(near), near, np.nan)

    def at_home(self, features: NDArray[np.float32], groups: Labels, labels: Labels) -> NDArray[np.bool_]:
        """Return whether each image is at home in its class in `labels` (N,)."""
        found = np.zeros(len(labels), np.bool_)
        for label in np.unique(labels).tolist():
            chosen = labels == label
            near = self.distance(features[chosen], groups[chosen], label)
            found[chosen] = near <= self._radius.get(label, np.nan)
        return found

    def _home(self, label: int) -> float:
        known = self._real[label]
        near = self.distance(known.features, known.groups, label)
        near = near[~np.isnan(near)]
        return float(np.quantile(near, AT_HOME)) if len(near) else float("nan")

    def _standard(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        standard: NDArray[np.float32] = ((features - self._mean) / self._scale).astype(np.float32)
        return standard


def watched(network: nn.Module) -> Look:
    """Return a function that gets logits and features of samples from a network that has features."""

    @torch.inference_mode()
    def look(samples: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, features = outputs_and_features(network, samples)
        assert features is not None, f"{type(network).__name__} has no features"
        return logits.numpy(), features.numpy()

    return look
