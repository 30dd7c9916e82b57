"""PaDiM (Defard et al. 2020): a Gaussian over the features of normal images at each location of the feature map."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import FitInputs, Scored
from darkroom.detect.methods.feature_detector import FeatureDetector, extractor
from darkroom.detect.options import (
    BackboneClassifier,
    BackboneLevels,
    BackboneName,
    BackboneSha256,
    BackboneSide,
    BackboneSmoothing,
)
from darkroom.nets.options import Weights
from darkroom.randomness import derive
from darkroom.registry import register
from darkroom.settings import Count

RIDGE = 0.01
"""Added to the variances, so that few images suffice for an invertible covariance; the paper's ε."""
POSITIONS = 256
"""Locations whose covariances are inverted at a time."""


@register("detector", "padim")
class PaDiM(FeatureDetector):
    """Gaussians at each location of a pretrained network's feature maps."""

    chosen: Tensor  # (d,), indices of the features used
    mean: Tensor  # (h w, d)
    whitening: Tensor  # (h w, d, d), the inverse of the covariance's lower Cholesky factor: lower too
    seen: Tensor  # (), number of images that mean and covariance are of

    def __init__(
        self,
        shape: tuple[int, int, int],
        trained: Path | None = None,
        *,
        dimensions: Annotated[
            Count, Field(description="randomly selected features, at most those of all levels")
        ] = 100,
        levels: BackboneLevels = (1, 2, 3),
        side: BackboneSide = 224,
        smoothing: BackboneSmoothing = 4.0,
        backbone: BackboneName = "tf_efficientnet_lite0",
        weights: Weights = None,
        sha256: BackboneSha256 = None,
        classifier: BackboneClassifier = None,
    ) -> None:
        maps = extractor(classifier, trained, levels=levels, side=side, network=backbone, weights=weights)
        super().__init__(shape, maps, smoothing=smoothing)
        places, count = self.height * self.width, min(dimensions, self.depth)
        self.register_buffer("chosen", torch.zeros(count, dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(places, count))
        self.register_buffer("whitening", torch.zeros(places, count, count))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def fit(self, inputs: FitInputs) -> None:
        """Estimate mean and covariance at each location in one pass; no feature map is kept."""
        generator = torch.Generator().manual_seed(derive(inputs.seed, "dimensions"))
        self.chosen.copy_(torch.randperm(self.depth, generator=generator)[: len(self.chosen)].sort().values)
        self._update(Gaussians(self.mean.zero_(), self.whitening.zero_()), inputs.images, inputs.train)

    def take_in(self, images: NDArray[np.uint8], inputs: FitInputs) -> None:
        """Update mean and covariance by more images: they become those of a fit on all images together.

        Raises ValueError if the number of images seen is unknown.
        """
        if not self.seen:
            raise ValueError(
                "this PaDiM was fitted by an earlier version, which did not count its images; fit it again"
            )
        gaussians = Gaussians.of_whitened(self.mean, self.whitening, int(self.seen))
        self._update(gaussians, images, np.arange(len(images)))

    def _update(self, gaussians: Gaussians, images: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        for maps in self.normal_features(images, rows):
            gaussians.add(self._used(maps))
        gaussians.whiten()
        self.seen.fill_(gaussians.seen)

    def compare(self, features: Tensor, images: Tensor) -> Scored:
        """Return Mahalanobis distances; an image's score is the maximum of its map."""
        offsets = self._used(features) - self.mean[:, None]  # (h w, B, d)
        distances = torch.linalg.vector_norm(torch.bmm(offsets, self.whitening.mT), dim=2)  # (h w, B)
        maps = self.pixels(distances.T.unflatten(1, (self.height, self.width)), images)
        return Scored(maps.amax((1, 2)), maps)

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Save only the lower triangle of the whitening; the rest is zeros."""
        super()._save_to_state_dict(destination, prefix, keep_vars)
        key = f"{prefix}whitening"
        destination[key] = destination[key][:, *self._triangle]

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        key = f"{prefix}whitening"
        whitening = torch.zeros_like(self.whitening)
        whitening[:, *self._triangle] = state_dict[key]
        unknown = {f"{prefix}seen": torch.zeros_like(self.seen)}  # in files of earlier versions
        super()._load_from_state_dict({**unknown, **state_dict, key: whitening}, prefix, *rest)

    @property
    def _triangle(self) -> Tensor:
        """Row and column indices of a lower triangle, (2, d (d + 1) / 2)."""
        return torch.tril_indices(len(self.chosen), len(self.chosen))

    def _used(self, maps: Tensor) -> Tensor:
        """Return the selected features of maps (B, D, h, w) by location: (h w, B, d)."""
        return maps[:, self.chosen].flatten(2).permute(2, 0, 1).contiguous()


class Gaussians:
    """Running mean (P, d) and scatter (P, d, d) of batches of vectors at P locations, updated in place; they start at zero.

    Batches are merged by the update of Chan et al. (1983), which subtracts no large sums: single precision suffices.
    """

    def __init__(self, mean: Tensor, scatter: Tensor, seen: int = 0) -> None:
        self.mean, self.scatter, self.seen = mean, scatter, seen

    @classmethod
    def of_whitened(cls, mean: Tensor, whitening: Tensor, seen: int) -> Gaussians:
        """Continue after `whiten`: replace its result, in place, by the scatters of the vectors seen."""
        identity = torch.eye(mean.shape[1], dtype=torch.float64)
        for part in whitening.split(POSITIONS):
            factor = torch.linalg.solve_triangular(part.double(), identity.expand_as(part), upper=False)
            part.copy_((factor @ factor.mT - RIDGE * identity) * max(seen - 1, 1))
        return cls(mean, whitening, seen)

    def add(self, vectors: Tensor) -> None:
        """Add a batch of vectors (P, B, d)."""
        count = vectors.shape[1]
        middle = vectors.mean(1, keepdim=True)
        step = middle - self.mean[:, None]
        between = step * (self.seen * count / (self.seen + count)) ** 0.5
        rows = torch.cat([vectors - middle, between], 1)
        self.scatter.baddbmm_(rows.mT, rows)
        self.seen += count
        self.mean += step[:, 0] * (count / self.seen)

    def whiten(self) -> None:
        """Replace the scatters, in place, by the inverses of the covariances' Cholesky factors."""
        identity = torch.eye(self.mean.shape[1])
        for part in self.scatter.split(POSITIONS):
            factor = torch.linalg.cholesky(part / max(self.seen - 1, 1) + RIDGE * identity)
            part.copy_(torch.linalg.solve_triangular(factor, identity.expand_as(factor), upper=False))
