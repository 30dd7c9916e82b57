"""The base of detectors on a frozen backbone: its feature maps, and from a grid of distances to a map of pixels."""

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
from darkroom.nets.options import Weights

BATCH = 16
"""Images per forward pass of the backbone."""
SMOOTHED_SIDE = 224
"""The smoothing option is in pixels of an image with this longer side."""


class FeatureDetector(Detector):
    """Compares the feature maps of an image with those of normal images.

    The state dict holds the fitted tensors and the backbone's sha256, not the backbone, which is loaded from its own file.
    """

    backbone_sha256: Tensor  # (32,) uint8, zero until fitted

    def __init__(self, shape: tuple[int, int, int], maps: FeatureMaps, *, smoothing: float) -> None:
        super().__init__()
        self.feature_maps = maps
        self.depth, self.height, self.width = maps.shape(shape)
        self.sigma = smoothing * max(shape[1:]) / SMOOTHED_SIDE
        self.register_buffer("backbone_sha256", torch.zeros(32, dtype=torch.uint8))

    def features(self, images: Tensor) -> Tensor:
        """Return the feature maps (B, D, h, w) of images (B, C, H, W)."""
        return torch.cat([self.feature_maps(part) for part in pieces(images)])

    def score(self, images: Tensor) -> Scored:
        """Score images by their feature maps."""
        return self.compare(self.features(images), images)

    @abstractmethod
    def compare(self, features: Tensor, images: Tensor) -> Scored:
        """Score images (B, C, H, W) with these feature maps (B, D, h, w)."""

    def normal_features(self, images: NDArray[np.uint8], rows: NDArray[np.int64]) -> Iterator[Tensor]:
        """Yield the feature maps of these rows batch by batch, and record the backbone the detector is fitted to."""
        self.backbone_sha256.copy_(_digest(self.feature_maps))
        for batch in chunks(images, rows, batch_size=BATCH):
            yield self.feature_maps(batch)

    def pixels(self, grid: Tensor, images: Tensor) -> Tensor:
        """Resize a grid (B, h, w) of distances to the size of the images and smooth it: (B, H, W)."""
        return smooth(F.interpolate(grid[:, None], images.shape[-2:], mode="bilinear")[:, 0], self.sigma)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *rest: Any) -> None:
        if not torch.equal(state_dict[f"{prefix}backbone_sha256"], _digest(self.feature_maps)):
            raise ValueError(
                "the detector was fitted on a backbone with other weights than those installed now; fit it again"
            )
        super()._load_from_state_dict(state_dict, prefix, *rest)


def pieces(images: Tensor) -> Sequence[Tensor]:
    """Split images into batches for the backbone; not in an exported graph, whose batch size their number would fix."""
    return (images,) if torch.compiler.is_exporting() else images.split(BATCH)


def extractor(
    classifier: str | None,
    folder: Path | None,
    *,
    levels: Sequence[int],
    patch: int = 1,
    side: int,
    network: str,
    weights: Weights,
) -> FeatureMaps:
    """Build the feature extractor that a detector's options name: an ImageNet network, or the classifier in `folder`."""
    if classifier is not None:
        return classifier_maps(folder, levels=levels, patch=patch)
    return FeatureMaps(levels=levels, side=side, patch=patch, architecture=network, weights=weights)


def classifier_maps(folder: Path | None, *, levels: Sequence[int], patch: int = 1) -> ClassifierMaps:
    """Return the feature maps of the classifier in a folder of `classify train`.

    Raises ValueError without a folder, or if the network has no feature maps.
    """
    if folder is None:
        raise ValueError("a detector with the option `classifier` needs the folder of a trained classifier; got none")
    about = read_about(folder)
    network = rebuild("network", folder, about.shape, len(about.classes))
    if not hasattr(network, "feature_maps"):
        raise ValueError(
            f"classifier: the network {about.plugin['name']} has no feature maps; choose a model with a resnet"
        )
    return ClassifierMaps(network, files.sha256(folder / WEIGHTS), levels=levels, patch=patch)


def score_together(detectors: Sequence[FeatureDetector], images: Tensor) -> list[Scored]:
    """Score images by several detectors with the same `input_key`, with one forward pass of their backbone."""
    maps = [detector.feature_maps for detector in detectors]
    levels = {level for each in maps for level in each.levels}
    seen = [maps[0].see(part, sorted(levels)) for part in pieces(images)]
    features = [torch.cat([each.join(part) for part in seen]) for each in maps]
    return [detector.compare(each, images) for detector, each in zip(detectors, features, strict=True)]


def input_key(detector: FeatureDetector) -> tuple[str, int]:
    """Return the backbone's sha256 and its input size: detectors with equal keys can share a forward pass."""
    return detector.feature_maps.sha256, detector.feature_maps.side


def _digest(maps: FeatureMaps) -> Tensor:
    return torch.tensor(list(bytes.fromhex(maps.sha256)), dtype=torch.uint8)
