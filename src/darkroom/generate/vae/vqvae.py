"""Vector-quantized autoencoder (VQ-VAE, van den Oord et al. 2017) with an autoregressive prior over its codes.

An image becomes a grid of codes from a codebook. The loss, in nats per image, has three parts: the negative log-likelihood
of the image given its codes; the commitment loss, which keeps the encoder's output near its codes; and the negative
log-probability of the codes under the prior. The gradient of the last one reaches the prior only, so both train in one
loop; the paper trains the prior afterwards. The posterior is deterministic, so its KL divergence from the prior is the
negative log-probability of its grid, and log p(x|grid) + log p(grid) is a lower bound on the log-likelihood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from darkroom.fit.config import Training
from darkroom.generate.model import CHUNK, Bound, GenerativeModel
from darkroom.generate.vae.codebook import Codebook, Quantized, perplexity
from darkroom.generate.vae.likelihood import Likelihood
from darkroom.generate.vae.options import LikelihoodOption
from darkroom.nets.autoencoder import Down, Up
from darkroom.nets.causal import CausalTransformer
from darkroom.nets.options import Activation
from darkroom.registry import register
from darkroom.settings import Count, Positive

if TYPE_CHECKING:
    from darkroom.generate.task import GeneratorTask


@register("generator", "vqvae")
class VQVAE(GenerativeModel):
    """Vector-quantized autoencoder: images as grids of codes, and a transformer prior that generates such grids."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        conditional: Annotated[
            bool, Field(description="condition the prior on the class, if images have labels")
        ] = True,
        codes: Annotated[int, Field(ge=2, description="size of the codebook")] = 64,
        size: Annotated[Count, Field(description="dimensions of a code vector")] = 16,
        halvings: Annotated[
            int, Field(ge=1, le=3, description="downsampling steps by 2 between the image and its grid of codes")
        ] = 2,
        width: Annotated[Count, Field(description="channels of the first level")] = 32,
        activation: Activation = "leaky_relu",
        commitment: Annotated[Positive, Field(description="commitment loss weight")] = 0.25,
        prior_width: Annotated[int, Field(ge=4, multiple_of=4, description="width of the prior's transformer")] = 64,
        prior_layers: Annotated[Count, Field(description="layers of the prior's transformer")] = 3,
        dropout: Annotated[float, Field(ge=0, lt=1, description="dropout probability in the prior")] = 0.1,
        likelihood: LikelihoodOption = "bernoulli",
    ) -> None:
        super().__init__()
        self.classes = classes if conditional else 0
        self.commitment = commitment
        self.down = Down(shape, width=width, levels=halvings, activation=activation)
        self.up = Up(shape, width=width, levels=halvings, activation=activation)
        channels, *self.grid = self.down.end
        self.to_vectors = nn.Conv2d(channels, size, 1)
        self.from_vectors = nn.Conv2d(size, channels, 3, padding=1)
        self.codebook = Codebook(codes, size)
        self.likelihood = Likelihood(likelihood)
        self.prior = CausalTransformer(
            self.grid[0] * self.grid[1], codes, self.classes, width=prior_width, layers=prior_layers, dropout=dropout
        )

    def encode(self, images: Tensor) -> Quantized:
        """Return the grid of codes of images (B, C, H, W) in [0, 1]; in training mode this updates the codebook."""
        found: Quantized = self.codebook(self.to_vectors(self.down(images)))
        return found

    def decode(self, vectors: Tensor) -> Tensor:
        """Return the likelihood's parameters (B, C, H, W) for grids of code vectors (B, D, h, w)."""
        output: Tensor = self.up(self.from_vectors(vectors))
        return output

    def bound(self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Bound:
        """Return the ELBO of each image; it needs no draws."""
        return self.measure(self.encode(images), images, labels)

    def measure(self, found: Quantized, images: Tensor, labels: Tensor) -> Bound:
        """Return the ELBO of images that are encoded already."""
        code_length = -self.prior.log_prob(found.codes.flatten(1), labels)
        return Bound(self.likelihood(self.decode(found.vectors), images), code_length)

    def reconstruct(self, images: Tensor, labels: Tensor) -> Tensor:
        """Decode each image's (B, C, H, W) own codes."""
        return self.likelihood.mean(self.decode(self.encode(images).vectors))

    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Decode grids drawn from the prior for classes (N,) to expected images (N, C, H, W) in [0, 1]."""
        draws = torch.rand(len(labels), self.grid[0] * self.grid[1], generator=generator)
        images = []
        for some, uniform in zip(labels.split(CHUNK), draws.to(labels.device).split(CHUNK), strict=True):
            codes = self.prior.sample(some, uniform).unflatten(1, self.grid)
            images.append(self.likelihood.mean(self.decode(self.codebook.look_up(codes))))
        return torch.cat(images)

    def losses(self, images: Tensor, labels: Tensor, *, progress: float = 1.0) -> dict[str, Tensor]:
        """Return batch means of the loss and the bound with its parts, and how much of the codebook the batch uses."""
        found = self.encode(images)
        bound = self.measure(found, images, labels)
        reconstruction, kl, commitment = bound.reconstruction.mean(), bound.kl.mean(), found.commitment.mean()
        size = len(self.codebook.counts)
        return {
            "loss": kl - reconstruction + self.commitment * commitment,
            "elbo": reconstruction - kl,
            "reconstruction": reconstruction,
            "kl": kl,
            "commitment": commitment,
            "perplexity": perplexity(found.codes, size),
            "codes_used": found.codes.unique().numel() / torch.tensor(float(size)),
        }

    def task(self, training: Training) -> GeneratorTask:
        """Return the task that trains autoencoder and prior together."""
        from darkroom.generate.task import GeneratorTask

        return GeneratorTask(self, training)
