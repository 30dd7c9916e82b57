"""Reconstruction by a vector-quantized autoencoder (van den Oord et al. 2017), from a codebook of normal patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from torch import Tensor

from darkroom.detect.methods.trained import TrainedReconstruction, no_labels
from darkroom.detect.options import ErrorOption, SmoothingOption, WidthOption
from darkroom.fit.config import Training
from darkroom.generate.vae.vqvae import VQVAE
from darkroom.nets.options import Activation
from darkroom.registry import register
from darkroom.settings import Count

if TYPE_CHECKING:
    from darkroom.fit.task import Task


@register("detector", "vqvae")
class VectorQuantizedAutoencoder(TrainedReconstruction):
    """Vector-quantized autoencoder trained on the normal images."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        codes: Annotated[int, Field(ge=2, description="size of the codebook")] = 64,
        size: Annotated[Count, Field(description="dimensions of a code vector")] = 16,
        halvings: Annotated[int, Field(ge=1, le=3, description="halvings between the image and its grid of codes")] = 2,
        width: WidthOption = 16,
        activation: Activation = "leaky_relu",
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(error=error, smoothing=smoothing)
        # the prior over grids of codes does not affect reconstructions: keep it minimal
        self.model = VQVAE(
            shape,
            0,
            codes=codes,
            size=size,
            halvings=halvings,
            width=width,
            activation=activation,
            prior_width=4,
            prior_layers=1,
        )

    def reconstruct(self, images: Tensor) -> Tensor:
        """Decode the quantized codes of images (B, C, H, W)."""
        return self.model.reconstruct(images, no_labels(images))

    def task(self, training: Training) -> Task:
        """Return the generative model's own task."""
        return self.model.task(training)
