"""Reconstruction by a generative adversarial network, found by an encoder: f-AnoGAN (Schlegl et al. 2019).

A generator that has seen normal images alone can make nothing else. Once it is trained it is left as it is, and an encoder
learns to find the noise from which it makes each image (the paper's izi_f): down to their squared difference, and to that
of what the discriminator makes of both. The same two are an image's score.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field
from torch import Tensor

from darkroom.detect.detector import Scored
from darkroom.detect.methods.errors import ERRORS, smooth
from darkroom.detect.methods.trained import TrainedReconstruction
from darkroom.detect.methods.vae import no_labels
from darkroom.fit.config import Training
from darkroom.generate.gan.model import GAN
from darkroom.generate.gan.task import GANTask, frozen
from darkroom.nets.autoencoder import Encoder
from darkroom.registry import register
from darkroom.settings import Count, ErrorOption, NonNegative, SmoothingOption


@register("detector", "fanogan")
class FAnoGAN(TrainedReconstruction):
    """Generative adversarial network of the normal images, and an encoder into its generator."""

    TRAINING = {
        "epochs": 150,
        "optimizer": {"name": "adamw", "lr": 0.0015, "beta1": 0.0, "beta2": 0.99, "weight_decay": 0.0},
        "schedule": {"name": "cosine", "warmup": 0.05},
    }

    def __init__(
        self,
        shape: tuple[int, int, int],
        training: Training | None = None,
        *,
        latent: Annotated[Count, Field(description="numbers of noise an image is made from")] = 16,
        width: Annotated[Count, Field(description="channels of the first level, in all three networks")] = 32,
        loss: Annotated[
            Literal["non_saturating", "hinge", "wasserstein", "wasserstein_gp"],
            Field(description="what generator and discriminator play for; `wasserstein_gp` in the paper"),
        ] = "hinge",
        gan_share: Annotated[
            float, Field(gt=0, lt=1, description="share of the training batches for the two; the encoder has the rest")
        ] = 0.5,
        kappa: Annotated[
            NonNegative,
            Field(description="weight of the squared difference of the discriminator's features, in loss and score"),
        ] = 0.1,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(training, error=error, smoothing=smoothing)
        self.model = EncodedGAN(shape, latent=latent, width=width, loss=loss, gan_share=gan_share, kappa=kappa)

    def reconstruct(self, images: Tensor) -> Tensor:
        """The image (B, C, H, W) that the generator makes from the noise that the encoder finds for each."""
        return self.model.reconstruct(images)

    def score(self, images: Tensor) -> Scored:
        """The error and the weighted difference of features; maps are of the error."""
        made = self.reconstruct(images)
        maps = ERRORS[self.error](images, made)
        scores = maps.mean((1, 2)) + self.model.kappa * self.model.feature_error(images, made)
        return Scored(scores, smooth(maps, self.smoothing))

    def task(self, training: Training) -> EncodedGANTask:
        """The shell that trains all three networks."""
        return self.model.task(training)


class EncodedGAN(GAN):
    """A network without classes, and an encoder from images in [0, 1] to the noise of its averaged generator."""

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
        """Each image (B, C, H, W) as the averaged generator makes it, in [0, 1]."""
        made: Tensor = self.averaged(self.encoder(images).float(), no_labels(images))
        return (made + 1) / 2

    def feature_error(self, images: Tensor, others: Tensor) -> Tensor:
        """The mean squared difference (B,) of the discriminator's features of images in [0, 1]."""
        features, their = (self.discriminator(some * 2 - 1, no_labels(some)).features for some in (images, others))
        distance: Tensor = (features - their).square().mean(1)
        return distance

    def task(self, training: Training) -> EncodedGANTask:
        """The shell that trains all three networks."""
        return EncodedGANTask(self, training)


class EncodedGANTask(GANTask):
    """First the two networks' game, then, on the batches that are left, the encoder alone."""

    network: EncodedGAN
    players = (*GANTask.players, "encoder")

    @property
    def played(self) -> bool:
        """Whether the game is over."""
        return int(self.network.batches) >= self.game_batches

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """A batch of the game, or a step of the encoder."""
        if not self.played:
            return super().training_step(batch, index)
        images, labels = batch
        values = self.losses(images, labels)
        self.norms.clear()
        self.move("encoder", values["loss"])
        self.pass_batch("encoder")
        self.note(values, len(labels))
        self.latest |= self.norms
        return values["loss"].detach()

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The encoder's loss, with both errors of what the generator makes; it and the discriminator stay as they are."""
        model = self.network
        model.averaged.eval()
        model.discriminator.eval()
        with frozen(model.discriminator):
            made = model.reconstruct(images)
            error, features = (made - images).square().mean(), model.feature_error(images, made).mean()
        return {"loss": error + model.kappa * features, "reconstruction": error, "features": features}

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Of the game or the encoder, whichever is trained."""
        return self.losses(images, labels) if self.played else super().measures(images, labels)

    def configure_optimizers(self) -> Any:
        """Those of the game over its batches, of which there is at least one, and the encoder's over the rest."""
        batches = int(self.trainer.estimated_stepping_batches)
        self.game_batches = min(max(1, round(self.network.gan_share * batches)), batches - 1)
        return (
            self.scheduled("generator", self.game_batches),
            self.scheduled("discriminator", self.game_batches, self.network.ttur),
            self.scheduled("encoder", batches - self.game_batches),
        )
