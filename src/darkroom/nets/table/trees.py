"""Fitted trees as arrays of nodes, and their outputs in torch: a model file needs no pickle and no scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.nets.table.sized import Sized


@dataclass(frozen=True)
class Nodes:
    """The nodes of one tree, the root first; a leaf is its own child."""

    feature: NDArray[Any]  # (M,)
    threshold: NDArray[np.float64]  # (M,), values up to it go left
    left: NDArray[Any]  # (M,)
    right: NDArray[Any]  # (M,)
    missing_left: NDArray[np.bool_]  # (M,), whether NaN goes left
    value: NDArray[Any]  # (M, K)
    depth: int


def of_sklearn(tree: Any, value: NDArray[Any]) -> Nodes:
    """Return the nodes of a fitted `sklearn.tree.tree_` with these values (M, K)."""
    own = np.arange(tree.node_count)
    leaf = tree.children_left < 0
    return Nodes(
        feature=np.where(leaf, 0, tree.feature),
        threshold=tree.threshold,
        left=np.where(leaf, own, tree.children_left),
        right=np.where(leaf, own, tree.children_right),
        missing_left=np.asarray(tree.missing_go_to_left, bool),
        value=value,
        depth=int(tree.max_depth),
    )


def of_histogram(nodes: NDArray[Any], classes: int, output: int) -> Nodes:
    """Return the nodes of a tree of histogram gradient boosting, whose leaf values belong to one of `classes` outputs."""
    own, leaf = np.arange(len(nodes)), nodes["is_leaf"].astype(bool)
    value = np.zeros((len(nodes), classes))
    value[:, output] = nodes["value"]
    return Nodes(
        feature=np.where(leaf, 0, nodes["feature_idx"]),
        threshold=nodes["num_threshold"].astype(np.float64),
        left=np.where(leaf, own, nodes["left"]),
        right=np.where(leaf, own, nodes["right"]),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        value=value,
        depth=int(nodes["depth"].max()),
    )


class Trees(Sized):
    """The sum of the values of the leaves in which rows (B, E) end up: (B, K)."""

    SIZED = ("feature", "threshold", "left", "right", "missing_left", "value", "roots")

    feature: Tensor  # (M,), all trees' nodes one after another
    threshold: Tensor  # (M,), float64
    left: Tensor
    right: Tensor
    missing_left: Tensor
    value: Tensor  # (M, K), float64
    roots: Tensor  # (T,)
    depth: Tensor  # ()

    def __init__(self, outputs: int) -> None:
        super().__init__()
        for name in ("feature", "left", "right"):
            self.register_buffer(name, torch.zeros(1, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(1, dtype=torch.float64))
        self.register_buffer("missing_left", torch.zeros(1, dtype=torch.bool))
        self.register_buffer("value", torch.zeros(1, outputs, dtype=torch.float64))
        self.register_buffer("roots", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("depth", torch.zeros((), dtype=torch.int64))

    def grow(self, trees: Sequence[Nodes]) -> None:
        """Take over fitted trees."""
        starts = np.cumsum([0, *(len(tree.feature) for tree in trees)])
        joined = {
            "feature": [tree.feature for tree in trees],
            "threshold": [tree.threshold for tree in trees],
            "left": [tree.left + start for tree, start in zip(trees, starts, strict=False)],
            "right": [tree.right + start for tree, start in zip(trees, starts, strict=False)],
            "missing_left": [tree.missing_left for tree in trees],
            "value": [tree.value for tree in trees],
        }
        for name, parts in joined.items():
            setattr(self, name, torch.from_numpy(np.concatenate(parts)).to(getattr(self, name).dtype))
        self.roots = torch.from_numpy(starts[:-1])
        self.depth.fill_(max(tree.depth for tree in trees))

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of trees and of their leaves."""
        leaf = self.left == torch.arange(len(self.left), device=self.left.device)
        return {"trees": len(self.roots), "leaves": int(leaf.sum())}

    def forward(self, rows: Tensor) -> Tensor:  # (B, E) -> (B, K)
        wide = rows.double()
        at = self.roots.expand(len(rows), -1)  # (B, T)
        for _ in range(int(self.depth)):
            cells = wide.gather(1, self.feature[at])
            goes_left = torch.where(cells.isnan(), self.missing_left[at], cells <= self.threshold[at])
            at = torch.where(goes_left, self.left[at], self.right[at])
        total: Tensor = self.value[at].sum(1)
        return total
