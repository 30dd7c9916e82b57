"""One-class support vector machine (Schölkopf et al. 2001) with a Gaussian kernel."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from darkroom.detect.methods.table.rows import RowDetector
from darkroom.detect.options import Scaling
from darkroom.nets.table.neighbors import BLOCK
from darkroom.randomness import derive
from darkroom.registry import register
from darkroom.settings import Count


@register("detector", "one_class_svm")
class OneClassSVM(RowDetector):
    """Scores a row by how far it lies outside a boundary around the training rows; fitted by scikit-learn."""

    TAKES = ("table",)
    SIZED = ("vectors", "weights")

    vectors: Tensor  # (S, E), support vectors
    weights: Tensor  # (S,)
    offset: Tensor  # ()
    gamma: Tensor  # (), that of the kernel exp(-gamma |x - y|²)

    def __init__(
        self,
        shape: tuple[int, ...],
        *,
        nu: Annotated[float, Field(gt=0, le=1, description="share of training rows that may lie outside")] = 0.5,
        most: Annotated[
            Count, Field(description="maximum number of training rows to fit to, drawn at random from more")
        ] = 5000,
        scaling: Scaling = "standard",
    ) -> None:
        super().__init__(shape, scaling=scaling)
        self.nu, self.most = nu, most
        self.register_buffer("vectors", torch.zeros(0, self.width))
        self.register_buffer("weights", torch.zeros(0))
        self.register_buffer("offset", torch.zeros(()))
        self.register_buffer("gamma", torch.ones(()))

    def learn(self, vectors: Tensor, *, seed: int) -> None:
        """Solve the dual problem; the kernel's width is scikit-learn's `scale`."""
        from sklearn.svm import OneClassSVM as Fitted

        if len(vectors) > self.most:
            chosen = np.random.default_rng(derive(seed, "one-class svm")).choice(len(vectors), self.most, replace=False)
            vectors = vectors[torch.from_numpy(np.sort(chosen))]
        gamma = 1 / (vectors.shape[1] * max(float(vectors.double().var(correction=0)), 1e-12))
        found = Fitted(nu=self.nu, gamma=gamma).fit(vectors.double().numpy())
        self.vectors = torch.from_numpy(found.support_vectors_).float()
        self.weights = torch.from_numpy(found.dual_coef_[0]).float()
        self.offset.fill_(float(found.offset_[0]))
        self.gamma.fill_(gamma)

    def compare(self, vectors: Tensor) -> Tensor:
        """Return minus the signed distance to the boundary (B,), in the kernel's units."""
        found = [
            (-self.gamma * torch.cdist(block, self.vectors).square()).exp() @ self.weights
            for block in vectors.split(BLOCK)
        ]
        return self.offset - torch.cat(found)
