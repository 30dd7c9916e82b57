"""What every generative model can do, and what those with a latent space can do besides.

A model is a plain torch module whose constructor takes the image shape (C, H, W); its `fit` wraps it in a thin task.
Random draws come from the generator that is handed in, so that the same seed gives the same images.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from darkroom.fit.batches import Batches
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted
from darkroom.log import Log


class GenerativeModel(nn.Module, ABC):
    """Learns from images to make new ones."""

    @abstractmethod
    def fit(
        self,
        train: Batches,
        val: Batches | None,
        training: Training,
        *,
        seed: int,
        log: Log,
        checkpoints: Path | None = None,
    ) -> Fitted:
        """Train on these batches; the weights are the model's own."""

    @abstractmethod
    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """New images (count, C, H, W) in [0, 1]."""


class Bound(NamedTuple):
    """The parts of the evidence lower bound of each image (B,), in nats: elbo = reconstruction - kl."""

    reconstruction: Tensor
    kl: Tensor

    @property
    def elbo(self) -> Tensor:
        """A lower bound of the log-likelihood of each image."""
        return self.reconstruction - self.kl


class LatentModel(GenerativeModel):
    """A generative model that also maps images to a latent space (B, D) with a standard normal prior, and back."""

    latent: int

    @abstractmethod
    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, each (B, D), of the latent code of images (B, C, H, W) in [0, 1]."""

    @abstractmethod
    def decode(self, latent: Tensor) -> Tensor:
        """The expected image (B, C, H, W) in [0, 1] of each latent code (B, D)."""

    @abstractmethod
    def bound(self, images: Tensor, generator: torch.Generator | None = None) -> Bound:
        """The ELBO of each image by one draw from its posterior; drawn from torch's global stream without a generator."""

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """The expected images of codes drawn from the prior: (count, C, H, W) in [0, 1]."""
        return self.decode(torch.randn(count, self.latent, generator=generator))

    def reconstruct(self, images: Tensor) -> Tensor:
        """Each image as its mean code shows it."""
        return self.decode(self.encode(images)[0])

    def interpolate(self, first: Tensor, second: Tensor, steps: int) -> Tensor:
        """From each image (B, C, H, W) of `first` to that of `second`, along a straight line: (B, steps, C, H, W)."""
        start, end = self.encode(first)[0], self.encode(second)[0]
        shares = torch.linspace(0, 1, steps)[:, None]
        path = torch.lerp(start[:, None], end[:, None], shares)  # (B, steps, D)
        images: Tensor = self.decode(path.flatten(0, 1)).unflatten(0, path.shape[:2])
        return images
