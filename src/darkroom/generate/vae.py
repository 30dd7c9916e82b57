"""The variational autoencoder (Kingma & Welling 2014; with beta, Higgins et al. 2017), convolutional.

The objective is the evidence lower bound, in nats an image: E log p(x|z) - KL(q(z|x) || p(z)), where q is a normal
distribution of independent coordinates and p the standard normal one. The first term is taken by one draw of z.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.generate.model import Bound, LatentModel
from darkroom.nets.autoencoder import Decoder, Encoder
from darkroom.registry import register
from darkroom.settings import Count, Positive


@register("generator", "vae")
class VAE(LatentModel):
    """Variational autoencoder: an encoder to a normal distribution over codes and a decoder from codes."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        latent: Annotated[Count, Field(description="numbers in a code")] = 16,
        width: Annotated[Count, Field(description="channels of the first level")] = 16,
        beta: Annotated[Positive, Field(description="weight of the KL part in the loss; 1 is the bound itself")] = 1.0,
        likelihood: Annotated[
            Literal["bernoulli", "gaussian"],
            Field(
                description="of a value in [0, 1]: `bernoulli` takes it as the share of ones in a binary image, "
                "`gaussian` as a density with one learned scale (nats then count in units of the full range)"
            ),
        ] = "bernoulli",
    ) -> None:
        super().__init__()
        self.classes, self.latent, self.beta = 0, latent, beta
        self.encoder = Encoder(shape, 2 * latent, width=width)
        self.decoder = Decoder(shape, latent, width=width)
        self.log_scale = nn.Parameter(torch.tensor([-1.0])) if likelihood == "gaussian" else None

    def encode(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, each (B, D), of the posterior of images (B, C, H, W) in [0, 1]."""
        mean, log_variance = self.encoder(images).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 6)

    def decode(self, latent: Tensor, labels: Tensor) -> Tensor:
        """The expected image (B, C, H, W) in [0, 1] of each code (B, D)."""
        images: Tensor = self.decoder(latent).float().sigmoid()
        return images

    def bound(self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Bound:
        """The ELBO of each image by one draw from its posterior; drawn from torch's global stream without a generator."""
        mean, log_variance = self.encode(images, labels)
        device = mean.device if generator is None else generator.device
        noise = torch.randn(mean.shape, generator=generator, device=device).to(mean.device)
        logits = self.decoder(mean + noise * (log_variance / 2).exp()).float()
        return Bound(self.log_likelihood(logits, images), kl_from_normal(mean, log_variance))

    def log_likelihood(self, logits: Tensor, images: Tensor) -> Tensor:
        """Nats (B,) of images given the decoder's output, both (B, C, H, W); summed over pixels."""
        if self.log_scale is None:
            each = -F.binary_cross_entropy_with_logits(logits, images, reduction="none")
        else:
            scaled = (images - logits.sigmoid()) * torch.exp(-self.log_scale)
            each = -scaled.square() / 2 - self.log_scale - math.log(2 * math.pi) / 2
        return each.flatten(1).sum(1)

    def task(self, training: Training) -> VAETask:
        """The shell that trains it; the history holds the parts of the bound."""
        return VAETask(self, training)


def kl_from_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence in nats (B,) from normal distributions with these means and log-variances (B, D) to the standard one."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


class VAETask(Task):
    """Minimises KL times beta minus the log-likelihood, in nats an image."""

    network: VAE

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The loss, and the bound with its parts."""
        found = self.network.bound(images, labels)
        reconstruction, kl = found.reconstruction.mean(), found.kl.mean()
        return {
            "loss": self.network.beta * kl - reconstruction,
            "elbo": reconstruction - kl,
            "reconstruction": reconstruction,
            "kl": kl,
        }
