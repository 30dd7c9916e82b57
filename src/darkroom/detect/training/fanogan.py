"""Training of f-AnoGAN: the GAN first, then the encoder on the remaining batches."""

from __future__ import annotations

from torch import Tensor

from darkroom.detect.methods.fanogan import EncodedGAN
from darkroom.fit.task import Optimized
from darkroom.generate.gan.task import GANTask, frozen


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
