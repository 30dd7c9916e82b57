"""The library's adversarial game between two small perceptrons, on points instead of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from darkroom.generate.gan.game import AdversarialGame
from darkroom.generate.gan.losses import Loss
from darkroom.generate.gan.networks import Judgement
from darkroom.generate.gan.task import frozen
from darkroom.randomness import derive
from darkroom.study import toys

Floats = NDArray[np.float64]
LATENT, WIDTH, LEAK = 8, 64, 0.2


class PointGenerator(nn.Module):
    """Map noise (B, Z) to points, in the shape of images (B, D, 1, 1)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(LATENT, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, size)
        )

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        points: Tensor = self.body(noise)
        return points[..., None, None]


class PointDiscriminator(nn.Module):
    """Map points (B, D, 1, 1) to scores; its last hidden layer is what feature matching compares."""

    def __init__(self, size: int, *, spectral: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(size, WIDTH), nn.LeakyReLU(LEAK), nn.Linear(WIDTH, WIDTH), nn.LeakyReLU(LEAK)
        )
        self.score = nn.Linear(WIDTH, 1)
        if spectral:
            for layer in [m for m in self.modules() if isinstance(m, nn.Linear)]:
                spectral_norm(layer)

    def forward(self, images: Tensor, labels: Tensor) -> Judgement:
        features = self.body(images.flatten(1))
        return Judgement(self.score(features).squeeze(1), features, None)


Draw = Callable[[int, torch.Generator], Tensor]
"""Returns that many real points (N, D)."""


@dataclass(frozen=True)
class Rules:
    """How a game is played: the weights and rates that stabilizers change."""

    loss: Loss = "non_saturating"
    feature_matching: float = 0.0
    spectral: bool = False
    gradient_penalty: float = 0.0
    critic_steps: int = 1
    ratio: float = 1.0
    """Learning rate of the discriminator as a multiple of the generator's."""


def play(draw: Draw, size: int, rules: Rules, *, updates: int, lr: float, batch: int, seed: int) -> AdversarialGame:
    """Play with Adam for a number of discriminator updates, as the library's GANTask does."""
    with toys.seeded(seed):
        game = AdversarialGame(
            PointGenerator(size),
            PointDiscriminator(size, spectral=rules.spectral),
            latent=LATENT,
            loss=rules.loss,
            gradient_penalty=rules.gradient_penalty,
            feature_matching=rules.feature_matching,
            r1=0.0,
            r1_every=1,
            diffaugment=(),
            critic_steps=rules.critic_steps,
            ttur=rules.ratio,
            weight_clip=None,
            ema=0.0,
        )
    first, second = (
        torch.optim.Adam(player.parameters(), lr=rate, betas=(0.5, 0.999))
        for player, rate in ((game.generator, lr), (game.discriminator, lr * rules.ratio))
    )
    draws, labels = torch.Generator().manual_seed(derive(seed, "batches")), torch.zeros(batch, dtype=torch.int64)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, "shares"))  # of the gradient penalty
        for update in range(updates):
            real = draw(batch, draws)[..., None, None]
            fake = game.generator(game.noise(batch, draws), labels)
            _step(second, game.discriminator_loss(real, fake.detach(), labels).loss)
            if update % rules.critic_steps == 0:
                with frozen(game.discriminator):
                    _step(first, game.generator_loss(real, fake, labels))
            game.batches += 1
    return game.eval()


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@torch.inference_mode()
def made(game: AdversarialGame, count: int, *, seed: int) -> Floats:
    """Return generated points (N, D)."""
    noise = game.noise(count, torch.Generator().manual_seed(derive(seed, "samples")))
    found: Floats = game.generator(noise, torch.zeros(count, dtype=torch.int64)).flatten(1).double().numpy()
    return found


@torch.inference_mode()
def believed(game: AdversarialGame, points: Floats) -> Floats:
    """Return the discriminator's probability (N,) that points (N, D) are real."""
    given = torch.from_numpy(points).float()[..., None, None]
    score = game.discriminator(given, torch.zeros(len(points), dtype=torch.int64)).score
    found: Floats = score.sigmoid().double().numpy()
    return found
