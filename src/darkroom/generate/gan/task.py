"""Adversarial training: one optimizer for each player."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from darkroom.fit.config import Training
from darkroom.fit.task import Optimized, Task, gradient_norm
from darkroom.generate.gan.game import AdversarialGame


class GANTask(Task):
    """Updates the discriminator `critic_steps` times per batch, then the generator once, then its moving average.

    Generated images get the labels of the batch. The generator is updated on the images that the discriminator saw last.
    """

    network: AdversarialGame
    manual = True
    players: tuple[str, ...] = ("generator", "discriminator")
    """The networks that have an optimizer, in the order of the optimizers."""

    def __init__(self, network: AdversarialGame, training: Training) -> None:
        super().__init__(network, training)
        self.norms: dict[str, Tensor] = {}

    def training_step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Update both networks on one batch; the discriminator's scalars are those of its last update."""
        game = self.network
        real = images * 2 - 1
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
        optimizer = self.optimized[self.players.index(player)].optimizer
        optimizer.zero_grad()
        loss.backward()
        if self.followed:
            self.norms[f"gradient_norm_{player}"] = gradient_norm(network)
        if self.settings.clip is not None:
            torch.nn.utils.clip_grad_norm_(network.parameters(), self.settings.clip)
        optimizer.step()
        torch.clear_autocast_cache()  # it holds the weights from before the step

    def pass_batch(self, *players: str) -> None:
        """Advance the learning-rate schedules of these players by one batch."""
        for player in players:
            self.optimized[self.players.index(player)].schedule.step()

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the discriminator's accuracy on held-out images."""
        return self.network.held_out_accuracy(images * 2 - 1, labels)

    def optimizers(self) -> list[Optimized]:
        """Build the generator's optimizer, then the discriminator's."""
        game = self.network
        return [
            self.scheduled(game.generator, self.steps),
            self.scheduled(game.discriminator, self.steps, rate=game.ttur),
        ]


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Take no gradients for a network's parameters, while gradients still pass through it."""
    network.requires_grad_(False)
    try:
        yield
    finally:
        network.requires_grad_(True)
