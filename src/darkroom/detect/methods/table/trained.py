"""Detectors on the rows of a table that gradient steps train."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from darkroom.detect.detector import Detector, FitInputs
from darkroom.detect.methods.trained import minimize
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted
from darkroom.fit.task import Task


class TrainedRowDetector(Detector):
    """A detector whose input layer is fitted to the training rows before its task trains it."""

    @abstractmethod
    def adapt(self, rows: NDArray[np.float32]) -> None:
        """Fit the input layer to the training rows (N, D)."""

    @abstractmethod
    def task(self, training: Training) -> Task:
        """Return the module that trains it; all labels are -1."""

    def fit(self, inputs: FitInputs) -> Fitted:
        """Minimize the task's loss. Raises ValueError without a training section."""
        training = inputs.required_training
        self.adapt(np.asarray(inputs.images[inputs.train], np.float32))
        return minimize(self.task(training), inputs)


def narrowed(shape: tuple[int, ...], latent: int | None) -> int:
    """Return the dimensions of the code: as given, or half the columns, from 1 to 16."""
    return latent or min(16, max(1, len(shape) // 2))
