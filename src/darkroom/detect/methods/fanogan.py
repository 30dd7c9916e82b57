"""Reconstruction by the generator of a GAN, inverted by an encoder: f-AnoGAN (Schlegl et al. 2019).

A generator trained on normal images alone can make nothing else. Once trained, it is frozen, and an encoder learns the noise
from which it generates each image (the paper's izi_f architecture), minimizing the squared error of the image plus κ times that
of the discriminator's features. The same sum is an image's score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import Scored
from darkroom.detect.methods.errors import ERRORS, smooth
from darkroom.detect.methods.trained import TrainedReconstruction
from darkroom.detect.methods.vae import no_labels
from darkroom.detect.options import ErrorOption, LatentOption, SmoothingOption, WidthOption
from darkroom.fit.config import Training
from darkroom.generate.gan.model import GAN
from darkroom.nets.autoencoder import Encoder
from darkroom.registry import register
from darkroom.settings import NonNegative

if TYPE_CHECKING:
    from darkroom.detect.training.fanogan import EncodedGANTask


@register("detector", "fanogan")
class FAnoGAN(TrainedReconstruction):
    """Generative adversarial network of the normal images, with an encoder into its latent space."""

    TRAINING = {
        "epochs": 150,
        "optimizer": {"name": "adamw", "lr": 0.0015, "beta1": 0.0, "beta2": 0.99, "weight_decay": 0.0},
        "schedule": {"name": "cosine", "warmup": 0.05},
    }

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        latent: LatentOption = 16,
        width: WidthOption = 32,
        loss: Annotated[
            Literal["non_saturating", "hinge", "wasserstein", "wasserstein_gp"],
            Field(description="GAN loss; the paper uses `wasserstein_gp`"),
        ] = "hinge",
        gan_share: Annotated[
            float, Field(gt=0, lt=1, description="share of the training batches for the GAN; the encoder gets the rest")
        ] = 0.5,
        kappa: Annotated[
            NonNegative,
            Field(description="weight of the discriminator's feature error in loss and score, 1 in the paper"),
        ] = 1.0,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(error=error, smoothing=smoothing)
        self.model = EncodedGAN(shape, latent=latent, width=width, loss=loss, gan_share=gan_share, kappa=kappa)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Encode images (B, C, H, W) and generate them again."""
        return self.model.reconstruct(images)

    def score(self, images: Tensor) -> Scored:
        """Return the image error plus the weighted feature error, and maps of the image error."""
        made = self.reconstruct(images)
        maps = ERRORS[self.error](images, made)
        scores = maps.mean((1, 2)) + self.model.kappa * self.model.feature_error(images, made)
        return Scored(scores, smooth(maps, self.smoothing))

    def task(self, training: Training) -> EncodedGANTask:
        """Return the module that trains all three networks."""
        return self.model.task(training)


class EncodedGAN(GAN):
    """An unconditional GAN, and an encoder from images in [0, 1] to the latent space of its EMA generator."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        latent: int,
        width: int,
        loss: Literal["non_saturating", "hinge", "wasserstein", "wasserstein_gp"],
        gan_share: float,
        kappa: float,
    ) -> None:
        super().__init__(shape, 0, latent=latent, width=width, loss=loss)
        self.gan_share, self.kappa = gan_share, kappa
        self.encoder = Encoder(shape, latent, width=width)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Encode images (B, C, H, W) and generate them again with the EMA generator, in [0, 1]."""
        made: Tensor = self.averaged(self.encoder(images).float(), no_labels(images))
        return (made + 1) / 2

    def feature_error(self, images: Tensor, others: Tensor) -> Tensor:
        """Return the mean squared difference (B,) of the discriminator's features for images in [0, 1]."""
        features, their = (self.discriminator(some * 2 - 1, no_labels(some)).features for some in (images, others))
        distance: Tensor = (features - their).square().mean(1)
        return distance

    def task(self, training: Training) -> EncodedGANTask:
        """Return the module that trains all three networks."""
        from darkroom.detect.training.fanogan import EncodedGANTask

        return EncodedGANTask(self, training)
