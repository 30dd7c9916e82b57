"""Networks that are fitted by an algorithm of their own instead of gradient steps: estimators of tables, n-grams of texts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn


class Estimator(nn.Module, ABC):
    """A network without gradient: `fit` takes the place of training, and everything it learns is in the state dict."""

    gradient = False

    @property
    def learned(self) -> dict[str, int]:
        """What the fitted estimator consists of, where that is no parameters: the numbers of its `trees` and their `leaves`."""
        return {}

    @abstractmethod
    def fit(self, samples: NDArray[Any], labels: NDArray[np.int64], weights: NDArray[np.float64], *, seed: int) -> None:
        """Fit to samples (N, ...) as a store holds them, with their labels (N,) and weights (N,)."""
