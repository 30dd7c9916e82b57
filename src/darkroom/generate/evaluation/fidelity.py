"""Fidelity and diversity of images in a feature space, compared with what other real images reach there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.data.store import Store
from darkroom.generate.evaluation.spaces import FeatureExtractor, Features, Images
from darkroom.measure.frechet import frechet_distance
from darkroom.measure.kernel import kernel_distance
from darkroom.measure.manifold import NEIGHBORS, manifold

MEASURES = ("fid", "kid", "kid_sd", "precision", "recall", "density", "coverage")


def fidelity(real: Features, made: Features) -> dict[str, Any]:
    """Return every measure of generated features (M, D) against real ones (N, D), and the numbers of images and features.

    With too few images for nearest neighbors, each measure is {"value": null, "reason"}.
    """
    sizes = {"samples": len(made), "against": len(real), "features": real.shape[1]}
    if min(len(real), len(made)) <= NEIGHBORS:
        reason = f"needs more than {NEIGHBORS} images of each kind, got {len(real)} real and {len(made)} others"
        return {**sizes, **{name: {"value": None, "reason": reason} for name in MEASURES}}
    kernel, neighbors = kernel_distance(real, made), manifold(real, made)
    return {
        **sizes,
        "fid": frechet_distance(real, made),
        "kid": kernel.value,
        "kid_sd": kernel.sd,
        **neighbors._asdict(),
    }


class Reference:
    """The test images that samples are measured against in one feature space, and the floor that real images set.

    The floor measures validation images against the test images `rows`, as many as there are samples; with fewer than half
    as many validation images, it measures one half of the test images against the other.
    """

    def __init__(self, extract: FeatureExtractor, store: Store, rows: NDArray[np.int64]) -> None:
        self.extract = extract
        self.real = extract(store.samples[rows])
        held_out = store.rows("val")
        if 2 * len(held_out) >= len(rows):
            others = extract(store.samples[spread(held_out, len(rows))])
            self.floor = fidelity(self.real, others) | {"of": "validation"}
        else:
            self.floor = fidelity(self.real[::2], self.real[1::2]) | {"of": "halves"}

    def measure(self, samples: Images) -> dict[str, Any]:
        """Return every measure of samples (M, H, W, C)."""
        return fidelity(self.real, self.extract(samples))


def spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most `most` of the rows, evenly spread and the same for every model."""
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64)]
