"""Pixel likelihoods of a decoder: the reconstruction term of every bound, in nats per image."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, distributions, nn

from darkroom.generate.vae.options import Kind


class Likelihood(nn.Module):
    """The distribution of pixels in [0, 1] given a decoder's output, one logit per pixel.

    `continuous_bernoulli` (Loaiza-Ganem & Cunningham 2019) is a density on [0, 1], so bounds are bounds on the density of
    gray images. `bernoulli` takes a gray value x as x · log p + (1 - x) · log(1 - p): the usual loss, but without that
    density's normalizer, so on gray images its bound is no bound on a likelihood. `gaussian` is a density with one learned
    scale, not restricted to [0, 1]. Nats of the two densities count values in units of the full range, and can be positive.

    `bernoulli` is the default for its samples: at beta 1 on the default run's digits (36 epochs, seed 0) the judge recognized
    the class of .950 of them, coverage was .924, against .654 and .210 with `continuous_bernoulli`, whose larger
    reconstruction term leaves codes farther from the prior.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        self.log_scale = nn.Parameter(torch.tensor([-1.0])) if kind == "gaussian" else None

    def forward(self, logits: Tensor, images: Tensor) -> Tensor:
        """Return the log-likelihood (B,) of images given the decoder's output, both (B, C, H, W), summed over pixels."""
        logits = logits.float()
        if self.log_scale is not None:
            scaled = (images - logits.sigmoid()) * torch.exp(-self.log_scale)
            each = -scaled.square() / 2 - self.log_scale - math.log(2 * math.pi) / 2
        elif self.kind == "bernoulli":
            each = -F.binary_cross_entropy_with_logits(logits, images, reduction="none")
        else:
            each = _continuous(logits).log_prob(images)
        return each.flatten(1).sum(1)

    def mean(self, logits: Tensor) -> Tensor:
        """Return the expected image, in [0, 1], float32."""
        logits = logits.float()
        if self.kind == "continuous_bernoulli":
            mean: Tensor = _continuous(logits).mean
            return mean.clamp(0, 1)
        return logits.sigmoid()


def _continuous(logits: Tensor) -> distributions.ContinuousBernoulli:
    return distributions.ContinuousBernoulli(logits=logits, validate_args=False)
