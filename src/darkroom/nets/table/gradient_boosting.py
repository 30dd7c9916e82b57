"""Gradient boosting on histograms (Ke et al. 2017) of a table's columns, by scikit-learn, kept as arrays of nodes."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from darkroom.nets.estimator import Estimator
from darkroom.nets.table.estimator import ABSENT, Plain
from darkroom.nets.table.trees import Trees, of_histogram
from darkroom.registry import register
from darkroom.settings import Count, NonNegative, Positive


@register("network", "gradient_boosting")
class GradientBoosting(Estimator):
    """Boosted trees that minimize the cross-entropy; each split learns to which side missing numbers go."""

    TAKES = ("table",)

    baseline: Tensor  # (K,)

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        *,
        rounds: Annotated[
            Count, Field(description="boosting rounds of one tree per class, or of a single one for two classes")
        ] = 100,
        rate: Annotated[Positive, Field(description="learning rate, the factor on each tree")] = 0.1,
        leaves: Annotated[int, Field(ge=2, description="maximum number of leaves per tree")] = 31,
        leaf: Annotated[Count, Field(description="minimum number of training rows per leaf")] = 20,
        l2: Annotated[NonNegative, Field(description="L2 penalty on leaf values")] = 0.0,
    ) -> None:
        super().__init__()
        self.how = {
            "max_iter": rounds,
            "learning_rate": rate,
            "max_leaf_nodes": leaves,
            "min_samples_leaf": leaf,
            "l2_regularization": l2,
        }
        self.input, self.trees = Plain(shape), Trees(classes)
        self.register_buffer("baseline", torch.zeros(classes, dtype=torch.float64))

    def fit(
        self, rows: NDArray[np.float32], labels: NDArray[np.int64], weights: NDArray[np.float64], *, seed: int
    ) -> None:
        """Add the trees, without early stopping."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        grown = HistGradientBoostingClassifier(**self.how, early_stopping=False, random_state=seed % 2**32)
        grown.fit(self.input(torch.from_numpy(rows)).numpy(), labels, sample_weight=weights)
        classes = len(self.baseline)
        # two classes have one tree per round, whose output is the logit of the second
        places = grown.classes_[1:] if len(grown.classes_) == 2 else grown.classes_
        self.baseline.fill_(math.log(ABSENT))
        self.baseline[torch.from_numpy(grown.classes_)] = 0.0
        self.baseline[torch.from_numpy(places)] = torch.from_numpy(grown._baseline_prediction.ravel())
        self.trees.grow(
            [
                of_histogram(tree.nodes, classes, place)
                for trees in grown._predictors
                for tree, place in zip(trees, places.tolist(), strict=True)
            ]
        )

    @property
    def learned(self) -> dict[str, int]:
        """The numbers of trees and of their leaves."""
        return self.trees.counts

    def forward(self, rows: Tensor) -> Tensor:  # (B, D) -> logits (B, K)
        logits: Tensor = self.baseline + self.trees(self.input(rows))
        return logits.float()
