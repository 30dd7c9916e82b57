"""Training of f-AnoGAN: the GAN first, then the encoder on the remaining batches."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from darkroom.detect.methods.fanogan import EncodedGAN
from darkroom.generate.gan.task import GANTask, frozen


class EncodedGANTask(GANTask):
    """Trains generator and discriminator first, then the encoder alone on the remaining batches."""

    network: EncodedGAN
    players = (*GANTask.players, "encoder")

    @property
    def played(self) -> bool:
        """Whether the GAN's training is over."""
        return int(self.network.batches) >= self.game_batches

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Take a step of the GAN or of the encoder."""
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

    def configure_optimizers(self) -> Any:
        """Return the GAN's optimizers over its batches, at least one, and the encoder's over the rest."""
        batches = int(self.trainer.estimated_stepping_batches)
        self.game_batches = min(max(1, round(self.network.gan_share * batches)), batches - 1)
        return (
            self.scheduled("generator", self.game_batches),
            self.scheduled("discriminator", self.game_batches, self.network.ttur),
            self.scheduled("encoder", batches - self.game_batches),
        )
