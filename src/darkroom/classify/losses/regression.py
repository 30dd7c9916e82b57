"""Regression losses: of numbers, and for comparison of raw outputs with one-hot classes.

The outputs are the prediction itself, in both cases without a softmax: fitted to one-hot targets, they estimate class
probabilities that are not bound to [0, 1] (Hui & Belkin 2021, arXiv 2006.07322). All average over outputs and images, as
PyTorch's losses do; weights of the classes weight the images.
"""

from __future__ import annotations

from typing import Annotated

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from darkroom.classify.losses.soft import Weighted, imagewise_mean
from darkroom.registry import register
from darkroom.settings import Positive


@register("loss", "mse")
class MSE(Weighted):
    """Mean squared error: the prediction tends to the mean of what looks alike."""

    TARGETS = ("numbers", "class")
    SOFT = True
    LINK = "identity"

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return imagewise_mean(F.mse_loss(outputs, targets, reduction="none"), targets, self.weights)


@register("loss", "mae")
class MAE(Weighted):
    """Mean absolute error: the prediction tends to the median, so outliers pull it little."""

    TARGETS = ("numbers", "class")
    SOFT = True
    LINK = "identity"

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return imagewise_mean(F.l1_loss(outputs, targets, reduction="none"), targets, self.weights)


@register("loss", "huber")
class Huber(Weighted):
    """Squared error for small residuals, absolute error for large ones (Huber 1964)."""

    TARGETS = ("numbers", "class")
    SOFT = True
    LINK = "identity"

    def __init__(
        self,
        weights: Tensor | None = None,
        *,
        delta: Annotated[
            Positive,
            Field(description="residual at which it turns linear, in standard deviations of the training targets"),
        ] = 1.0,
    ) -> None:
        super().__init__(weights)
        self.delta = delta

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        losses = F.huber_loss(outputs, targets, reduction="none", delta=self.delta)
        return imagewise_mean(losses, targets, self.weights)
