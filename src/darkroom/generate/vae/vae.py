"""The variational autoencoder (Kingma & Welling 2014), convolutional, conditional on the class (Sohn et al. 2015).

The objective is the evidence lower bound, in nats an image: E log p(x|z,y) - KL(q(z|x,y) || p(z)), where q is a normal
distribution of independent coordinates and p the standard normal one. The first term is taken by one draw of z. The KL
part can be weighed by beta (Higgins et al. 2017), which can rise from 0 over the first steps (Bowman et al. 2016).
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.generate.model import Bound, LatentModel
from darkroom.generate.vae.likelihood import Likelihood
from darkroom.nets.autoencoder import Decoder, Encoder
from darkroom.registry import register
from darkroom.settings import Count, Positive, Probability


@register("generator", "vae")
class VAE(LatentModel):
    """Variational autoencoder: an encoder to a normal distribution over codes and a decoder from codes."""

    TRAINING = {"epochs": 36, "batch_size": 64, "optimizer": {"lr": 0.004}}

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        conditional: Annotated[
            bool, Field(description="encoder and decoder know the class, where there is one")
        ] = True,
        latent: Annotated[Count, Field(description="numbers in a code")] = 16,
        width: Annotated[Count, Field(description="channels of the first level")] = 16,
        beta: Annotated[
            Positive,
            Field(
                description="weight of the KL part in the loss: 1 is the bound itself; more keeps codes closer to the prior "
                "that samples are drawn from, less shows more detail"
            ),
        ] = 2.0,
        warmup: Annotated[
            Probability, Field(description="share of the training's steps in which beta rises from 0")
        ] = 0.0,
        likelihood: Annotated[
            Literal["bernoulli", "gaussian"],
            Field(
                description="of a value in [0, 1]: `bernoulli` takes it as the share of ones in a binary image, "
                "`gaussian` as a density with one learned scale (nats then count in units of the full range)"
            ),
        ] = "bernoulli",
    ) -> None:
        super().__init__()
        self.classes = classes if conditional else 0
        self.latent, self.beta, self.warmup = latent, beta, warmup
        self.encoder = Encoder(shape, 2 * latent, width=width, classes=self.classes)
        self.decoder = Decoder(shape, latent, width=width, classes=self.classes)
        self.likelihood = Likelihood(likelihood)

    def encode(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, each (B, D), of the posterior of images (B, C, H, W) in [0, 1] of classes (B,)."""
        mean, log_variance = self.encoder(images, labels).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 6)

    def decode(self, latent: Tensor, labels: Tensor) -> Tensor:
        """The expected image (B, C, H, W) in [0, 1] of each code (B, D) and class (B,)."""
        return self.likelihood.mean(self.decoder(latent, labels))

    def bound(self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Bound:
        """The ELBO of each image by one draw from its posterior; drawn from torch's global stream without a generator."""
        mean, log_variance = self.encode(images, labels)
        device = mean.device if generator is None else generator.device
        noise = torch.randn(mean.shape, generator=generator, device=device).to(mean.device)
        output = self.decoder(mean + noise * (log_variance / 2).exp(), labels)
        return Bound(self.likelihood(output, images), kl_from_normal(mean, log_variance))

    def task(self, training: Training) -> VAETask:
        """The shell that trains it; the history holds the parts of the bound."""
        return VAETask(self, training)


def kl_from_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL divergence in nats (B,) from normal distributions with these means and log-variances (B, D) to the standard one."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


def warmed(progress: float, warmup: float) -> float:
    """The factor on beta when this share of the steps is done: up along a line from 0 to 1 at `warmup`, then 1."""
    return min(1.0, progress / warmup) if warmup else 1.0


class VAETask(Task):
    """Minimises KL times beta minus the log-likelihood, in nats an image."""

    network: VAE

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The loss with beta as it is at this step, and the bound with its parts."""
        # read off the trainer's own count, which its checkpoints hold
        progress = self.trainer.global_step / self.trainer.estimated_stepping_batches if self.network.warmup else 1.0
        return self.parts(images, labels, self.network.beta * warmed(progress, self.network.warmup))

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The same with the whole beta, so that validation measures one thing from the first epoch to the last."""
        return self.parts(images, labels, self.network.beta)

    def parts(self, images: Tensor, labels: Tensor, beta: float) -> dict[str, Tensor]:
        """Means over a batch of the loss with this beta, the bound and its parts."""
        found = self.network.bound(images, labels)
        reconstruction, kl = found.reconstruction.mean(), found.kl.mean()
        return {
            "loss": beta * kl - reconstruction,
            "elbo": reconstruction - kl,
            "reconstruction": reconstruction,
            "kl": kl,
        }
