"""What every anomaly detector can do: learn what normal images look like, then say how far an image is from that.

A detector is a plain torch module whose constructor takes the image shape (C, H, W), and the training section where it
is trained by gradient steps; all that it learns is in its state dict.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.fit.model import Fitted
from darkroom.log import Log


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
        seed: int,
        log: Log,
        checkpoints: Path | None = None,
    ) -> Fitted | None:
        """Learn from the rows `train` of a store's images (N, H, W, C); `val` are normal images held out.

        Gives what training left, or None for a fit in closed form.
        """

    @abstractmethod
    def score(self, images: Tensor) -> Scored:
        """Scores, and maps where the detector can, of images (B, C, H, W) in [0, 1]."""

    def reconstruct(self, images: Tensor) -> Tensor | None:
        """Each image as the detector thinks it would look if it were normal; None where it forms no such image."""
        return None


class ReconstructionDetector(Detector):
    """Scores by the squared difference from a reconstruction, which a model of normal images makes well only of those."""

    @abstractmethod
    def reconstruct(self, images: Tensor) -> Tensor:
        """Each image as a normal one: (B, C, H, W), around [0, 1] but not cut to it."""

    def score(self, images: Tensor) -> Scored:
        """Mean squared error of an image, and its map: the mean over channels at each pixel."""
        maps = (images - self.reconstruct(images)).square().mean(1)
        return Scored(maps.mean((1, 2)), maps)
