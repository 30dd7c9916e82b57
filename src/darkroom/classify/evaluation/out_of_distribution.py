"""Which images are unlike those that a classifier was trained on: two scores, and limits set on validation images.

- `energy`: the free energy of the outputs, -log Σ exp z of logits of a softmax (Liu et al. 2020), -Σ log(1 + exp z) of
  logits of a sigmoid each (Wang et al. 2021, JointEnergy). Other outputs have none.
- `distance`: the Mahalanobis distance of the features to the nearest class mean (see `measure.class_gaussians`), or to their
  common mean for labels and numbers. Networks without features have none.

A limit is the one that split conformal prediction sets on the scores of validation images. An image is out of distribution
if any score exceeds its limit; the scores share the false alarms of `FALSE_ALARMS` evenly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from darkroom.data.store import Store
from darkroom.fit.model import About
from darkroom.measure import class_gaussians, conformal
from darkroom.measure.class_gaussians import ClassGaussians
from darkroom.measure.proportion import wilson

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
FEATURES = "features.npz"
"""The means and the covariance of the training images' features."""
FALSE_ALARMS = 0.05
"""Share of images like those of the validation split that exceed a limit, at most."""
MOST = 2000
"""Training images whose features are used."""
FLAT = 1e-6
"""A score whose values differ by no more than this on the validation images says nothing, and is left out."""


@dataclass(frozen=True, eq=False)
class OutOfDistribution:
    """The scores of a classifier and their limits; `link` says how its outputs become probabilities."""

    link: str
    gaussians: ClassGaussians | None
    limits: Mapping[str, float]
    """By score; infinite if there were too few validation images."""

    def scores(self, outputs: NDArray[Any], features: NDArray[Any] | None) -> dict[str, Floats]:
        """Return the scores (N,) of images with these outputs (N, K) and features (N, D), which must be finite."""
        found = _scores(self.link, self.gaussians, outputs, features)
        return {name: found[name] for name in self.limits}

    def flagged(self, scores: Mapping[str, Floats]) -> NDArray[np.bool_]:
        """Return which images (N,) exceed a limit."""
        found: NDArray[np.bool_] = np.any([scores[name] > limit for name, limit in self.limits.items()], axis=0)
        return found


@dataclass(frozen=True, eq=False)
class Seen:
    """Outputs (N, K) and features (N, D) of images; no features if the network has none."""

    outputs: NDArray[np.float32]
    features: NDArray[np.float32] | None

    @property
    def finite(self) -> bool:
        """Whether all values are finite."""
        return bool(np.isfinite(self.outputs).all() and (self.features is None or np.isfinite(self.features).all()))


def energies(outputs: NDArray[Any], link: str) -> Floats | None:
    """Return the free energy (N,) of outputs (N, K), larger for images unlike those of the training; None for `identity`."""
    logits = outputs.astype(np.float64)
    if link == "softmax":
        return -np.asarray(special.logsumexp(logits, axis=1))
    return -np.logaddexp(0, logits).sum(1) if link == "sigmoid" else None


def energy_link(about: About) -> str:
    """Return what the energy of a model's outputs depends on: its link, and `identity` for numbers."""
    return "identity" if about.target.kind == "numbers" else about.link


def some_training_rows(store: Store, rows: Rows, generator: np.random.Generator) -> Rows:
    """Draw at most `MOST` of these rows of a store, evenly from its classes as far as they have images."""
    drawn = generator.permutation(rows)
    labels = store.labels[drawn]  # -1 for all images with labels or numbers
    turn = np.empty(len(drawn), np.int64)
    for label in np.unique(labels):
        own = labels == label
        turn[own] = np.arange(own.sum())
    chosen: Rows = np.sort(drawn[np.argsort(turn, kind="stable")[:MOST]])
    return chosen


def fit(link: str, labels: Rows, train: Seen, val: Seen) -> OutOfDistribution | None:
    """Fit the distribution of features to training images with these labels (N,), and set the limits on validation images.

    None without validation images, and if no score differs between them.
    """
    if not len(val.outputs):
        return None
    gaussians = None
    if train.features is not None:
        found = class_gaussians.fit(train.features, labels)
        # rounded as they are saved, so that the limits are those of the saved ones
        gaussians = ClassGaussians(found.means.astype(np.float32), found.whitening.astype(np.float32))
    scores = _scores(link, gaussians, val.outputs, val.features)
    telling = {name: values for name, values in scores.items() if np.ptp(values) > FLAT}
    if not telling:
        return None
    miss = FALSE_ALARMS / len(telling)
    limits = {name: conformal.limit(values, miss) for name, values in telling.items()}
    return OutOfDistribution(link, gaussians, limits)


def measured(fitted: OutOfDistribution, val: Seen, test: Seen) -> dict[str, Any]:
    """Return its part of metrics.json: the limits, and the share of test images out of distribution."""
    missing = conformal.too_few(len(val.outputs), FALSE_ALARMS / len(fitted.limits))
    flagged = fitted.flagged(fitted.scores(test.outputs, test.features))
    return {
        "expected": FALSE_ALARMS,
        "validation_images": len(val.outputs),
        "limits": {name: missing or {"value": limit} for name, limit in fitted.limits.items()},
        "flagged": missing or wilson(int(flagged.sum()), len(flagged), reason=""),
    }


def save(fitted: OutOfDistribution, folder: Path) -> None:
    """Write the features' distribution to an evaluation's folder; the limits are in its metrics.json."""
    if fitted.gaussians is not None:
        np.savez(folder / FEATURES, means=fitted.gaussians.means, whitening=fitted.gaussians.whitening)


def read(folder: Path, metrics: Mapping[str, Any], about: About) -> OutOfDistribution | None:
    """Read what an evaluation with these metrics saved; None if it has no such scores."""
    if "out_of_distribution" not in metrics:
        return None
    limits = {name: limit["value"] for name, limit in metrics["out_of_distribution"]["limits"].items()}
    gaussians = None
    if "distance" in limits:
        with np.load(folder / FEATURES, allow_pickle=False) as arrays:
            gaussians = ClassGaussians(arrays["means"], arrays["whitening"])
    known = {name: math.inf if limit is None else limit for name, limit in limits.items()}
    return OutOfDistribution(energy_link(about), gaussians, known)


def _scores(
    link: str, gaussians: ClassGaussians | None, outputs: NDArray[Any], features: NDArray[Any] | None
) -> dict[str, Floats]:
    found = {}
    if (energy := energies(outputs, link)) is not None:
        found["energy"] = energy
    if gaussians is not None and features is not None:
        found["distance"] = gaussians.distances(features)
    return found
