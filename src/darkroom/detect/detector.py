"""The interface of every anomaly detector: learn what normal images look like, then score how far an image is from that.

A detector is a plain torch module whose constructor takes the image shape (C, H, W) and, if it can use a trained
classifier as feature extractor, `trained`: that classifier's folder. Everything it learns is in its state dict. A detector
trained by gradient steps has a method `task(training)`, which returns the task that trains it. Only `fit` imports the
training loop, inside the method, so that scoring imports no Lightning.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom import registry
from darkroom.detect.methods.errors import ERRORS, smooth
from darkroom.detect.options import ErrorMeasure
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted, load_weights, read_about, saved_options
from darkroom.log import Log, silent
from darkroom.nets import pretrained
from darkroom.settings import Section

CLASSIFIER = "classifier"
"""Subfolder of a fitted detector that holds the classifier it uses as feature extractor, if any."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FitInputs:
    """What a detector is fitted on, and how.

    `train` and `val` are rows of `images`; the validation images are normal and held out. `labels` are the classes of
    these rows, for detectors that tell normal classes apart, and -1 elsewhere. `training` is None for a fit in closed form.
    """

    images: NDArray[Any]  # (N, H, W, C) uint8, or the store's other samples
    train: NDArray[np.int64]
    val: NDArray[np.int64]
    labels: NDArray[np.int64] | None = None  # (N,)
    training: Training | None = None
    seed: int
    log: Log = silent
    checkpoints: Path | None = None

    @property
    def required_training(self) -> Training:
        """The training section. Raises ValueError if there is none."""
        if self.training is None:
            raise ValueError("fitting a detector that is trained by gradient steps needs a training section; got none")
        return self.training


class Scored(NamedTuple):
    """Anomaly scores, larger for more anomalous images, and maps of non-negative pixel scores if the detector has any."""

    scores: Tensor  # (B,)
    maps: Tensor | None  # (B, H, W)


class Detector(nn.Module, ABC):
    """Learns from normal images only."""

    @abstractmethod
    def fit(self, inputs: FitInputs) -> Fitted | None:
        """Learn from the training rows. Return the training's record, or None for a fit in closed form."""

    @abstractmethod
    def score(self, images: Tensor) -> Scored:
        """Score images (B, C, H, W) in [0, 1]."""

    def take_in(self, images: NDArray[Any], inputs: FitInputs) -> None:
        """Take more normal images (N, H, W, C) in without a new fit; `inputs` holds the validation images, and no training ones.

        Raises ValueError if the detector cannot.
        """
        able = [name for name, entry in registry.entries("detector").items() if "take_in" in entry.methods]
        raise ValueError(
            f"{type(self).__name__} cannot take images in without a new fit; {', '.join(able)} can: add the images to the "
            "training images instead and fit it again"
        )

    def reconstruct(self, images: Tensor) -> Tensor | None:
        """Return each image as it would look if it were normal; None if the detector makes no reconstructions."""
        return None

    def pictures(self, samples: NDArray[Any]) -> NDArray[np.uint8]:
        """Return a store's samples as the images (n, H, W, C) that maps belong to; images themselves by default."""
        return samples


def build(options: Section, shape: tuple[int, ...], *, trained: Path | None = None) -> Detector:
    """Build the unfitted detector that validated options name; it gets `trained` if its constructor takes one."""
    entry = registry.entry(*options.plugin)  # type: ignore[attr-defined]
    found: Detector = registry.build(options, shape, **({"trained": trained} if entry.takes("trained") else {}))
    return found


def read_detector(folder: Path) -> Detector:
    """Load the fitted detector from a folder of `detect fit`. Raises FileNotFoundError if that stage did not finish."""
    about = read_about(folder)
    options = pretrained.inside(saved_options(folder), folder)
    trained = folder / CLASSIFIER
    detector = build(options, about.shape, trained=trained if trained.is_dir() else None)
    load_weights(folder, detector)
    return detector.to(memory_format=torch.channels_last) if about.channels_last else detector


class ReconstructionDetector(Detector):
    """Scores by the error of a reconstruction: a model of normal images reconstructs only those well."""

    def __init__(self, *, error: ErrorMeasure, smoothing: float) -> None:
        super().__init__()
        self.error, self.smoothing = error, smoothing

    @abstractmethod
    def reconstruct(self, images: Tensor) -> Tensor:
        """Return each image as a normal one: (B, C, H, W), roughly in [0, 1] but not clipped."""

    def score(self, images: Tensor) -> Scored:
        """Return the mean error of each image and the error maps; smoothing applies to the maps only."""
        maps = ERRORS[self.error](images, self.reconstruct(images))
        return Scored(maps.mean((1, 2)), smooth(maps, self.smoothing))
