"""The vector-quantized autoencoder (VQ-VAE, van den Oord et al. 2017) with an autoregressive prior over its codes.

An image becomes a grid of codes from a codebook. The loss, in nats an image, has three parts: the negative log-likelihood
of the image given its codes; the commitment, which keeps the encoder's output near its codes; and the negative
log-probability of the codes under the prior, whose gradient reaches the prior alone, so that both train in one loop.
The posterior is certain of one grid, so its KL divergence from the prior is the length of that grid's code, and
log p(x|grid) + log p(grid) is a lower bound of the log-likelihood.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.generate.model import CHUNK, Bound, GenerativeModel
from darkroom.generate.vae.codebook import Codebook, Quantized, perplexity
from darkroom.generate.vae.likelihood import Likelihood
from darkroom.nets.autoencoder import Down, Up
from darkroom.nets.causal import CausalTransformer
from darkroom.registry import register
from darkroom.settings import Count, Positive


@register("generator", "vqvae")
class VQVAE(GenerativeModel):
    """Vector-quantized autoencoder: images as grids of codes, and a transformer that writes such grids."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        conditional: Annotated[bool, Field(description="the prior knows the class, where there is one")] = True,
        codes: Annotated[int, Field(ge=2, description="codes in the codebook")] = 64,
        size: Annotated[Count, Field(description="numbers in the vector of a code")] = 16,
        halvings: Annotated[int, Field(ge=1, le=3, description="halvings between the image and its grid of codes")] = 2,
        width: Annotated[Count, Field(description="channels of the first level")] = 32,
        commitment: Annotated[Positive, Field(description="weight of the commitment in the loss")] = 0.25,
        prior_width: Annotated[int, Field(ge=4, multiple_of=4, description="width of the prior's transformer")] = 64,
        prior_layers: Annotated[Count, Field(description="layers of the prior's transformer")] = 3,
        dropout: Annotated[float, Field(ge=0, lt=1, description="share dropped in the prior while it trains")] = 0.1,
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
        self.commitment = commitment
        self.down = Down(shape, width=width, levels=halvings)
        self.up = Up(shape, width=width, levels=halvings)
        channels, *self.grid = self.down.end
        self.to_vectors = nn.Conv2d(channels, size, 1)
        self.from_vectors = nn.Conv2d(size, channels, 3, padding=1)
        self.codebook = Codebook(codes, size)
        self.likelihood = Likelihood(likelihood)
        self.prior = CausalTransformer(
            self.grid[0] * self.grid[1], codes, self.classes, width=prior_width, layers=prior_layers, dropout=dropout
        )

    def encode(self, images: Tensor) -> Quantized:
        """The grid of codes of images (B, C, H, W) in [0, 1]; in training mode the codebook follows."""
        found: Quantized = self.codebook(self.to_vectors(self.down(images)))
        return found

    def decode(self, vectors: Tensor) -> Tensor:
        """The parameters of the likelihood (B, C, H, W) of grids of code vectors (B, D, h, w)."""
        output: Tensor = self.up(self.from_vectors(vectors))
        return output

    def bound(self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Bound:
        """The ELBO of each image; nothing is drawn."""
        return self.measure(self.encode(images), images, labels)

    def measure(self, found: Quantized, images: Tensor, labels: Tensor) -> Bound:
        """The ELBO of images that were encoded already."""
        code_length = -self.prior.log_prob(found.codes.flatten(1), labels)
        return Bound(self.likelihood(self.decode(found.vectors), images), code_length)

    def reconstruct(self, images: Tensor, labels: Tensor) -> Tensor:
        """Each image (B, C, H, W) as its codes show it."""
        return self.likelihood.mean(self.decode(self.encode(images).vectors))

    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """The expected images (N, C, H, W) in [0, 1] of grids drawn from the prior for these classes (N,)."""
        draws = torch.rand(len(labels), self.grid[0] * self.grid[1], generator=generator)
        images = []
        for some, uniform in zip(labels.split(CHUNK), draws.to(labels.device).split(CHUNK), strict=True):
            codes = self.prior.sample(some, uniform).unflatten(1, self.grid)
            images.append(self.likelihood.mean(self.decode(self.codebook.look_up(codes))))
        return torch.cat(images)

    def task(self, training: Training) -> VQVAETask:
        """The shell that trains autoencoder and prior together."""
        return VQVAETask(self, training)


class VQVAETask(Task):
    """Minimises the negative bound and the weighted commitment, in nats an image."""

    network: VQVAE

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The loss, the bound with its parts, and how much of the codebook this batch uses."""
        network = self.network
        found = network.encode(images)
        bound = network.measure(found, images, labels)
        reconstruction, kl, commitment = bound.reconstruction.mean(), bound.kl.mean(), found.commitment.mean()
        size = len(network.codebook.counts)
        return {
            "loss": kl - reconstruction + network.commitment * commitment,
            "elbo": reconstruction - kl,
            "reconstruction": reconstruction,
            "kl": kl,
            "commitment": commitment,
            "perplexity": perplexity(found.codes, size),
            "codes_used": found.codes.unique().numel() / torch.tensor(float(size)),
        }
