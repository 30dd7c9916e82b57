"""Reconstruction by an autoencoder: whatever does not pass through a small code becomes error.

The loss is the mean squared error plus any of these, each with its weight:

- denoising: the input is corrupted by noise, the target is not (Vincent et al. 2008);
- sparsity: the mean of a ReLU code over its root mean square, an L1 penalty (Olshausen & Field 1996) that does not change
  with the code's scale (the ratio of Hoyer 2004). A plain L1 penalty is evaded by a small code and a large decoder; unit-norm
  dictionary columns, which prevent that in sparse coding, do not bind the later layers of a deep decoder;
- contraction: the squared Frobenius norm of the encoder's Jacobian (Rifai et al. 2011).
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from darkroom.detect.methods.contraction import squared_jacobian
from darkroom.detect.methods.trained import ReconstructionTask, TrainedReconstruction
from darkroom.detect.options import ErrorOption, LatentOption, SmoothingOption
from darkroom.fit.config import Training
from darkroom.nets import layers
from darkroom.nets.autoencoder import DEFAULT, Decoder, Encoder
from darkroom.nets.options import Activations
from darkroom.registry import register
from darkroom.settings import Count, NonNegative

UNITS = 8
"""Hidden units of a shallow network per unit of `width`."""


@register("detector", "autoencoder")
class Autoencoder(TrainedReconstruction):
    """Autoencoder trained on the normal images."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        network: Annotated[
            Literal["convolutional", "linear", "shallow"],
            Field(description="encoder and decoder: convolutional, one linear layer each, or one hidden layer each"),
        ] = "convolutional",
        latent: LatentOption = 16,
        width: Annotated[
            Count, Field(description="channels of the first level, or an eighth of a shallow network's hidden units")
        ] = 16,
        activation: Annotated[
            Activations | None,
            Field(description="activation function; default: `leaky_relu` with slope 0.1, `relu` of a shallow network"),
        ] = None,
        denoising: Annotated[
            NonNegative,
            Field(description="standard deviation of the Gaussian noise added to training images in [0, 1]"),
        ] = 0.0,
        sparsity: Annotated[
            NonNegative,
            Field(
                description="weight of the code's L1 to RMS ratio in the loss; above 0, codes are non-negative (ReLU)"
            ),
        ] = 0.0,
        contraction: Annotated[
            NonNegative,
            Field(
                description="weight of the squared norm of the encoder's Jacobian in the loss; exact for codes of up to 32 "
                "dimensions, estimated for longer ones"
            ),
        ] = 0.0,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(error=error, smoothing=smoothing)
        self.denoising, self.sparsity, self.contraction = denoising, sparsity, contraction
        self.encoder, self.decoder = halves(network, shape, latent, width, activation)
        if sparsity:
            *_, last = (module for module in self.encoder.modules() if isinstance(module, nn.Linear))
            nn.init.ones_(last.bias)  # a unit that is zero for every image would never learn
            self.encoder = nn.Sequential(self.encoder, nn.ReLU())

    def reconstruct(self, images: Tensor) -> Tensor:
        """Encode and decode images (B, C, H, W)."""
        output: Tensor = self.decoder(self.encoder(images))
        return output.float()

    def task(self, training: Training) -> AutoencoderTask:
        """Return the module that trains both halves."""
        return AutoencoderTask(self, training)


def halves(
    network: str, shape: tuple[int, int, int], latent: int, width: int, activation: Activations | None = None
) -> tuple[nn.Module, nn.Module]:
    """Build the encoder, from images (B, C, H, W) to codes (B, D), and the decoder."""
    if network == "convolutional":
        act = activation or DEFAULT
        return Encoder(shape, latent, width=width, activation=act), Decoder(shape, latent, width=width, activation=act)
    size = math.prod(shape)
    if network == "linear":
        encoder, decoder = nn.Sequential(nn.Linear(size, latent)), nn.Sequential(nn.Linear(latent, size))
    else:
        act, hidden = activation or "relu", UNITS * width
        encoder, decoder = perceptron(size, hidden, latent, act), perceptron(latent, hidden, size, act)
    return nn.Sequential(nn.Flatten(), *encoder), nn.Sequential(*decoder, nn.Unflatten(1, shape))


def perceptron(before: int, hidden: int, after: int, activation: Activations) -> nn.Sequential:
    """Build a network with one hidden layer."""
    return nn.Sequential(nn.Linear(before, hidden), layers.activation(activation), nn.Linear(hidden, after))


class AutoencoderTask(ReconstructionTask):
    """Minimizes the mean squared error and the weighted penalties."""

    network: Autoencoder

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return `loss` and, if there are penalties, its parts. Only training images are corrupted by noise."""
        network, given = self.network, images
        if network.denoising and self.training:
            noise = torch.randn(images.shape, generator=self.draws)
            given = images + network.denoising * noise.to(images.device)
        if network.contraction:
            given = given.detach().requires_grad_()
        code = network.encoder(given).float()
        error = F.mse_loss(network.decoder(code).float(), images)
        penalties: dict[str, Tensor] = {}
        if network.sparsity:
            penalties["sparsity"] = network.sparsity * density(code)
        if network.contraction:
            penalties["contraction"] = network.contraction * squared_jacobian(code, given, self.draws)
        parts = {"reconstruction": error, **penalties} if penalties else {}
        return {"loss": error + sum(penalties.values()), **parts}

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the same for validation images, without noise."""
        if not self.network.contraction:
            return self.losses(images, labels)
        with torch.inference_mode(False), torch.enable_grad():  # the Jacobian consists of gradients
            return self.losses(images.clone(), labels)


def density(code: Tensor) -> Tensor:
    """Return the mean of non-negative codes (B, D) over their root mean square: 1 if all are equal, less if few are large."""
    return code.mean() / code.square().mean().sqrt().clamp_min(1e-6)
