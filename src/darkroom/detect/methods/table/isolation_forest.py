"""Isolation forest (Liu et al. 2008): anomalies are separated from other rows by few random splits."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from darkroom.detect.methods.table.rows import RowDetector
from darkroom.nets.table.trees import Trees, of_sklearn
from darkroom.registry import register
from darkroom.settings import Count

EULER = 0.5772156649015329


@register("detector", "isolation_forest")
class IsolationForest(RowDetector):
    """Scores a row by how short its paths are in trees of random splits, from 0 to 1; grown by scikit-learn."""

    TAKES = ("table",)

    usual: Tensor  # ()

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        trees: Annotated[Count, Field(description="number of trees")] = 100,
        rows: Annotated[int, Field(ge=2, description="training rows that each tree is grown on")] = 256,
    ) -> None:
        super().__init__(shape)
        self.count, self.rows = trees, rows
        self.forest = Trees(1)
        self.register_buffer("usual", torch.ones(()))

    def learn(self, vectors: Tensor, *, seed: int) -> None:
        """Grow the trees."""
        from sklearn.ensemble import IsolationForest as Fitted

        rows = min(self.rows, len(vectors))
        grown = Fitted(n_estimators=self.count, max_samples=rows, random_state=seed % 2**32).fit(vectors.numpy())
        self.forest.grow([of_sklearn(tree.tree_, path_lengths(tree.tree_)) for tree in grown.estimators_])
        self.usual.fill_(float(self.count * average_path(np.array([rows]))[0]))

    def compare(self, vectors: Tensor) -> Tensor:
        """Return 2 to the power of minus the mean path length over the usual one (B,)."""
        exponent: Tensor = -self.forest(vectors)[:, 0] / self.usual.clamp_min(1e-12)
        return torch.exp2(exponent)


def path_lengths(tree: Any) -> NDArray[np.float64]:
    """Return the path length of each node (M, 1) of a `sklearn.tree.tree_`: its depth, and the mean length below it."""
    depth = np.zeros(tree.node_count)
    for node, children in enumerate(zip(tree.children_left.tolist(), tree.children_right.tolist(), strict=True)):
        for child in children:
            if child >= 0:  # children come after their parents
                depth[child] = depth[node] + 1
    lengths: NDArray[np.float64] = (depth + average_path(tree.n_node_samples))[:, None]
    return lengths


def average_path(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean path length of unsuccessful searches in trees of these numbers of rows, equation 1 of the paper."""
    many = np.maximum(rows, 3).astype(np.float64)
    length = 2 * (np.log(many - 1) + EULER) - 2 * (many - 1) / many
    found: NDArray[np.float64] = np.where(rows > 2, length, (rows == 2).astype(np.float64))
    return found
