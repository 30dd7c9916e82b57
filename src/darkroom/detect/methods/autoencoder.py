"""Reconstruction by an autoencoder: what does not pass through a small code is error.

The loss is the mean squared error, and as many of these as are asked for:

- denoising: the image goes in with noise and is to come out without it (Vincent et al. 2008);
- sparsity: the mean absolute value of the numbers in a code (L1, as in sparse coding: Olshausen & Field 1996);
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
from darkroom.fit.config import Training
from darkroom.nets.autoencoder import Decoder, Encoder
from darkroom.registry import register
from darkroom.settings import Count, ErrorOption, NonNegative, SmoothingOption

UNITS = 8
"""Hidden units of a shallow network for each unit of `width`."""


@register("detector", "autoencoder")
class Autoencoder(TrainedReconstruction):
    """Autoencoder trained on the normal images."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        training: Training | None = None,
        *,
        network: Annotated[
            Literal["convolutional", "linear", "shallow"],
            Field(
                description="encoder and decoder: convolutions, one linear layer each, or one hidden ReLU layer each on "
                "the pixels"
            ),
        ] = "convolutional",
        latent: Annotated[Count, Field(description="numbers in a code")] = 16,
        width: Annotated[
            Count, Field(description="channels of the first level, or an eighth of a shallow network's hidden units")
        ] = 16,
        denoising: Annotated[
            NonNegative,
            Field(description="standard deviation of the Gaussian noise on training images; values are in [0, 1]"),
        ] = 0.0,
        sparsity: Annotated[NonNegative, Field(description="weight in the loss of the mean absolute code")] = 0.0,
        contraction: Annotated[
            NonNegative,
            Field(
                description="weight in the loss of the squared norm of the encoder's Jacobian: exact for codes of up to "
                "32 numbers, estimated for longer ones"
            ),
        ] = 0.0,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(training, error=error, smoothing=smoothing)
        self.denoising, self.sparsity, self.contraction = denoising, sparsity, contraction
        self.encoder, self.decoder = halves(network, shape, latent, width)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Each image (B, C, H, W) after the way through its code."""
        output: Tensor = self.decoder(self.encoder(images))
        return output.float()

    def task(self, training: Training) -> AutoencoderTask:
        """The shell that trains both halves."""
        return AutoencoderTask(self, training)


def halves(network: str, shape: tuple[int, int, int], latent: int, width: int) -> tuple[nn.Module, nn.Module]:
    """The encoder, images (B, C, H, W) to codes (B, D), and the decoder."""
    if network == "convolutional":
        return Encoder(shape, latent, width=width), Decoder(shape, latent, width=width)
    size = math.prod(shape)
    if network == "linear":
        encoder, decoder = nn.Sequential(nn.Linear(size, latent)), nn.Sequential(nn.Linear(latent, size))
    else:
        encoder, decoder = perceptron(size, UNITS * width, latent), perceptron(latent, UNITS * width, size)
    return nn.Sequential(nn.Flatten(), *encoder), nn.Sequential(*decoder, nn.Unflatten(1, shape))


def perceptron(before: int, hidden: int, after: int) -> nn.Sequential:
    """One hidden layer of ReLU units."""
    return nn.Sequential(nn.Linear(before, hidden), nn.ReLU(), nn.Linear(hidden, after))


class AutoencoderTask(ReconstructionTask):
    """Mean squared error and the weighted penalties."""

    network: Autoencoder

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`loss` is their sum; its parts stand beside it where there are penalties. Noise is for training alone."""
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
            penalties["sparsity"] = network.sparsity * code.abs().mean()
        if network.contraction:
            penalties["contraction"] = network.contraction * squared_jacobian(code, given, self.draws)
        parts = {"reconstruction": error, **penalties} if penalties else {}
        return {"loss": error + sum(penalties.values()), **parts}

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The same on validation images, without noise."""
        if not self.network.contraction:
            return self.losses(images, labels)
        with torch.inference_mode(False), torch.enable_grad():  # the Jacobian is made of gradients
            return self.losses(images.clone(), labels)
