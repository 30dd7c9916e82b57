"""What detectors have in common that gradient steps train: batches of normal images, and one loop."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from darkroom.detect.detector import ReconstructionDetector
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted
from darkroom.fit.task import Task
from darkroom.fit.trainer import fit
from darkroom.log import Log
from darkroom.settings import ErrorMeasure


class TrainedReconstruction(ReconstructionDetector):
    """A reconstruction that is learned by gradient steps; without a training section it can be loaded but not fitted."""

    def __init__(self, training: Training | None, *, error: ErrorMeasure, smoothing: float) -> None:
        super().__init__(error=error, smoothing=smoothing)
        self.training_section = training

    @abstractmethod
    def task(self, training: Training) -> Task:
        """The shell that trains what is learned; all labels are -1."""

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
    ) -> Fitted:
        """Minimise the task's loss. Raises ValueError when the training section was not given."""
        training = self.training_section
        if training is None:
            raise ValueError("a detector that is trained needs a training section to be fitted")
        batches = [
            Batches(Pool([images]), rows[:, None], np.full(len(rows), -1), batch_size=size, seed=draws)
            for rows, size, draws in ((train, training.batch_size, seed), (val, 256, None))
        ]
        return fit(self.task(training), *batches, seed=seed, log=log, checkpoints=checkpoints)


class ReconstructionTask(Task):
    """Mean squared error of the reconstruction, the mean over pixels of values in [0, 1]."""

    network: ReconstructionDetector

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`loss` is that error."""
        return {"loss": F.mse_loss(self.network.reconstruct(images), images)}
