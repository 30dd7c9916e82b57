"""The training of both networks, with an optimizer for each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from darkroom import registry
from darkroom.fit.config import Training
from darkroom.fit.task import Task, gradient_norm
from darkroom.generate.gan import penalties
from darkroom.generate.gan.diffaugment import augment
from darkroom.generate.gan.losses import accuracy, feature_matching

if TYPE_CHECKING:
    from darkroom.generate.gan.model import GAN


class GANTask(Task):
    """A batch is some steps of the discriminator, then one of the generator, then one of its average.

    Generated images have the labels of the batch's. The generator answers for the images that the discriminator saw last.
    """

    network: GAN
    players: tuple[str, ...] = ("generator", "discriminator")
    """The networks that have an optimizer, in the order of these."""

    def __init__(self, network: GAN, training: Training) -> None:
        super().__init__(network, training)
        self.automatic_optimization = False
        self.norms: dict[str, Tensor] = {}

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Both networks' steps on one batch; what is noted of the discriminator is of its last step."""
        model = self.network
        real, labels = batch[0] * 2 - 1, batch[1]
        for step in range(model.critic_steps):
            last = step == model.critic_steps - 1
            with torch.set_grad_enabled(last):
                fake = model.generator(model.noise(len(labels)), labels)
            values = self.discriminator_step(real, fake.detach(), labels)
        loss = self.generator_step(real, fake, labels)
        model.batches += 1
        model.average()
        self.pass_batch("generator", "discriminator")
        self.note({"loss": loss, "loss_generator": loss, **values}, len(labels))
        if self.followed:
            self.latest |= self.norms
        return loss.detach()

    def discriminator_step(self, real: Tensor, fake: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """One step on real and generated images in [-1, 1], (B, C, H, W) each: the loss and both accuracies."""
        model = self.network
        real, fake = (augment(images, model.diffaugment) for images in (real, fake))
        found = model.discriminator(torch.cat([real, fake]), labels.repeat(2))
        on_real, on_fake = found.score.chunk(2)
        loss = model.game.discriminator(on_real, on_fake)
        if found.logits is not None:
            loss = loss + 2 * F.cross_entropy(found.logits, labels.repeat(2))  # of real and of generated images
        if model.loss == "wasserstein_gp":
            shares = torch.rand(len(real), device=real.device)
            loss = loss + model.gradient_penalty * penalties.gradient_penalty(self.critic(labels), real, fake, shares)
        if model.r1 and int(model.batches) % model.r1_every == 0:
            loss = loss + model.r1 * model.r1_every * penalties.r1(self.critic(labels), real)
        self.move("discriminator", loss)
        if model.loss == "wasserstein":
            with torch.no_grad():
                for parameter in model.discriminator.parameters():
                    parameter.clamp_(-model.weight_clip, model.weight_clip)
        right_real, right_fake = accuracy(on_real, on_fake, model.loss)
        return {"loss_discriminator": loss, "accuracy_real": right_real, "accuracy_fake": right_fake}

    def generator_step(self, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        """One step on images in [-1, 1], of which the generated ones carry the generator's graph: the loss."""
        model = self.network
        with frozen(model.discriminator):
            found = model.discriminator(augment(fake, model.diffaugment), labels)
            loss = model.game.generator(found.score)
            if found.logits is not None:
                loss = loss + F.cross_entropy(found.logits, labels)
            if model.feature_matching:
                with torch.no_grad():
                    features = model.discriminator(augment(real, model.diffaugment), labels).features
                loss = loss + model.feature_matching * feature_matching(features, found.features)
            self.move("generator", loss)
        return loss

    def move(self, player: str, loss: Tensor) -> None:
        """A step of this player down its loss; keeps the norm of its gradient before it is clipped."""
        network: nn.Module = getattr(self.network, player)
        optimizer = cast(list[Any], self.optimizers())[self.players.index(player)]
        optimizer.zero_grad()
        self.manual_backward(loss)
        if self.followed:
            self.norms[f"gradient_norm_{player}"] = gradient_norm(network)
        if self.settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), self.settings.clip)
        optimizer.step()
        torch.clear_autocast_cache()  # it holds the weights from before the step

    def pass_batch(self, *players: str) -> None:
        """Move the learning rates of these players on by a batch."""
        for player in players:
            cast(list[LambdaLR], self.lr_schedulers())[self.players.index(player)].step()

    def critic(self, labels: Tensor) -> penalties.Critic:
        """The score of images of these labels."""
        return lambda images: self.network.discriminator(images, labels).score

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The discriminator's accuracy on held-out images: below that on training images once it knows those by heart."""
        model = self.network
        fake = model.generator(model.noise(len(labels)), labels)
        score = model.discriminator(torch.cat([images * 2 - 1, fake]), labels.repeat(2)).score
        on_real, on_fake = score.chunk(2)
        right_real, right_fake = accuracy(on_real, on_fake, model.loss)
        return {"accuracy_real": right_real, "accuracy_fake": right_fake}

    def configure_optimizers(self) -> Any:
        """The generator's optimizer, then the discriminator's, each with a schedule that training moves by batches."""
        batches = int(self.trainer.estimated_stepping_batches)
        return self.scheduled("generator", batches), self.scheduled("discriminator", batches, self.network.ttur)

    def scheduled(self, player: str, batches: int, rate: float = 1.0) -> dict[str, Any]:
        """The optimizer of a network at a factor on the learning rate, and its schedule over so many batches."""
        factor = registry.build(self.settings.schedule)
        optimizer = registry.build(self.settings.optimizer, getattr(self.network, player))
        for group in optimizer.param_groups:
            group["lr"] *= rate
        steps = max(1, batches - 1)
        schedule = LambdaLR(optimizer, lambda step: factor(min(1.0, step / steps)))
        return {"optimizer": optimizer, "lr_scheduler": schedule}


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Its parameters take no gradient meanwhile, though gradients pass through it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
