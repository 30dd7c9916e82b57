"""Variational autoencoder (Kingma & Welling 2014), convolutional and class-conditional (Sohn et al. 2015).

The objective is the evidence lower bound in nats per image, E log p(x|z,y) - KL(q(z|x,y) || p(z)), with q a diagonal
normal distribution and p the standard normal one. The expectation is estimated from one draw of z. The KL term can be
weighted by beta (Higgins et al. 2017), which can be warmed up from 0 (Bowman et al. 2016; linearly here).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field
from torch import Tensor

from darkroom.fit.config import Training
from darkroom.generate.model import Bound, LatentModel
from darkroom.generate.vae.likelihood import Likelihood
from darkroom.generate.vae.options import LikelihoodOption
from darkroom.nets.autoencoder import Decoder, Encoder
from darkroom.nets.options import Activation
from darkroom.registry import register
from darkroom.settings import Count, Positive, Probability

if TYPE_CHECKING:
    from darkroom.generate.task import GeneratorTask


@register("generator", "vae")
class VAE(LatentModel):
    """Variational autoencoder: encodes images to normal distributions over latent codes, and decodes codes to images."""

    TRAINING = {"epochs": 36, "batch_size": 64, "optimizer": {"lr": 0.004}, "schedule": {"cycle_momentum": False}}

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        conditional: Annotated[
            bool, Field(description="condition encoder and decoder on the class, if images have labels")
        ] = True,
        latent: Annotated[Count, Field(description="latent dimensions")] = 16,
        width: Annotated[Count, Field(description="channels of the first level")] = 16,
        activation: Activation = "leaky_relu",
        beta: Annotated[
            Positive,
            Field(
                description="KL weight in the loss: 1 is the bound itself; more keeps codes closer to the prior that samples are "
                "drawn from, less keeps more detail"
            ),
        ] = 1.0,
        warmup: Annotated[
            Probability, Field(description="fraction of training steps over which beta rises from 0")
        ] = 0.0,
        likelihood: LikelihoodOption = "bernoulli",
    ) -> None:
        super().__init__()
        self.classes = classes if conditional else 0
        self.latent, self.beta, self.warmup = latent, beta, warmup
        self.encoder = Encoder(shape, 2 * latent, width=width, classes=self.classes, activation=activation)
        self.decoder = Decoder(shape, latent, width=width, classes=self.classes, activation=activation)
        self.likelihood = Likelihood(likelihood)

    def encode(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, (B, D) each, of the posterior of images (B, C, H, W) in [0, 1] of classes (B,)."""
        mean, log_variance = self.encoder(images, labels).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 6)

    def decode(self, latent: Tensor, labels: Tensor) -> Tensor:
        """Return the expected image (B, C, H, W) in [0, 1] of each code (B, D) and class (B,)."""
        return self.likelihood.mean(self.decoder(latent, labels))

    def bound(self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Bound:
        """Return the ELBO of each image from one posterior draw, from torch's global stream without a generator."""
        mean, log_variance = self.encode(images, labels)
        device = mean.device if generator is None else generator.device
        noise = torch.randn(mean.shape, generator=generator, device=device).to(mean.device)
        output = self.decoder(mean + noise * (log_variance / 2).exp(), labels)
        return Bound(self.likelihood(output, images), kl_from_normal(mean, log_variance))

    def losses(self, images: Tensor, labels: Tensor, *, progress: float = 1.0) -> dict[str, Tensor]:
        """Return batch means of the loss, beta · KL - log-likelihood with beta as warmed up so far, the bound and its parts."""
        return bound_losses(self.bound(images, labels), self.beta * warmed(progress, self.warmup))

    def task(self, training: Training) -> GeneratorTask:
        """Return the task that trains it."""
        from darkroom.generate.task import GeneratorTask

        return GeneratorTask(self, training)


def bound_losses(found: Bound, weight: float) -> dict[str, Tensor]:
    """Return batch means of the loss, weight · KL - log-likelihood, the bound and its parts."""
    reconstruction, kl = found.reconstruction.mean(), found.kl.mean()
    return {
        "loss": weight * kl - reconstruction,
        "elbo": reconstruction - kl,
        "reconstruction": reconstruction,
        "kl": kl,
    }


def kl_from_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the KL divergence in nats (B,) of normals with these means and log-variances (B, D) from the standard normal."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


def warmed(progress: float, warmup: float) -> float:
    """Return the factor on beta after this fraction of steps: linear from 0 to 1 at `warmup`, then 1."""
    return min(1.0, progress / warmup) if warmup else 1.0
