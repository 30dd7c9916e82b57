"""Generative adversarial networks (Goodfellow et al. 2014): two networks, a choice of losses, and what keeps them stable."""

from __future__ import annotations

import copy
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from darkroom.fit.config import Training
from darkroom.generate.gan.losses import GAMES
from darkroom.generate.gan.networks import Conditioning, Discriminator, Generator
from darkroom.generate.gan.task import GANTask
from darkroom.generate.model import GenerativeModel
from darkroom.registry import register
from darkroom.settings import Count, NonNegative, Positive, Sampling, unique

CHUNK = 256
"""Images sampled at a time."""
CLIP, PENALTY = 0.01, 10.0
"""The papers' bound on a Wasserstein critic's weights, and weight of its gradient penalty."""


@register("generator", "gan")
class GAN(GenerativeModel):
    """Generative adversarial network: a generator and a discriminator, conditional on the class."""

    TRAINING = {
        "epochs": 20,
        "batch_size": 32,
        "optimizer": {"name": "adamw", "lr": 0.0015, "beta1": 0.0, "beta2": 0.99, "weight_decay": 0.0},
        "schedule": {"name": "cosine", "warmup": 0.05},
    }

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        latent: Annotated[Count, Field(description="numbers of noise an image is made from")] = 64,
        width: Annotated[Count, Field(description="channels of the first level, in both networks")] = 32,
        conditioning: Annotated[
            Literal["none", "concatenation", "projection", "auxiliary"] | None,
            Field(
                description="how the discriminator takes the class: an embedding beside its features, their inner "
                "product (Miyato & Koyama 2018), or as what it has to predict (AC-GAN). Left out: `projection` where "
                "images have labels, else `none`"
            ),
        ] = None,
        loss: Annotated[
            Literal["non_saturating", "hinge", "wasserstein", "wasserstein_gp"],
            Field(description="what both play for; `wasserstein` clips weights, `wasserstein_gp` penalises gradients"),
        ] = "hinge",
        weight_clip: Annotated[
            Positive | None, Field(description="largest weight of a `wasserstein` critic. Left out: 0.01")
        ] = None,
        gradient_penalty: Annotated[
            Positive | None, Field(description="weight of the penalty of `wasserstein_gp`. Left out: 10")
        ] = None,
        spectral_norm: Annotated[
            bool | None,
            Field(
                description="divide the discriminator's weights by their largest singular value (Miyato et al. 2018). "
                "Left out: yes unless the loss is a Wasserstein one"
            ),
        ] = None,
        feature_matching: Annotated[
            NonNegative, Field(description="weight of the distance between mean features in the generator's loss")
        ] = 0.0,
        r1: Annotated[
            NonNegative, Field(description="weight of half the squared gradient at real images (Mescheder et al. 2018)")
        ] = 0.0,
        r1_every: Annotated[
            Count, Field(description="R1 is taken every so many batches, and weighs as much more (Karras et al. 2020)")
        ] = 16,
        ttur: Annotated[
            Positive,
            Field(description="the discriminator's learning rate, a factor on training's (Heusel et al. 2017)"),
        ] = 2.0,
        critic_steps: Annotated[
            Count,
            Field(description="steps of the discriminator a batch, each against fresh noise; the generator has one"),
        ] = 1,
        ema: Annotated[
            float,
            Field(
                ge=0, lt=1, description="memory of the generator's average over steps, which samples come from; 0: none"
            ),
        ] = 0.995,
        truncation: Annotated[
            float,
            Field(
                gt=0,
                le=1,
                description="scale of the noise that samples come from: below 1, fewer images are odd, and fewer are rare "
                "(Brock et al. 2019)",
            ),
            Sampling(),
        ] = 0.8,
        diffaugment: Annotated[
            tuple[Literal["color", "translation", "cutout"], ...],
            AfterValidator(unique),
            Field(
                description="differentiable changes of all that the discriminator sees, for few images (Zhao et al. 2020)"
            ),
        ] = (),
    ) -> None:
        super().__init__()
        how = conditioning or ("projection" if classes else "none")
        _check(how, classes, loss, weight_clip=weight_clip, gradient_penalty=gradient_penalty)
        self.classes = 0 if how == "none" else classes
        self.latent, self.loss, self.game = latent, loss, GAMES[loss]
        self.weight_clip = weight_clip or CLIP
        self.gradient_penalty = gradient_penalty or PENALTY
        self.feature_matching, self.r1, self.r1_every = feature_matching, r1, r1_every
        self.ttur, self.critic_steps, self.ema, self.diffaugment = ttur, critic_steps, ema, diffaugment
        self.truncation = truncation
        spectral = not loss.startswith("wasserstein") if spectral_norm is None else spectral_norm
        self.generator = Generator(shape, self.classes, latent=latent, width=width)
        self.discriminator = Discriminator(shape, self.classes, conditioning=how, width=width, spectral=spectral)
        self.averaged = copy.deepcopy(self.generator).requires_grad_(False)
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    batches: Tensor
    """Training batches seen, ()."""

    def task(self, training: Training) -> GANTask:
        """The shell that trains both networks."""
        return GANTask(self, training)

    def noise(self, items: int, generator: torch.Generator | None = None) -> Tensor:
        """Standard normal noise (N, Z) on the model's device; from torch's global stream without a generator."""
        device = self.batches.device
        drawn = torch.randn(items, self.latent, generator=generator, device="cpu" if generator else device)
        return drawn.to(device)

    @torch.no_grad()
    def average(self) -> None:
        """Move the averaged generator towards the newest; at first faster, so that the early ones are forgotten."""
        seen = int(self.batches)
        share = 1 - min(self.ema, (1 + seen) / (10 + seen))
        for mean, new in zip(self.averaged.state_dict().values(), self.generator.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, share)
            else:
                mean.copy_(new)

    @torch.no_grad()
    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Images (N, C, H, W) in [0, 1] of the averaged generator."""
        noise = self.noise(len(labels), generator) * self.truncation
        parts = zip(noise.split(CHUNK), labels.to(noise.device).split(CHUNK), strict=True)
        with torch.autocast(noise.device.type, enabled=False):
            return torch.cat([(self.averaged(some, classes) + 1) / 2 for some, classes in parts])


def _check(
    conditioning: Conditioning, classes: int, loss: str, *, weight_clip: float | None, gradient_penalty: float | None
) -> None:
    """Raises ValueError for options that contradict each other or the data."""
    if conditioning != "none" and not classes:
        raise ValueError(
            f'generator.conditioning is "{conditioning}", but some training images have no label; '
            'leave it out or set "none"'
        )
    for name, value, meant in (
        ("weight_clip", weight_clip, "wasserstein"),
        ("gradient_penalty", gradient_penalty, "wasserstein_gp"),
    ):
        if value is not None and loss != meant:
            raise ValueError(
                f'generator.{name} is {value}, but generator.loss is "{loss}"; leave {name} out or set loss: {meant}'
            )
