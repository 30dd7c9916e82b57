"""Multinomial logistic regression on the rows of a table, fitted by scikit-learn."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from darkroom.nets.estimator import Estimator
from darkroom.nets.table.estimator import ABSENT, spread
from darkroom.nets.table.inputs import Encoded
from darkroom.registry import register
from darkroom.settings import Positive

STEPS = 1000


@register("network", "logistic_regression")
class LogisticRegression(Estimator):
    """Logistic regression on standardized numbers, missing indicators and one-hot categories."""

    TAKES = ("table",)

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        *,
        c: Annotated[Positive, Field(description="inverse of the L2 penalty's strength, as in scikit-learn")] = 1.0,
    ) -> None:
        super().__init__()
        self.c = c
        self.input = Encoded(shape)
        self.head = nn.Linear(self.input.width, classes).requires_grad_(False)

    def fit(
        self, rows: NDArray[np.float32], labels: NDArray[np.int64], weights: NDArray[np.float64], *, seed: int
    ) -> None:
        """Minimize the penalized cross-entropy; the result does not depend on the seed."""
        from sklearn.linear_model import LogisticRegression as Fitted

        given = torch.from_numpy(rows)
        self.input.cells.adapt(rows)
        found = Fitted(C=self.c, max_iter=STEPS, tol=1e-6)
        found.fit(self.input(given).double().numpy(), labels, sample_weight=weights)
        weight, bias = torch.from_numpy(found.coef_), torch.from_numpy(found.intercept_)
        if len(found.classes_) == 2:  # one logit, of the second class
            weight, bias = (torch.cat([torch.zeros_like(part), part]) for part in (weight, bias))
        classes = len(self.head.bias)
        self.head.weight.copy_(spread(weight.T, found.classes_, classes, 0.0).T)
        self.head.bias.copy_(spread(bias, found.classes_, classes, math.log(ABSENT)))

    def features(self, rows: Tensor) -> Tensor:
        """Return the input of the last layer: (B, D) to (B, F)."""
        features: Tensor = self.input(rows)
        return features

    def forward(self, rows: Tensor) -> Tensor:  # (B, D) -> logits (B, K)
        logits: Tensor = self.head(self.features(rows))
        return logits
