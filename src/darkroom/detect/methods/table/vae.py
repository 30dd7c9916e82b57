"""Anomaly scores from a variational autoencoder of rows.

By default, the score is minus the reconstruction probability of An & Cho (2015): the log-likelihood of the row given its code,
averaged over draws from its posterior. Deviations: the scale of a number is learned for each column instead of each row, which
keeps the likelihood bounded; categories and missing cells, which the paper has none of, count by their probability; and
all rows share the noise of the draws, so that the score of a row does not depend on its batch.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import Scored
from darkroom.detect.methods.table.trained import TrainedRowDetector, narrowed
from darkroom.detect.methods.trained import no_labels
from darkroom.detect.options import RowHidden, RowLatent
from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.generate.table.row_vae import RowVAE
from darkroom.nets.options import Activation
from darkroom.registry import register
from darkroom.settings import Count, Positive


@register("detector", "table_vae")
class TableVAE(TrainedRowDetector):
    """Scores a row by how improbable a variational autoencoder finds it, in nats."""

    TAKES = ("table",)

    noise: Tensor  # (L, 1, latent)

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        score: Annotated[
            Literal["reconstruction", "elbo"],
            Field(
                description="minus the reconstruction probability, or minus the ELBO, which adds the code's KL divergence"
            ),
        ] = "reconstruction",
        hidden: RowHidden = [64],  # noqa: B006
        latent: RowLatent = None,
        activation: Activation = "relu",
        beta: Annotated[Positive, Field(description="weight of the KL term in the loss; 1 is the ELBO")] = 1.0,
        draws: Annotated[Count, Field(description="draws of the code that a score averages")] = 10,
    ) -> None:
        super().__init__()
        self.scored_by, code = score, narrowed(shape, latent)
        self.model = RowVAE(shape, 0, hidden=hidden, latent=code, activation=activation, modes=1, limit=None, beta=beta)
        self.register_buffer("noise", torch.randn(draws, 1, code))

    def adapt(self, rows: NDArray[np.float32]) -> None:
        """Standardize by the training rows (N, D)."""
        self.model.adapt(rows)

    def score(self, rows: Tensor) -> Scored:
        """Score rows (B, D); there are no maps."""
        found = self.model.bound_at(rows, no_labels(rows), self.noise)
        return Scored(-found.elbo if self.scored_by == "elbo" else -found.reconstruction, None)

    def task(self, training: Training) -> Task:
        """Return the generative model's own task."""
        return self.model.task(training)
