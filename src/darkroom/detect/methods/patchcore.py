"""PatchCore (Roth et al. 2022): the distance of each patch to its nearest neighbor in a memory bank of normal patches.

The bank is a coreset, chosen so that every normal patch has a nearby one in it. Two deviations from the paper bound the cost:
the bank has a largest size, and very large sets are subsampled image by image before the coreset is selected.
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

from darkroom.detect.detector import FitInputs, Scored
from darkroom.detect.methods.feature_detector import FeatureDetector, extractor
from darkroom.detect.methods.nearest import k_center, k_center_beyond, nearest
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

PATCH = 3
"""Side of the neighborhood over which features are averaged; the paper's p."""
PROJECTED = 128
"""Dimensions of the random projection, nearly distance-preserving, in which the authors' code selects the coreset."""
HELD = 100_000_000
"""Most values among the patches that the coreset is selected from, 400 MB; beyond it, each image's patches are subsampled."""


@register("detector", "patchcore")
class PatchCore(FeatureDetector):
    """Nearest neighbors in a coreset of patches of a pretrained network's feature maps."""

    bank: Tensor  # (M, D), M is set by the fit

    def __init__(
        self,
        shape: tuple[int, int, int],
        trained: Path | None = None,
        *,
        coreset: Annotated[
            float, Field(gt=0, le=1, description="share of the normal patches kept in the memory bank")
        ] = 0.1,
        most: Annotated[Count, Field(description="largest size of the memory bank")] = 10_000,
        neighbors: Annotated[
            int,
            Field(
                ge=0,
                description="neighbors in the bank of the nearest patch that reweight an image's score; 0 for no reweighting",
            ),
        ] = 9,
        levels: BackboneLevels = (2, 3),
        side: BackboneSide = 224,
        smoothing: BackboneSmoothing = 4.0,
        backbone: BackboneName = "tf_efficientnet_lite0",
        weights: Weights = None,
        sha256: BackboneSha256 = None,
        classifier: BackboneClassifier = None,
    ) -> None:
        maps = extractor(classifier, trained, levels=levels, patch=PATCH, side=side, network=backbone, weights=weights)
        super().__init__(shape, maps, smoothing=smoothing)
        self.share, self.most, self.neighbors = coreset, most, neighbors
        self.register_buffer("bank", torch.zeros(0, self.depth))

    def fit(self, inputs: FitInputs) -> None:
        """Collect the normal patches and keep a coreset of them."""
        patches = self._collect(inputs, torch.Generator().manual_seed(derive(inputs.seed, "patches")))
        wanted = math.ceil(self.share * len(inputs.train) * self.height * self.width)
        generator = torch.Generator().manual_seed(derive(inputs.seed, "coreset"))
        projected = patches
        if self.depth > PROJECTED:
            projected = patches @ (torch.randn(self.depth, PROJECTED, generator=generator) / PROJECTED**0.5)
        first = int(torch.randint(len(patches), (1,), generator=generator))
        self.bank = patches[k_center(projected, min(wanted, self.most, len(patches)), first=first)]
        inputs.log({"train/patches": float(len(patches)), "train/kept_patches": float(len(self.bank))})

    def take_in(self, images: NDArray[np.uint8], inputs: FitInputs) -> None:
        """Continue the selection of the coreset among the patches of more images, of which the same share is kept.

        Those farthest from the bank come first. The selection compares all features, not their projection, and the bank may
        exceed its largest size, since dropping other patches would make what was normal anomalous.
        """
        patches = torch.cat(
            [_patches(maps).flatten(0, 1) for maps in self.normal_features(images, np.arange(len(images)))]
        )
        kept = k_center_beyond(patches, self.bank, math.ceil(self.share * len(patches)))
        self.bank = torch.cat([self.bank, patches[kept]])

    def compare(self, features: Tensor, images: Tensor) -> Scored:
        """Return distances to the nearest patches of the bank; an image's score is its largest one, reweighted."""
        patches = _patches(features)  # (B, h w, D)
        distances, indices = (found.view(patches.shape[:2]) for found in nearest(patches.flatten(0, 1), self.bank))
        maps = self.pixels(distances.view(-1, self.height, self.width), images)
        scores, places = distances.max(1)
        which = torch.arange(images.shape[0])
        return Scored(scores * self._weights(patches[which, places], indices[which, places]), maps)

    def _weights(self, patches: Tensor, indices: Tensor) -> Tensor:
        """Return the factor (B,) on the scores of patches (B, D), given their nearest patches in the bank (B,).

        Equation 7 of the paper: one minus the softmax of the distance to the nearest patch among the distances to that
        patch's own neighbors in the bank. Near 1 if the nearest patch is itself rare.
        """
        count = min(self.neighbors, len(self.bank))
        if count < 2:  # the softmax of a single distance is 1, and every score 0
            return torch.ones(len(patches))
        anchors = self.bank[indices]
        # by products whatever the sizes, which would otherwise decide how distances are rounded
        between = torch.cdist(anchors, self.bank, compute_mode="use_mm_for_euclid_dist")
        around = between.topk(count, largest=False).indices  # (B, count), the anchor among them
        distances = torch.linalg.vector_norm(patches[:, None] - self.bank[around], dim=2)
        nearest_one = torch.linalg.vector_norm(patches - anchors, dim=1)
        return 1 - torch.exp(nearest_one - distances.logsumexp(1))

    def _collect(self, inputs: FitInputs, generator: torch.Generator) -> Tensor:
        """Return the patches (N, D) of the training images, or the same number of random ones from each image."""
        rows = inputs.train
        places = self.height * self.width
        each = min(places, max(1, HELD // (len(rows) * self.depth)))
        held = torch.empty(len(rows), each, self.depth)
        done = 0
        for maps in self.normal_features(inputs.images, rows):
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
    """Return maps (B, D, h, w) as rows of features: (B, h w, D)."""
    return maps.flatten(2).mT.contiguous()
