"""Reconstruction models that gradient steps train on batches of normal images."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from darkroom.detect.detector import FitInputs, ReconstructionDetector
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted
from darkroom.fit.task import Task


class TrainedReconstruction(ReconstructionDetector):
    """A reconstruction learned by gradient steps."""

    @abstractmethod
    def task(self, training: Training) -> Task:
        """Return the module that trains it; all labels are -1."""

    def fit(self, inputs: FitInputs) -> Fitted:
        """Minimize the task's loss. Raises ValueError without a training section."""
        from darkroom.fit.trainer import fit

        training = inputs.required_training
        batches = [
            Batches(Pool([inputs.images]), rows[:, None], np.full(len(rows), -1), batch_size=size, seed=seed)
            for rows, size, seed in ((inputs.train, training.batch_size, inputs.seed), (inputs.val, 256, None))
        ]
        task = self.task(training)
        return fit(task, *batches, seed=inputs.seed, log=inputs.log, checkpoints=inputs.checkpoints)


class ReconstructionTask(Task):
    """Minimizes the mean squared error over pixels in [0, 1]."""

    network: ReconstructionDetector

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return that error as `loss`."""
        return {"loss": F.mse_loss(self.network.reconstruct(images), images)}
