"""Test images through a model's encoder: the likelihood bound, the latent codes, and figures of both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import sheets
from darkroom.data.store import Store
from darkroom.fit.batches import as_bytes, as_tensor
from darkroom.generate.evaluation.latent_figures import draw_latent_map, draw_plane, draw_traversals
from darkroom.generate.model import CHUNK, GenerativeModel, LatentModel, Reconstructs
from darkroom.measure.bootstrap import mean_intervals
from darkroom.randomness import derive

RESAMPLES = 1000
RECONSTRUCTED, INTERPOLATED, STEPS = 20, 6, 8
"""In the figures: images reconstructed, ten per row; pairs interpolated; images between each pair."""
ACTIVE = 0.01
"""A latent unit is active if the variance of its posterior mean over images exceeds this (Burda et al. 2016)."""

Codes = NDArray[np.float32]


class EncodedImages:
    """Real images to encode: all rows, or only labeled ones for a conditional model."""

    def __init__(self, network: GenerativeModel, store: Store, rows: NDArray[np.int64], *, seed: int) -> None:
        self.network, self.store, self.seed = network, store, seed
        self.rows = rows[store.labels[rows] >= 0] if network.classes else rows

    def measure(self) -> dict[str, Any]:
        """Return the entries `test`, `active_units` and `latent` of metrics.json that apply to the model."""
        found: dict[str, Any] = {}
        if len(self.rows) and isinstance(self.network, Reconstructs):
            found["test"] = self._bound(self.network)
        if len(self.rows) and isinstance(self.network, LatentModel):
            active = int((self._codes(self.network).var(0) > ACTIVE).sum())
            found |= {"active_units": active, "latent": self.network.latent}
        return found

    @torch.inference_mode()
    def draw(self, folder: Path) -> None:
        """Draw the figures that apply to the model."""
        if len(self.rows) and isinstance(self.network, Reconstructs):
            self._draw_reconstructions(self.network, folder / "reconstructions.png")
        if len(self.rows) and isinstance(self.network, LatentModel):
            self._draw_interpolation(self.network, folder / "interpolation.png")
            codes, labels = self._codes(self.network), self.store.labels[self.rows]
            draw_traversals(self.network, codes, labels, folder / "traversals.png")
            draw_latent_map(codes, labels, self.store.classes, folder / "latent_map.png")
            if self.network.latent == 2:
                draw_plane(self.network, self.store.classes, folder / "plane.png")

    @torch.inference_mode()
    def _bound(self, network: Reconstructs) -> dict[str, Any]:
        """Return the bound in nats per image, from one posterior draw each."""
        draws = torch.Generator().manual_seed(derive(self.seed, "bound"))
        bounds = [network.bound(images, labels, draws) for images, labels in self._batches()]
        parts = {
            name: torch.cat([getattr(bound, name) for bound in bounds]).numpy()
            for name in ("elbo", "reconstruction", "kl")
        }
        resampled = np.random.default_rng(derive(self.seed, "bootstrap"))
        return mean_intervals(parts, resamples=RESAMPLES, generator=resampled)

    @torch.inference_mode()
    def _codes(self, network: LatentModel) -> Codes:
        codes: Codes = torch.cat([network.encode(*batch)[0] for batch in self._batches()]).numpy()
        return codes

    def _draw_reconstructions(self, network: Reconstructs, path: Path) -> None:
        """Draw originals above their reconstructions."""
        places = np.linspace(0, len(self.rows) - 1, min(RECONSTRUCTED, len(self.rows)))
        images, labels = self._taken(self.rows[places.round().astype(np.int64)])
        pairs = zip(images.split(10), network.reconstruct(images, labels).split(10), strict=True)
        shown = as_bytes(torch.cat([part for pair in pairs for part in pair]))
        sheets.save_image(sheets.tile(shown, columns=min(10, len(images)), height=56), path)

    def _draw_interpolation(self, network: LatentModel, path: Path) -> None:
        """Draw interpolations between pairs of images, with the originals at both ends."""
        order = np.random.default_rng(derive(self.seed, "pairs")).permutation(self.rows)
        images, labels = self._taken(np.resize(order, 2 * INTERPOLATED))
        first, second = images[::2], images[1::2]
        between = network.interpolate(first, second, STEPS, (labels[::2], labels[1::2]))
        ways = torch.cat([first[:, None], between, second[:, None]], dim=1)
        sheets.save_image(sheets.tile(as_bytes(ways.flatten(0, 1)), columns=STEPS + 2, height=56), path)

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self.rows), CHUNK):
            yield self._taken(self.rows[start : start + CHUNK])

    def _taken(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        return as_tensor(self.store.samples[rows]), torch.from_numpy(self.store.labels[rows])
