"""Reconstruction by the generator of a GAN, inverted by an encoder: f-AnoGAN (Schlegl et al. 2019).

A generator trained on normal images alone can make nothing else. Once trained, it is frozen, and an encoder learns the noise
from which it generates each image (the paper's izi_f architecture), minimizing the squared error of the image plus κ times that
of the discriminator's features. The same sum is an image's score.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import Scored
from darkroom.detect.methods.errors import ERRORS, smooth
from darkroom.detect.methods.trained import TrainedReconstruction, no_labels
from darkroom.detect.options import ErrorOption, LatentOption, SmoothingOption, WidthOption
from darkroom.fit.config import Training
from darkroom.fit.task import Optimized
from darkroom.generate.gan.model import GAN
from darkroom.generate.gan.task import GANTask, frozen
from darkroom.nets.autoencoder import Encoder
from darkroom.registry import register
from darkroom.settings import NonNegative


@register("detector", "fanogan")
class FAnoGAN(TrainedReconstruction):
    """Generative adversarial network of the normal images, with an encoder into its latent space."""

    TRAINING = {
        "epochs": 150,
        "optimizer": {"name": "adamw", "lr": 0.0015, "beta1": 0.0, "beta2": 0.99, "weight_decay": 0.0},
        "schedule": {"name": "cosine", "warmup": 0.05},
    }
    REFUSES = {
        "patience": "its first part, a GAN, has losses that do not tell how good it is",
        "schedule": "its first part, a GAN, has losses that do not tell how good it is",
        "swa": "it keeps a moving average of the generator already",
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
        return EncodedGANTask(self, training)


class EncodedGANTask(GANTask):
    """Trains generator and discriminator first, then the encoder alone on the remaining batches."""

    network: EncodedGAN
    players = (*GANTask.players, "encoder")

    @property
    def played(self) -> bool:
        """Whether the GAN's training is over."""
        return int(self.network.batches) >= self.game_batches

    def training_step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Take a step of the GAN or of the encoder."""
        if not self.played:
            return super().training_step(images, labels)
        values = self.losses(images, labels)
        self.norms.clear()
        self.move("encoder", values["loss"])
        self.pass_batch("encoder")
        self.note(values, len(labels))
        self.latest |= self.norms
        return values["loss"].detach()

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the encoder's loss and its two parts; generator and discriminator stay frozen."""
        model = self.network
        model.averaged.eval()
        model.discriminator.eval()
        with frozen(model.discriminator):
            made = model.reconstruct(images)
            error, features = (made - images).square().mean(), model.feature_error(images, made).mean()
        return {"loss": error + model.kappa * features, "reconstruction": error, "features": features}

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the measures of the GAN or of the encoder, whichever is being trained."""
        return self.losses(images, labels) if self.played else super().measures(images, labels)

    def optimizers(self) -> list[Optimized]:
        """Build the GAN's optimizers over its batches, at least one, and the encoder's over the rest."""
        model = self.network
        self.game_batches = min(max(1, round(model.gan_share * self.steps)), self.steps - 1)
        return [
            self.scheduled(model.generator, self.game_batches),
            self.scheduled(model.discriminator, self.game_batches, rate=model.ttur),
            self.scheduled(model.encoder, self.steps - self.game_batches),
        ]
