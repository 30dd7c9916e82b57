"""Anomaly scores from a variational autoencoder of the normal images (Kingma & Welling 2014).

An image can be anomalous in its reconstruction, in its code, which then lies where the prior has little mass, or in both
together: the negative evidence lower bound. Reconstructions use the posterior's mean instead of a sample, which makes scores
reproducible; the bound at the mean is therefore not an ELBO but a close relative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import Scored
from darkroom.detect.methods.trained import TrainedReconstruction, no_labels
from darkroom.detect.options import ErrorOption, LatentOption, SmoothingOption, WidthOption
from darkroom.fit.config import Training
from darkroom.generate.vae.vae import VAE, kl_from_normal
from darkroom.nets.options import Activation
from darkroom.registry import register
from darkroom.settings import Positive

if TYPE_CHECKING:
    from darkroom.fit.task import Task


@register("detector", "vae")
class VariationalAutoencoder(TrainedReconstruction):
    """Variational autoencoder trained on the normal images."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        score: Annotated[
            Literal["reconstruction", "elbo", "latent"],
            Field(
                description="image score: the reconstruction error, the negative ELBO at the mean code in nats, or the KL "
                "divergence of the code from the prior in nats, which can be small for images the encoder makes nothing of; "
                "maps always show the error"
            ),
        ] = "reconstruction",
        latent: LatentOption = 16,
        width: WidthOption = 16,
        activation: Activation = "leaky_relu",
        beta: Annotated[Positive, Field(description="weight of the KL term in the loss; 1 is the ELBO")] = 1.0,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(error=error, smoothing=smoothing)
        self.scored_by = score
        self.model = VAE(shape, 0, latent=latent, width=width, activation=activation, beta=beta)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Decode the mean codes of images (B, C, H, W)."""
        return self.model.reconstruct(images, no_labels(images))

    def score(self, images: Tensor) -> Scored:
        """Return the chosen score and the error maps."""
        found = super().score(images)
        if self.scored_by == "reconstruction":
            return found
        mean, log_variance = self.model.encode(images, no_labels(images))
        scores = kl_from_normal(mean, log_variance)
        if self.scored_by == "elbo":
            scores = scores - self.model.likelihood(self.model.decoder(mean), images)
        return Scored(scores, found.maps)

    def task(self, training: Training) -> Task:
        """Return the generative model's own task."""
        return self.model.task(training)
