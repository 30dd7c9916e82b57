"""Reconstruction models that gradient steps train on batches of normal images."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
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
        return minimize(self.task(inputs.required_training), inputs)


def minimize(task: Task, inputs: FitInputs) -> Fitted:
    """Train a task on the training rows, and measure it on the validation rows; all labels are -1."""
    from darkroom.fit.trainer import fit

    batches = [
        Batches(Pool([inputs.images]), rows[:, None], np.full(len(rows), -1), batch_size=size, seed=seed)
        for rows, size, seed in ((inputs.train, task.settings.batch_size, inputs.seed), (inputs.val, 256, None))
    ]
    return fit(task, *batches, seed=inputs.seed, log=inputs.log, checkpoints=inputs.checkpoints)


class ReconstructionTask(Task):
    """Minimizes the mean squared error over pixels in [0, 1]."""

    network: ReconstructionDetector

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return that error as `loss`."""
        return {"loss": F.mse_loss(self.network.reconstruct(images), images)}


def no_labels(images: Tensor) -> Tensor:
    """Return the labels of an unconditional model's batch: -1 for each sample, (B,)."""
    return torch.full((len(images),), -1, device=images.device)
