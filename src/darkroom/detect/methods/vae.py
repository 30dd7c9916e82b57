"""Anomaly scores from a variational autoencoder of the normal images (Kingma & Welling 2014).

An image may be anomalous for its reconstruction, for its code, which then lies where the prior has none, or for both
together: the negative evidence lower bound. The mean of the posterior stands for the draw from it wherever an image is
reconstructed, so that a score repeats.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import Scored
from darkroom.detect.methods.trained import TrainedReconstruction
from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.generate.vae.vae import VAE, kl_from_normal
from darkroom.registry import register
from darkroom.settings import Count, ErrorOption, Positive, SmoothingOption


@register("detector", "vae")
class VariationalAutoencoder(TrainedReconstruction):
    """Variational autoencoder trained on the normal images."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        training: Training | None = None,
        *,
        score: Annotated[
            Literal["reconstruction", "elbo", "latent"],
            Field(
                description="of an image: the error of its reconstruction, the negative bound of its log-likelihood in nats, "
                "or the KL divergence of its code from the prior in nats, which may well be small for what the encoder "
                "makes nothing of; maps are of the error in any case"
            ),
        ] = "reconstruction",
        latent: Annotated[Count, Field(description="numbers in a code")] = 16,
        width: Annotated[Count, Field(description="channels of the first level")] = 16,
        beta: Annotated[Positive, Field(description="weight of the KL part in the loss; 1 is the bound itself")] = 1.0,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(training, error=error, smoothing=smoothing)
        self.scored_by = score
        self.model = VAE(shape, 0, latent=latent, width=width, beta=beta)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Each image (B, C, H, W) as its mean code shows it."""
        return self.model.reconstruct(images, no_labels(images))

    def score(self, images: Tensor) -> Scored:
        """The score that was asked for, and the map of the error."""
        found = super().score(images)
        if self.scored_by == "reconstruction":
            return found
        mean, log_variance = self.model.encode(images, no_labels(images))
        scores = kl_from_normal(mean, log_variance)
        if self.scored_by == "elbo":
            scores = scores - self.model.likelihood(self.model.decoder(mean), images)
        return Scored(scores, found.maps)

    def task(self, training: Training) -> Task:
        """The model's own."""
        return self.model.task(training)


def no_labels(images: Tensor) -> Tensor:
    """What a model without classes is handed beside images: -1 for each, (B,)."""
    return torch.full((len(images),), -1, device=images.device)
