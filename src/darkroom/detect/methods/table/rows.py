"""Detectors on the rows of a table: what they share."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from darkroom.detect.detector import Detector, FitInputs, Scored
from darkroom.nets.table.inputs import Encoded
from darkroom.nets.table.sized import Sized


class RowDetector(Sized, Detector):
    """Learns from training rows as vectors (N, E): scaled numbers, missing indicators, one-hot categories."""

    low: Tensor  # (E,)
    span: Tensor  # (E,)

    def __init__(self, shape: tuple[int, ...], *, scaling: str = "standard") -> None:
        super().__init__()
        self.input, self.scaling = Encoded(shape), scaling
        self.width = self.input.width
        self.register_buffer("low", torch.zeros(self.width))
        self.register_buffer("span", torch.ones(self.width))

    def fit(self, inputs: FitInputs) -> None:
        """Fit to the training rows."""
        given = np.asarray(inputs.images[inputs.train], np.float32)
        self.input.cells.adapt(given)
        rows = torch.from_numpy(given)
        if self.scaling == "range":
            encoded = self.input(rows)
            self.low.copy_(encoded.amin(0))
            spread = encoded.amax(0) - self.low
            self.span.copy_(torch.where(spread > 0, spread, 1.0))
        self.learn(self.encode(rows), seed=inputs.seed)

    def encode(self, rows: Tensor) -> Tensor:
        """Return rows (B, D) of the table as vectors (B, E)."""
        encoded: Tensor = (self.input(rows) - self.low) / self.span
        return encoded

    def score(self, rows: Tensor) -> Scored:
        """Score rows (B, D); there are no maps."""
        return Scored(self.compare(self.encode(rows)).float(), None)

    @abstractmethod
    def learn(self, vectors: Tensor, *, seed: int) -> None:
        """Learn from the training vectors (N, E)."""

    @abstractmethod
    def compare(self, vectors: Tensor) -> Tensor:
        """Return the anomaly score (B,) of each vector (B, E)."""
