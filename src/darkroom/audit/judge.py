"""One fold's model as a judge: its outputs, and the distance of images from real ones in its feature space.

The distance of an image to what an answer says, such as a class, is the mean Euclidean distance, in standardized features, to
its `NEIGHBORS` nearest held-out images that are like that, excluding the image's own group. Features of different models are
never compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.audit.aspects import Aspect, Flags, Floats, Labels, Own
from darkroom.nets.penultimate import outputs_and_features

Look = Callable[[Tensor], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""Maps images (N, C, H, W) in [0, 1] to outputs (N, K) and features (N, D)."""

BATCH = 256
NEIGHBORS = 5
FLAT = 0.1
"""Least standard deviation that a feature is divided by, relative to the mean of all."""
AT_HOME = 0.9
"""An image is at home among others if its distance is within this quantile of their own distances."""


@dataclass(frozen=True)
class Real:
    """Real images: features (M, D) from a model, groups (M,) and targets, (M,) or (M, K)."""

    features: NDArray[np.float32]
    groups: Labels
    targets: NDArray[Any]


class FoldJudge:
    """A model that judges images; `real` are images held out from its training, `own` its errors if it predicts numbers."""

    def __init__(self, look: Look, real: Real, own: Own | None = None) -> None:
        self._look, self.own = look, own
        every = real.features.astype(np.float64)
        spread = every.std(0)
        # units that are all but dead for real images would otherwise drown all others for transformed ones
        self._mean, self._scale = every.mean(0), np.maximum(spread, max(FLAT * float(spread.mean()), 1e-6))
        self._real = Real(self._standard(real.features), real.groups, real.targets)
        self._radius: dict[tuple[str, int], float] = {}

    def look(self, images: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return outputs (N, K) and standardized features (N, D), computed in batches."""
        found = [self._look(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
        return np.concatenate([outputs for outputs, _ in found]), self._standard(
            np.concatenate([seen for _, seen in found])
        )

    def distance(self, features: NDArray[np.float32], groups: Labels, answers: Floats, aspect: Aspect) -> Floats:
        """Return the mean distance (N,) to the nearest real images that are what each answer (N,) says.

        NaN where there are fewer than `NEIGHBORS`.
        """
        if not len(features):
            return np.empty(0)
        alike = aspect.alike(answers, self._real.targets)  # (N, M)
        some = np.flatnonzero(alike.any(0))
        if len(some) < NEIGHBORS:
            return np.full(len(features), np.nan)
        apart = torch.cdist(
            torch.from_numpy(features),
            torch.from_numpy(self._real.features[some]),
            compute_mode="donot_use_mm_for_euclid_dist",
        )
        other = ~alike[:, some] | (groups[:, None] == self._real.groups[some])
        apart[torch.from_numpy(other)] = torch.inf
        near: Floats = apart.topk(NEIGHBORS, largest=False).values.double().mean(1).numpy()
        return np.where(np.isfinite(near), near, np.nan)

    def at_home(self, features: NDArray[np.float32], groups: Labels, answers: Floats, aspect: Aspect) -> Flags:
        """Return whether each image is at home among the real images that are what its answer in `answers` (N,) says."""
        near = self.distance(features, groups, answers, aspect)
        radius = np.array([self._home(kind, aspect) for kind in aspect.kinds(answers).tolist()])
        return np.asarray(near <= radius) if len(near) else np.zeros(0, np.bool_)

    def _home(self, kind: int, aspect: Aspect) -> float:
        """Return the distance within which `AT_HOME` of the real images with the same kind of answer are."""
        key = aspect.name if aspect.label < 0 else "", kind
        if key not in self._radius:
            true = aspect.true(self._real.targets)
            some = np.flatnonzero(aspect.kinds(true) == kind)
            near = self.distance(self._real.features[some], self._real.groups[some], true[some], aspect)
            near = near[~np.isnan(near)]
            self._radius[key] = float(np.quantile(near, AT_HOME)) if len(near) else float("nan")
        return self._radius[key]

    def _standard(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        standard: NDArray[np.float32] = ((features - self._mean) / self._scale).astype(np.float32)
        return standard


def watched(network: nn.Module) -> Look:
    """Return a function that gets outputs and features of samples from a network that has features."""

    @torch.inference_mode()
    def look(samples: Tensor) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        logits, features = outputs_and_features(network, samples)
        assert features is not None, f"{type(network).__name__} has no features"
        return logits.numpy(), features.numpy()

    return look
