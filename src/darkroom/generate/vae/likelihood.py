"""Pixel likelihoods of a decoder: the reconstruction term of every bound, in nats per image."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Likelihood(nn.Module):
    """The distribution of pixels in [0, 1] around what a decoder puts out, one number a pixel, not yet squeezed.

    `bernoulli` takes a gray value as the share of ones in a binary image, `gaussian` is a density with one learned scale
    (its nats count in units of the full range).
    """

    def __init__(self, kind: Literal["bernoulli", "gaussian"]) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor([-1.0])) if kind == "gaussian" else None

    def forward(self, logits: Tensor, images: Tensor) -> Tensor:
        """Log-likelihood (B,) of images given the decoder's output, both (B, C, H, W); summed over pixels."""
        logits = logits.float()
        if self.log_scale is None:
            each = -F.binary_cross_entropy_with_logits(logits, images, reduction="none")
        else:
            scaled = (images - logits.sigmoid()) * torch.exp(-self.log_scale)
            each = -scaled.square() / 2 - self.log_scale - math.log(2 * math.pi) / 2
        return each.flatten(1).sum(1)

    def mean(self, logits: Tensor) -> Tensor:
        """The expected image, in [0, 1], float32."""
        return logits.float().sigmoid()
