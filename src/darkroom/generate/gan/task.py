"""Adversarial training: one optimizer for each player."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from darkroom import registry
from darkroom.fit.config import Training
from darkroom.fit.task import Task, gradient_norm
from darkroom.generate.gan.game import AdversarialGame


class GANTask(Task):
    """Updates the discriminator `critic_steps` times per batch, then the generator once, then its moving average.

    Generated images get the labels of the batch. The generator is updated on the images that the discriminator saw last.
    """

    network: AdversarialGame
    players: tuple[str, ...] = ("generator", "discriminator")
    """The networks that have an optimizer, in the order of the optimizers."""

    def __init__(self, network: AdversarialGame, training: Training) -> None:
        super().__init__(network, training)
        self.automatic_optimization = False
        self.norms: dict[str, Tensor] = {}

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Update both networks on one batch; the discriminator's scalars are those of its last update."""
        game = self.network
        real, labels = batch[0] * 2 - 1, batch[1]
        for step in range(game.critic_steps):
            last = step == game.critic_steps - 1
            with torch.set_grad_enabled(last):
                fake = game.generator(game.noise(len(labels)), labels)
            found = game.discriminator_loss(real, fake.detach(), labels)
            self.move("discriminator", found.loss)
            self.clip_weights()
        with frozen(game.discriminator):
            loss = game.generator_loss(real, fake, labels)
            self.move("generator", loss)
        game.batches += 1
        game.averaged.update_parameters(game.generator)
        self.pass_batch("generator", "discriminator")
        values = {"loss": loss, "loss_generator": loss, "loss_discriminator": found.loss}
        self.note(values | {"accuracy_real": found.accuracy_real, "accuracy_fake": found.accuracy_fake}, len(labels))
        if self.followed:
            self.latest |= self.norms
        return loss.detach()

    @torch.no_grad()
    def clip_weights(self) -> None:
        """Clamp the critic's weights, where the loss bounds them so (Arjovsky et al. 2017)."""
        if (largest := self.network.weight_clip) is not None:
            for parameter in self.network.discriminator.parameters():
                parameter.clamp_(-largest, largest)

    def move(self, player: str, loss: Tensor) -> None:
        """Take one optimizer step for this player; keeps its gradient norm before clipping."""
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
        """Advance the learning-rate schedules of these players by one batch."""
        for player in players:
            cast(list[LambdaLR], self.lr_schedulers())[self.players.index(player)].step()

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the discriminator's accuracy on held-out images."""
        return self.network.held_out_accuracy(images * 2 - 1, labels)

    def configure_optimizers(self) -> Any:
        """Return the optimizers of generator and discriminator, each with a schedule that advances batch by batch."""
        batches = int(self.trainer.estimated_stepping_batches)
        return self.scheduled("generator", batches), self.scheduled("discriminator", batches, self.network.ttur)

    def scheduled(self, player: str, batches: int, rate: float = 1.0) -> dict[str, Any]:
        """Return a player's optimizer, its learning rate multiplied by `rate`, and its schedule over `batches` batches."""
        factor = registry.build(self.settings.schedule)
        optimizer = registry.build(self.settings.optimizer, getattr(self.network, player))
        for group in optimizer.param_groups:
            group["lr"] *= rate
        steps = max(1, batches - 1)
        schedule = LambdaLR(optimizer, lambda step: factor(min(1.0, step / steps)))
        return {"optimizer": optimizer, "lr_scheduler": schedule}


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Take no gradients for a network's parameters, while gradients still pass through it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
