"""Feature maps of a frozen backbone, pretrained or trained on the data set, with its levels joined into one map.

The levels are joined as in PaDiM (Defard et al. 2020) and PatchCore (Roth et al. 2022): the coarser ones are resized to the
finest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from darkroom.nets import pretrained
from darkroom.nets.backbone import Backbone
from darkroom.nets.options import Weights


class FeatureMaps:
    """Map images (B, 1 or 3, H, W) in [0, 1] to feature maps (B, D, h, w) of a pretrained backbone.

    Images are resized so that their longer side is `side` pixels. `levels` are the backbone's, 0 the finest. Features are
    averaged over `patch` x `patch` places of their level, with zeros beyond the border: a network sees less at the border,
    and without zeros the farthest patch of nearly every normal image lies there. `weights` is as in `Backbone`.

    This is no module, so that a detector which holds one does not save the backbone again. Raises ValueError naming the
    config key to change.
    """

    def __init__(
        self, *, levels: Sequence[int], side: int, patch: int = 1, architecture: str, weights: Weights = None
    ) -> None:
        self.levels, self.side, self.patch = sorted(levels), side, patch
        self.backbone = Backbone(architecture, weights=pretrained.find(architecture, weights), side=side)
        self.backbone.check(self.levels)
        self.sha256 = self.backbone.sha256 or ""

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Return the shape (D, h, w) of the map of an image of shape (C, H, W)."""
        depth, height, width = self(torch.zeros(1, *shape)).shape[1:]
        return depth, height, width

    def __call__(self, images: Tensor) -> Tensor:
        """Return all levels concatenated, at the size of the finest."""
        return self.join(self.see(images, self.levels))

    def see(self, images: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """Return the backbone's own maps of these levels."""
        return dict(zip(levels, self.backbone.maps(images, levels), strict=True))

    def join(self, seen: Mapping[int, Tensor]) -> Tensor:
        """Concatenate this extractor's levels out of those given."""
        maps = [seen[level] for level in self.levels]
        if self.patch > 1:
            maps = [F.avg_pool2d(level, self.patch, 1, self.patch // 2).contiguous() for level in maps]
        size = maps[0].shape[-2:]
        coarse = [F.interpolate(level, size, mode="bilinear") for level in maps[1:]]
        return torch.cat([maps[0], *coarse], 1)


class ClassifierMaps(FeatureMaps):
    """Map images to the feature maps of a trained classifier, at the images' own size.

    Its levels are those of the network's `feature_maps`, 0 the finest; `sha256` is that of its weights.
    """

    def __init__(self, network: Any, sha256: str, *, levels: Sequence[int], patch: int = 1) -> None:
        self.levels, self.side, self.patch = sorted(levels), 0, patch
        self.sha256 = sha256
        self.network = network.requires_grad_(False).eval()

    def see(self, images: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
        """Return the maps of these levels. Raises ValueError if the network has fewer levels."""
        maps: list[Tensor] = self.network.feature_maps(images)
        if max(levels) >= len(maps):
            raise ValueError(f"levels: the classifier has levels 0 to {len(maps) - 1}, got {max(levels)}")
        return {level: maps[level] for level in levels}
