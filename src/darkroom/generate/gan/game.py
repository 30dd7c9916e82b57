"""The adversarial game: a generator, a discriminator, and the loss that each minimizes on a batch.

Plain torch: optimizers and the order of updates are the training task's. Images are (B, C, H, W) in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from darkroom.generate.gan import penalties
from darkroom.generate.gan.diffaugment import Change, augment
from darkroom.generate.gan.losses import GAMES, Loss, accuracy, feature_matching


class DiscriminatorLoss(NamedTuple):
    """One discriminator loss and the discriminator's accuracy on both halves of the batch, all ()."""

    loss: Tensor
    accuracy_real: Tensor
    accuracy_fake: Tensor


class AdversarialGame(nn.Module):
    """Two players and their losses, with the interfaces of `networks.Generator` and `networks.Discriminator`.

    `averaged` is the moving average of the generator that samples are drawn from. `loss` names the pair of losses;
    `gradient_penalty`, `feature_matching` and `r1` are weights, and R1 is added on every `r1_every`-th batch, weighted
    `r1_every` times as much (lazy regularization, Karras et al. 2020; in the same update as the loss, so that optimizers need
    no correction). The task reads `critic_steps`, the discriminator
    updates per generator update, and `ttur` and `weight_clip`, the discriminator's learning rate and largest weight.
    """

    batches: Tensor
    """Training batches seen, ()."""

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        latent: int,
        loss: Loss,
        gradient_penalty: float,
        feature_matching: float,
        r1: float,
        r1_every: int,
        diffaugment: Sequence[Change],
        critic_steps: int,
        ttur: float,
        weight_clip: float | None,
        ema: float,
    ) -> None:
        super().__init__()
        self.latent, self.loss = latent, loss
        self.gradient_penalty, self.feature_matching = gradient_penalty, feature_matching
        self.r1, self.r1_every, self.diffaugment = r1, r1_every, diffaugment
        self.critic_steps, self.ttur, self.weight_clip = critic_steps, ttur, weight_clip
        self.generator, self.discriminator = generator, discriminator
        self.averaged = AveragedModel(generator, multi_avg_fn=WarmedUpEMA(ema), use_buffers=True).requires_grad_(False)
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    def noise(self, items: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw standard normal noise (N, Z) on the model's device; without a generator, from torch's global stream."""
        device = self.batches.device
        drawn = torch.randn(items, self.latent, generator=generator, device="cpu" if generator else device)
        return drawn.to(device)

    def discriminator_loss(self, real: Tensor, fake: Tensor, labels: Tensor) -> DiscriminatorLoss:
        """Return the discriminator's loss on a real and a generated batch of the same labels (B,).

        With augmentation, R1 is the gradient at the real images through the augmentation (StyleGAN2-ADA, Karras
        et al. 2020), and the
        gradient penalty is taken between augmented images, whose distributions the critic compares.
        """
        shown_real, shown_fake = (augment(images, self.diffaugment) for images in (real, fake))
        found = self.discriminator(torch.cat([shown_real, shown_fake]), labels.repeat(2))
        on_real, on_fake = found.score.chunk(2)
        loss = GAMES[self.loss].discriminator(on_real, on_fake)
        if found.logits is not None:
            loss = loss + 2 * F.cross_entropy(found.logits, labels.repeat(2))  # one for each half of the batch
        if self.loss == "wasserstein_gp":
            shares = torch.rand(len(real), device=real.device)
            loss = loss + self.gradient_penalty * penalties.gradient_penalty(
                self.critic(labels), shown_real, shown_fake, shares
            )
        if self.r1 and int(self.batches) % self.r1_every == 0:
            score = self.critic(labels)
            at_real = penalties.r1(lambda images: score(augment(images, self.diffaugment)), real)
            loss = loss + self.r1 * self.r1_every * at_real
        return DiscriminatorLoss(loss, *accuracy(on_real, on_fake, self.loss))

    def generator_loss(self, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        """Return the generator's loss () on its own images `fake`, which carry its graph; `real` is for feature matching."""
        found = self.discriminator(augment(fake, self.diffaugment), labels)
        loss = GAMES[self.loss].generator(found.score)
        if found.logits is not None:
            loss = loss + F.cross_entropy(found.logits, labels)
        if self.feature_matching:
            with torch.no_grad():
                features = self.discriminator(augment(real, self.diffaugment), labels).features
            loss = loss + self.feature_matching * feature_matching(features, found.features)
        return loss

    def critic(self, labels: Tensor) -> penalties.Critic:
        """Return the score as a function of images of these labels."""
        return lambda images: self.discriminator(images, labels).score

    def held_out_accuracy(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the discriminator's accuracy on held-out images; it falls below that in training as it overfits."""
        fake = self.generator(self.noise(len(labels)), labels)
        score = self.discriminator(torch.cat([images, fake]), labels.repeat(2)).score
        on_real, on_fake = score.chunk(2)
        right_real, right_fake = accuracy(on_real, on_fake, self.loss)
        return {"accuracy_real": right_real, "accuracy_fake": right_fake}


class WarmedUpEMA:
    """Exponential moving average whose decay after t updates is min(`decay`, (1 + t) / (10 + t)), for `AveragedModel`.

    The lower decay at the start forgets the first weights sooner (TensorFlow's `num_updates`); at decay 0 the average is the
    newest weights.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay

    @torch.no_grad()
    def __call__(self, averaged: Sequence[Tensor], newest: Sequence[Tensor], updates: Tensor | int) -> None:
        seen = int(updates) + 1
        share = 1 - min(self.decay, (1 + seen) / (10 + seen))
        for mean, new in zip(averaged, newest, strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, share)
            else:
                mean.copy_(new)  # a counter
