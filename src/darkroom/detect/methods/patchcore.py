"""PatchCore (Roth et al. 2022): how far each patch is from the nearest of a bank of normal patches.

The bank is a coreset: patches picked so that every normal patch has a banked one near it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import Scored
from darkroom.detect.methods.feature_detector import FeatureDetector, classifier_maps
from darkroom.detect.methods.nearest import k_center, nearest
from darkroom.log import Log
from darkroom.nets.feature_maps import FeatureMaps
from darkroom.randomness import derive
from darkroom.registry import register
from darkroom.settings import (
    BackboneClassifier,
    BackboneLevels,
    BackboneName,
    BackboneSide,
    BackboneSmoothing,
    BackboneWeights,
    Count,
)

PATCH = 3
"""Features are averaged over so many places in each direction, as in the paper."""
PROJECTED = 128
"""Dimensions in which the coreset is picked, as in the authors' code; a random projection nearly keeps distances."""
HELD = 100_000_000
"""Numbers in the patches that the coreset is picked from, 400 MB: of more, as many of each image are drawn as fit."""


@register("detector", "patchcore")
class PatchCore(FeatureDetector):
    """Nearest neighbours in a coreset of the patches of an ImageNet network's feature maps."""

    bank: Tensor  # (M, D), M is found when fitted

    def __init__(
        self,
        shape: tuple[int, int, int],
        backbone: Path | None = None,
        *,
        coreset: Annotated[float, Field(gt=0, le=1, description="share of the normal patches that is kept")] = 0.1,
        most: Annotated[Count, Field(description="patches kept at most")] = 10_000,
        neighbours: Annotated[
            int, Field(ge=0, description="kept patches around the nearest that weight an image's score; 0: no weight")
        ] = 9,
        levels: BackboneLevels = (2, 3),
        side: BackboneSide = 224,
        smoothing: BackboneSmoothing = 4.0,
        architecture: BackboneName = "tf_efficientnet_lite0",
        weights: BackboneWeights = None,
        classifier: BackboneClassifier = None,
    ) -> None:
        if classifier is None:
            maps = FeatureMaps(levels=levels, side=side, patch=PATCH, architecture=architecture, weights=weights)
        else:
            maps = classifier_maps(backbone, levels=levels, patch=PATCH)
        super().__init__(shape, maps, smoothing=smoothing)
        self.share, self.most, self.neighbours = coreset, most, neighbours
        self.register_buffer("bank", torch.zeros(0, self.depth))

    def fit(
        self,
        images: NDArray[np.uint8],
        train: NDArray[np.int64],
        val: NDArray[np.int64],
        *,
        labels: NDArray[np.int64] | None = None,
        seed: int,
        log: Log,
        checkpoints: Path | None = None,
    ) -> None:
        """Collect the normal patches and keep a coreset of them."""
        patches = self._collect(images, train, torch.Generator().manual_seed(derive(seed, "patches")))
        wanted = math.ceil(self.share * len(train) * self.height * self.width)
        generator = torch.Generator().manual_seed(derive(seed, "coreset"))
        projected = patches
        if self.depth > PROJECTED:
            projected = patches @ (torch.randn(self.depth, PROJECTED, generator=generator) / PROJECTED**0.5)
        first = int(torch.randint(len(patches), (1,), generator=generator))
        self.bank = patches[k_center(projected, min(wanted, self.most, len(patches)), first=first)]
        log({"train/patches": float(len(patches)), "train/kept_patches": float(len(self.bank))})

    def compare(self, features: Tensor, images: Tensor) -> Scored:
        """Distances to the nearest kept patches; an image's score is that of its farthest patch, weighted."""
        patches = _patches(features)  # (B, h w, D)
        distances, indices = (found.view(patches.shape[:2]) for found in nearest(patches.flatten(0, 1), self.bank))
        maps = self.pixels(distances.view(-1, self.height, self.width), images)
        scores, places = distances.max(1)
        which = torch.arange(len(images))
        return Scored(scores * self._weights(patches[which, places], indices[which, places]), maps)

    def _weights(self, patches: Tensor, indices: Tensor) -> Tensor:
        """How much the nearest kept patch (B,) of a patch (B, D) is itself out of the way: (B,), near 1 where it is.

        Equation 7 of the paper: one less the softmax of the distance to it among those to its own neighbours.
        """
        count = min(self.neighbours, len(self.bank))
        if count < 2:  # it would be compared with itself alone
            return torch.ones(len(patches))
        anchors = self.bank[indices]
        around = torch.cdist(anchors, self.bank).topk(count, largest=False).indices  # (B, count), the anchor among them
        distances = torch.linalg.vector_norm(patches[:, None] - self.bank[around], dim=2)
        nearest_one = torch.linalg.vector_norm(patches - anchors, dim=1)
        return 1 - torch.exp(nearest_one - distances.logsumexp(1))

    def _collect(self, images: NDArray[np.uint8], rows: NDArray[np.int64], generator: torch.Generator) -> Tensor:
        """The patches (N, D) of these images, or of each image an equal number drawn at random."""
        places = self.height * self.width
        each = min(places, max(1, HELD // (len(rows) * self.depth)))
        held = torch.empty(len(rows), each, self.depth)
        done = 0
        for maps in self.normal_features(images, rows):
            patches = _patches(maps)
            if each < places:
                drawn = torch.rand(patches.shape[:2], generator=generator).topk(each).indices
                patches = patches.gather(1, drawn[:, :, None].expand(-1, -1, self.depth))
            held[done : done + len(patches)] = patches
            done += len(patches)
        return held.flatten(0, 1)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        self.bank = torch.empty_like(state_dict[f"{prefix}bank"])
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _patches(maps: Tensor) -> Tensor:
    """Maps (B, D, h, w) as rows of features: (B, h w, D)."""
    return maps.flatten(2).mT.contiguous()
