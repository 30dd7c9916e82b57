"""What every anomaly detector can do: learn what normal images look like, then say how far an image is from that.

A detector is a plain torch module whose constructor takes the image shape (C, H, W); `training`, the training section,
where it is trained by gradient steps; and `backbone`, the folder of a trained classifier, where it may look through one.
All that it learns is in its state dict.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom import registry
from darkroom.detect.methods.errors import ERRORS, smooth
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted, load_weights, read_about
from darkroom.log import Log
from darkroom.settings import ErrorMeasure, Section

CLASSIFIER = "classifier"
"""The folder in that of a fitted detector with the classifier that it looks through, where there is one."""


class Scored(NamedTuple):
    """How anomalous images are: larger is more so. Maps have one value of at least 0 a pixel, or are not to be had."""

    scores: Tensor  # (B,)
    maps: Tensor | None  # (B, H, W)


class Detector(nn.Module, ABC):
    """Fitted on normal images alone."""

    @abstractmethod
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
    ) -> Fitted | None:
        """Learn from the rows `train` of a store's images (N, H, W, C); `val` are normal images held out.

        `labels` (N,) are the classes of these rows, for detectors that tell normal classes apart; they are -1 in all others.
        Gives what training left, or None for a fit in closed form.
        """

    @abstractmethod
    def score(self, images: Tensor) -> Scored:
        """Scores, and maps where the detector can, of images (B, C, H, W) in [0, 1]."""

    def reconstruct(self, images: Tensor) -> Tensor | None:
        """Each image as the detector thinks it would look if it were normal; None where it forms no such image."""
        return None


def build(
    options: Section,
    shape: tuple[int, int, int],
    *,
    training: Training | None = None,
    backbone: Path | None = None,
) -> Detector:
    """The detector that validated options name, not fitted yet, handed what it takes of the rest."""
    entry = registry.entry(*options.plugin)  # type: ignore[attr-defined]
    given = {"training": training, "backbone": backbone}
    found: Detector = registry.build(options, shape, **{k: v for k, v in given.items() if entry.takes(k)})
    return found


def read_detector(folder: Path) -> Detector:
    """The fitted detector in a folder of `detect fit`, ready to score. Raises FileNotFoundError when that did not finish."""
    about = read_about(folder)
    options = registry.options("detector", about.plugin["name"]).model_validate(about.plugin)
    backbone = folder / CLASSIFIER
    detector = build(options, about.shape, backbone=backbone if backbone.is_dir() else None)
    load_weights(folder, detector)
    return detector.to(memory_format=torch.channels_last) if about.channels_last else detector


class ReconstructionDetector(Detector):
    """Scores by the error of a reconstruction, which a model of normal images makes well only of those."""

    def __init__(self, *, error: ErrorMeasure, smoothing: float) -> None:
        super().__init__()
        self.error, self.smoothing = error, smoothing

    @abstractmethod
    def reconstruct(self, images: Tensor) -> Tensor:
        """Each image as a normal one: (B, C, H, W), around [0, 1] but not cut to it."""

    def score(self, images: Tensor) -> Scored:
        """The mean error of each image, and its map, smoothed after the mean is taken."""
        maps = ERRORS[self.error](images, self.reconstruct(images))
        return Scored(maps.mean((1, 2)), smooth(maps, self.smoothing))
