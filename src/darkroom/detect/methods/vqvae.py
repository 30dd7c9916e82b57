"""Reconstruction by a vector-quantized autoencoder (van den Oord et al. 2017): by patterns that normal images have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor

from darkroom.detect.methods.trained import TrainedReconstruction
from darkroom.detect.methods.vae import no_labels
from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.generate.vae.vqvae import VQVAE
from darkroom.registry import register
from darkroom.settings import Count, ErrorOption, SmoothingOption


@register("detector", "vqvae")
class VectorQuantizedAutoencoder(TrainedReconstruction):
    """Vector-quantized autoencoder trained on the normal images."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        training: Training | None = None,
        *,
        codes: Annotated[int, Field(ge=2, description="codes in the codebook")] = 64,
        size: Annotated[Count, Field(description="numbers in the vector of a code")] = 16,
        halvings: Annotated[int, Field(ge=1, le=3, description="halvings between the image and its grid of codes")] = 2,
        width: Annotated[Count, Field(description="channels of the first level")] = 16,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(training, error=error, smoothing=smoothing)
        # the prior over grids of codes takes no part in a reconstruction: as small as can be
        self.model = VQVAE(
            shape, 0, codes=codes, size=size, halvings=halvings, width=width, prior_width=4, prior_layers=1
        )

    def reconstruct(self, images: Tensor) -> Tensor:
        """Each image (B, C, H, W) as its codes show it."""
        return self.model.reconstruct(images, no_labels(images))

    def task(self, training: Training) -> Task:
        """The model's own."""
        return self.model.task(training)
