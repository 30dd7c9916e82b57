"""A random forest (Breiman 2001) on the rows of a table, grown by scikit-learn and kept as arrays of nodes."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from darkroom.nets.estimator import Estimator
from darkroom.nets.table.estimator import ABSENT, Plain, spread
from darkroom.nets.table.trees import Trees, of_sklearn
from darkroom.registry import register
from darkroom.settings import Count


@register("network", "random_forest")
class RandomForest(Estimator):
    """The mean of the class shares in the leaves of trees, each grown on a bootstrap sample; logits are its logarithm."""

    TAKES = ("table",)

    def __init__(
        self,
        shape: tuple[int, ...],
        classes: int,
        *,
        trees: Annotated[Count, Field(description="number of trees")] = 100,
        leaf: Annotated[Count, Field(description="minimum number of training rows per leaf")] = 1,
        depth: Annotated[Count | None, Field(description="maximum depth of a tree; default: unlimited")] = None,
    ) -> None:
        super().__init__()
        self.count, self.leaf, self.limit = trees, leaf, depth
        self.input, self.trees = Plain(shape), Trees(classes)

    def fit(
        self, rows: NDArray[np.float32], labels: NDArray[np.int64], weights: NDArray[np.float64], *, seed: int
    ) -> None:
        """Grow the trees."""
        from sklearn.ensemble import RandomForestClassifier

        grown = RandomForestClassifier(
            self.count, min_samples_leaf=self.leaf, max_depth=self.limit, random_state=seed % 2**32
        ).fit(self.input(torch.from_numpy(rows)).numpy(), labels, sample_weight=weights)
        classes, found = self.trees.value.shape[1], []
        for tree in (member.tree_ for member in grown.estimators_):
            share = torch.from_numpy(tree.value[:, 0] / tree.value[:, 0].sum(1, keepdims=True))
            share = spread(share, grown.classes_, classes, 0.0)
            found.append(of_sklearn(tree, share.numpy() / self.count))
        self.trees.grow(found)

    @property
    def learned(self) -> dict[str, int]:
        """The numbers of trees and of their leaves."""
        return self.trees.counts

    def forward(self, rows: Tensor) -> Tensor:  # (B, D) -> logits (B, K)
        shares: Tensor = self.trees(self.input(rows))
        return shares.clamp_min(ABSENT).log().float()
