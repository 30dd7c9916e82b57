"""A pool of unlabeled images, as a trained network sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from darkroom.classify.calibration import log_softmax
from darkroom.classify.links import class_logits
from darkroom.fit.model import predict
from darkroom.nets.layers import ClassicDropout
from darkroom.suggest.pool import Floats


@dataclass(frozen=True)
class Images:
    """Rows of an array of images (N, H, W, C) uint8."""

    images: NDArray[np.uint8]
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class NetworkPool:
    """Images without a label, and those with one, as a network in eval mode sees them; see `pool.Pool`.

    `link` says how its outputs become probabilities, `temperature` is that of its calibration.
    """

    network: nn.Module
    images: Images
    labeled: Images
    seed: int
    """Of the draws of dropout."""
    link: str = "softmax"
    temperature: float = 1.0

    def probabilities(self) -> Floats:
        """Return the probability of each class (N, K)."""
        logits = class_logits(predict(self.network, self.images.images, self.images.rows), self.link)
        found: Floats = np.exp(log_softmax(logits / self.temperature))
        return found

    def features(self) -> Floats:
        """Return the inputs of the last layer (N, D). Raises ValueError if the network has no features."""
        return self._features(self.images)

    def labeled_features(self) -> Floats:
        """Return the inputs of the last layer for the labeled images (M, D)."""
        return self._features(self.labeled) if len(self.labeled) else np.empty((0, 1))

    def draws(self, count: int) -> Floats:
        """Return the probabilities under `count` draws of dropout (count, N, K).

        Raises ValueError if the network has no dropout.
        """
        dropping = [module for module in self.network.modules() if _drops(module)]
        if not dropping:
            raise ValueError(
                "bald compares draws of dropout, and the network has none; train it with a dropout above 0, or use margin or "
                "entropy"
            )
        for module in dropping:
            module.train()
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(self.seed)
                return np.stack([self.probabilities() for _ in range(count)])
        finally:
            self.network.eval()

    def _features(self, images: Images) -> Floats:
        network: Any = self.network
        if not hasattr(network, "features"):
            raise ValueError("the network has no features, which k_center and badge compare; use margin or entropy")
        return predict(network.features, images.images, images.rows).reshape(len(images), -1).astype(np.float64)


def _drops(module: nn.Module) -> bool:
    """Return whether a module drops units in training."""
    if isinstance(module, ClassicDropout):
        return module.rate > 0
    return isinstance(module, nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.AlphaDropout) and module.p > 0
