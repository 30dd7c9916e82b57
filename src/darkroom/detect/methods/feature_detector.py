"""What detectors on a frozen backbone share: its feature maps, and the way from a grid of distances to a map of pixels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from darkroom import files
from darkroom.detect.detector import Detector, Scored
from darkroom.detect.methods.errors import smooth
from darkroom.fit.model import WEIGHTS, chunks, read_about, rebuild
from darkroom.nets.feature_maps import ClassifierMaps, FeatureMaps

BATCH = 16
"""Images that the backbone sees at a time."""
SMOOTHED_SIDE = 224
"""The sigma of the smoothing is told in pixels of an image of this side."""


class FeatureDetector(Detector):
    """Compares the feature maps of an image with those of normal images.

    The state dict holds what was fitted and the backbone's sha256; the backbone itself is read again from where it came from.
    """

    backbone_sha256: Tensor  # (32,) uint8, zero until fitted

    def __init__(self, shape: tuple[int, int, int], maps: FeatureMaps, *, smoothing: float) -> None:
        super().__init__()
        self.feature_maps = maps
        self.depth, self.height, self.width = maps.shape(shape)
        self.sigma = smoothing * max(shape[1:]) / SMOOTHED_SIDE
        self.register_buffer("backbone_sha256", torch.zeros(32, dtype=torch.uint8))

    def features(self, images: Tensor) -> Tensor:
        """The feature map (B, D, h, w) of images (B, C, H, W)."""
        return torch.cat([self.feature_maps(part) for part in images.split(BATCH)])

    def score(self, images: Tensor) -> Scored:
        """What comparing their feature maps gives."""
        return self.compare(self.features(images), images)

    @abstractmethod
    def compare(self, features: Tensor, images: Tensor) -> Scored:
        """Scores and maps of images (B, C, H, W) with these feature maps (B, D, h, w)."""

    def normal_features(self, images: NDArray[np.uint8], rows: NDArray[np.int64]) -> Iterator[Tensor]:
        """The feature maps of these rows of a store's images, some at a time; marks the detector as fitted to this backbone."""
        self.backbone_sha256.copy_(_digest(self.feature_maps))
        for batch in chunks(images, rows, batch_size=BATCH):
            yield self.feature_maps(batch)

    def pixels(self, grid: Tensor, images: Tensor) -> Tensor:
        """A grid (B, h, w) of distances at the size of the images, smoothed: (B, H, W)."""
        return smooth(F.interpolate(grid[:, None], images.shape[-2:], mode="bilinear")[:, 0], self.sigma)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        if not torch.equal(state_dict[f"{prefix}backbone_sha256"], _digest(self.feature_maps)):
            raise ValueError(
                "the detector was fitted with other weights of the backbone than those found now; fit it again"
            )
        super()._load_from_state_dict(state_dict, prefix, *rest)


def classifier_maps(folder: Path | None, *, levels: Sequence[int], patch: int = 1) -> ClassifierMaps:
    """The feature maps of the classifier in the folder of a `classify train`.

    Raises ValueError when there is no folder, or the network in it has no feature maps.
    """
    if folder is None:
        raise ValueError("a detector with the option classifier is built from the folder of a trained classifier")
    about = read_about(folder)
    network = rebuild("network", folder, about.shape, len(about.classes))
    if not hasattr(network, "feature_maps"):
        raise ValueError(
            f"classifier: a network {about.plugin['name']} has no feature maps; name a model with a resnet"
        )
    if about.channels_last:
        network.to(memory_format=torch.channels_last)
    return ClassifierMaps(network, files.sha256(folder / WEIGHTS), levels=levels, patch=patch)


def score_together(detectors: Sequence[FeatureDetector], images: Tensor) -> list[Scored]:
    """What each of these detectors says, for one look of the backbone that they share, see `eye`."""
    maps = [detector.feature_maps for detector in detectors]
    levels = {level for each in maps for level in each.levels}
    seen = [maps[0].see(part, sorted(levels)) for part in images.split(BATCH)]
    features = [torch.cat([each.join(part) for part in seen]) for each in maps]
    return [detector.compare(each, images) for detector, each in zip(detectors, features, strict=True)]


def eye(detector: FeatureDetector) -> tuple[str, int]:
    """Detectors with the same one see an image alike: the backbone's weights, and how large it is shown."""
    return detector.feature_maps.sha256, detector.feature_maps.side


def _digest(maps: FeatureMaps) -> Tensor:
    return torch.tensor(list(bytes.fromhex(maps.sha256)), dtype=torch.uint8)
