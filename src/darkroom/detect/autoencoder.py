"""Reconstruction by a convolutional autoencoder: what does not pass through a small code is error."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import ReconstructionDetector
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted
from darkroom.fit.task import Task
from darkroom.fit.trainer import fit
from darkroom.log import Log
from darkroom.nets.autoencoder import Decoder, Encoder
from darkroom.registry import register
from darkroom.settings import Count, ErrorOption, SmoothingOption


@register("detector", "autoencoder")
class Autoencoder(ReconstructionDetector):
    """Convolutional autoencoder trained on the normal images."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        training: Training | None = None,
        *,
        latent: Annotated[Count, Field(description="numbers in a code")] = 16,
        width: Annotated[Count, Field(description="channels of the first level")] = 16,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(error=error, smoothing=smoothing)
        self.training_section = training
        self.encoder = Encoder(shape, latent, width=width)
        self.decoder = Decoder(shape, latent, width=width)

    def fit(
        self,
        images: NDArray[np.uint8],
        train: NDArray[np.int64],
        val: NDArray[np.int64],
        *,
        seed: int,
        log: Log,
        checkpoints: Path | None = None,
    ) -> Fitted:
        """Minimise the mean squared error. Raises ValueError when the training section was not given."""
        training = self.training_section
        if training is None:
            raise ValueError("an autoencoder needs a training section to be fitted")
        batches = [
            Batches(Pool([images]), rows[:, None], np.zeros(len(rows), np.int64), batch_size=size, seed=draws)
            for rows, size, draws in ((train, training.batch_size, seed), (val, 256, None))
        ]
        return fit(ReconstructionTask(self, training), *batches, seed=seed, log=log, checkpoints=checkpoints)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Each image (B, C, H, W) after the way through its code."""
        output: Tensor = self.decoder(self.encoder(images))
        return output.float()


class ReconstructionTask(Task):
    """Mean squared error of the reconstruction, the mean over pixels of values in [0, 1]."""

    network: ReconstructionDetector

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`loss` is that error."""
        return {"loss": F.mse_loss(self.network.reconstruct(images), images)}
