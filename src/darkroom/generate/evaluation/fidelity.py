"""How near a set of images is to real ones in a feature space, beside how near other real ones come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.data.store import Store
from darkroom.generate.evaluation.spaces import Features, Images, Look
from darkroom.measure.frechet import frechet_distance
from darkroom.measure.kernel import kernel_distance
from darkroom.measure.manifold import NEIGHBOURS, manifold

MEASURES = ("fid", "kid", "kid_sd", "precision", "recall", "density", "coverage")


def fidelity(real: Features, made: Features) -> dict[str, Any]:
    """All measures of made images (M, D) against real ones (N, D), by name, with the numbers of images and features.

    With too few images for neighbourhoods, each measure is a null with the reason.
    """
    sizes = {"samples": len(made), "against": len(real), "features": real.shape[1]}
    if min(len(real), len(made)) <= NEIGHBOURS:
        reason = f"needs more than {NEIGHBOURS} images of each kind, got {len(real)} real and {len(made)} others"
        return {**sizes, **{name: {"value": None, "reason": reason} for name in MEASURES}}
    kernel, neighbours = kernel_distance(real, made), manifold(real, made)
    return {
        **sizes,
        "fid": frechet_distance(real, made),
        "kid": kernel.value,
        "kid_sd": kernel.sd,
        **neighbours._asdict(),
    }


class Reference:
    """The real images that samples are held against, as one feature space has them, and the floor they set.

    The floor holds validation images against the test images `rows`, as many as there are samples; where there are fewer
    than half as many, one half of the test images stands for both.
    """

    def __init__(self, look: Look, store: Store, rows: NDArray[np.int64]) -> None:
        self.look = look
        self.real = look(store.images[rows])
        held_out = store.rows("val")
        if 2 * len(held_out) >= len(rows):
            others = look(store.images[spread(held_out, len(rows))])
            self.floor = fidelity(self.real, others) | {"of": "validation"}
        else:
            self.floor = fidelity(self.real[::2], self.real[1::2]) | {"of": "halves"}

    def measure(self, samples: Images) -> dict[str, Any]:
        """All measures of samples (M, H, W, C)."""
        return fidelity(self.real, self.look(samples))


def spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many of the rows, evenly spread over them and the same for every model."""
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64)]
