"""What the evidence lower bound of one model comes to."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.study.generating import Bytes

UNUSED = 0.05
"""Nats of rate below which a dimension of the code carries next to nothing."""


@dataclass(frozen=True)
class Bounded:
    """One VAE's bound on the test images, and its samples."""

    rate: float
    """KL divergence of posterior from prior, nats per image."""
    distortion: float
    """Negative log-likelihood of an image given its code, nats."""
    active: int
    """Dimensions of the code with a rate above `UNUSED`."""
    samples: Bytes
