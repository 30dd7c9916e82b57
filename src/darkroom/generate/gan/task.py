"""Adversarial training: one optimizer for each player."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from darkroom.fit.config import Training
from darkroom.fit.task import Optimized, Task
from darkroom.generate.gan.game import AdversarialGame


class GANTask(Task):
    """Updates the discriminator on every batch, and the generator and its moving average on every `critic_steps`-th.

    So every discriminator update sees a fresh batch and fresh noise, as in Arjovsky et al. 2017; the generator's first
    update comes with the first batch. Generated images get the labels of the batch, and the generator is updated on the
    images that the discriminator just saw. Batches without a generator update record no `loss` and no `loss_generator`.
    """

    network: AdversarialGame
    manual = True
    players: tuple[str, ...] = ("generator", "discriminator")
    """The networks that have an optimizer, in the order of the optimizers."""

    def __init__(self, network: AdversarialGame, training: Training) -> None:
        super().__init__(network, training)
        self.norms: dict[str, Tensor] = {}

    def training_step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Update the discriminator, and the generator if it is its turn."""
        game = self.network
        real = images * 2 - 1
        both = int(game.batches) % game.critic_steps == 0
        self.norms.clear()
        with torch.set_grad_enabled(both):
            fake = game.generator(game.noise(len(labels)), labels)
        found = game.discriminator_loss(real, fake.detach(), labels)
        self.move("discriminator", found.loss)
        self.clip_weights()
        values = {
            "loss_discriminator": found.loss,
            "accuracy_real": found.accuracy_real,
            "accuracy_fake": found.accuracy_fake,
        }
        if both:
            with frozen(game.discriminator):
                loss = game.generator_loss(real, fake, labels)
                self.move("generator", loss)
            game.averaged.update_parameters(game.generator)
            values = {"loss": loss, "loss_generator": loss} | values
        game.batches += 1
        self.pass_batch("generator", "discriminator")
        self.note(values, len(labels))
        self.latest |= self.norms
        return found.loss.detach()

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
        norm = self.complete_gradients(network)
        if norm is not None:
            self.norms[f"gradient_norm_{player}"] = norm
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
