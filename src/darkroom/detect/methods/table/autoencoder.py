"""Reconstruction of rows by an autoencoder (Hawkins et al. 2002): what does not pass through a small code becomes error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from darkroom.detect.detector import Scored
from darkroom.detect.methods.table.trained import TrainedRowDetector, narrowed
from darkroom.detect.options import RowHidden, RowLatent
from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.generate.table.row_vae import perceptron
from darkroom.nets.options import Activation
from darkroom.nets.table.inputs import Encoded
from darkroom.registry import register


@register("detector", "table_autoencoder")
class TableAutoencoder(TrainedRowDetector):
    """Scores a row by the mean squared error of its reconstruction.

    Rows are standardized numbers, missing indicators and one-hot categories; what a missing number becomes does not count.
    """

    TAKES = ("table",)

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        hidden: RowHidden = [64],  # noqa: B006
        latent: RowLatent = None,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.input, code = Encoded(shape), narrowed(shape, latent)
        self.encoder = perceptron([self.input.width, *hidden, code], activation)
        self.decoder = perceptron([code, *reversed(hidden), self.input.width], activation)

    def adapt(self, rows: NDArray[np.float32]) -> None:
        """Standardize by the training rows (N, D)."""
        self.input.cells.adapt(rows)

    def errors(self, rows: Tensor) -> Tensor:
        """Return the mean squared error (B,) of rows (B, D)."""
        given = self.input(rows)
        error = (self.decoder(self.encoder(given)).float() - given).square()
        numbers = rows[:, self.input.cells.numeric]
        error[:, : numbers.shape[1]] *= ~numbers.isnan()
        found: Tensor = error.mean(1)
        return found

    def score(self, rows: Tensor) -> Scored:
        """Score rows (B, D); there are no maps."""
        return Scored(self.errors(rows), None)

    def task(self, training: Training) -> ErrorTask:
        """Return the module that trains both halves."""
        return ErrorTask(self, training)


class ErrorTask(Task):
    """Minimizes the mean error of the rows."""

    network: TableAutoencoder

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return that error as `loss`."""
        return {"loss": self.network.errors(images).mean()}
