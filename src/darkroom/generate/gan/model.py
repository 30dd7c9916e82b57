"""Generative adversarial networks (Goodfellow et al. 2014): the options, and how samples are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import torch
from pydantic import AfterValidator, Field
from torch import Tensor

from darkroom.fit.config import Training
from darkroom.generate.gan.game import AdversarialGame
from darkroom.generate.gan.networks import Conditioning, Discriminator, Generator
from darkroom.generate.model import GenerativeModel
from darkroom.generate.options import Sampling
from darkroom.registry import register
from darkroom.settings import Count, NonNegative, Positive, unique

if TYPE_CHECKING:
    from darkroom.generate.gan.task import GANTask

CHUNK = 256
"""Images per forward pass when sampling."""
CLIP, PENALTY = 0.01, 10.0
"""Largest weight of a Wasserstein critic (Arjovsky et al. 2017); weight of its gradient penalty (Gulrajani et al. 2017)."""


@register("generator", "gan")
class GAN(AdversarialGame, GenerativeModel):
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
        latent: Annotated[Count, Field(description="size of the noise vector")] = 64,
        width: Annotated[Count, Field(description="channels of the first level of both networks")] = 32,
        conditioning: Annotated[
            Literal["none", "concatenation", "projection", "auxiliary"] | None,
            Field(
                description="how the discriminator uses the class: an embedding concatenated to its features, their inner "
                "product (projection, Miyato & Koyama 2018), or a label it predicts (AC-GAN). Left out: `projection` if "
                "images have labels, else `none`"
            ),
        ] = None,
        loss: Annotated[
            Literal["non_saturating", "hinge", "wasserstein", "wasserstein_gp"],
            Field(description="adversarial loss; `wasserstein` clips weights, `wasserstein_gp` penalizes gradients"),
        ] = "hinge",
        weight_clip: Annotated[
            Positive | None, Field(description="largest absolute weight of a `wasserstein` critic. Left out: 0.01")
        ] = None,
        gradient_penalty: Annotated[
            Positive | None, Field(description="gradient penalty weight of `wasserstein_gp`. Left out: 10")
        ] = None,
        spectral_norm: Annotated[
            bool | None,
            Field(
                description="spectral normalization of the discriminator (Miyato et al. 2018). Left out: on, unless the "
                "loss is a Wasserstein one"
            ),
        ] = None,
        feature_matching: Annotated[
            NonNegative, Field(description="feature matching weight in the generator's loss (Salimans et al. 2016)")
        ] = 0.0,
        r1: Annotated[NonNegative, Field(description="R1 gradient penalty weight (Mescheder et al. 2018)")] = 0.0,
        r1_every: Annotated[
            Count,
            Field(
                description="batches between two R1 penalties, each weighted as many times (lazy, Karras et al. 2020)"
            ),
        ] = 16,
        ttur: Annotated[
            Positive,
            Field(
                description="discriminator learning rate as a multiple of the generator's (TTUR, Heusel et al. 2017)"
            ),
        ] = 2.0,
        critic_steps: Annotated[
            Count,
            Field(description="discriminator updates per batch, each with fresh noise; the generator takes one"),
        ] = 1,
        ema: Annotated[
            float,
            Field(
                ge=0, lt=1, description="EMA decay of the generator that samples are drawn from; 0 turns averaging off"
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
                description="differentiable augmentation of all images the discriminator sees, for small data sets "
                "(Zhao et al. 2020)"
            ),
        ] = (),
    ) -> None:
        how = conditioning or ("projection" if classes else "none")
        _check(how, classes, loss, weight_clip=weight_clip, gradient_penalty=gradient_penalty)
        known = 0 if how == "none" else classes
        spectral = not loss.startswith("wasserstein") if spectral_norm is None else spectral_norm
        super().__init__(
            Generator(shape, known, latent=latent, width=width),
            Discriminator(shape, known, conditioning=how, width=width, spectral=spectral),
            latent=latent,
            loss=loss,
            gradient_penalty=gradient_penalty or PENALTY,
            feature_matching=feature_matching,
            r1=r1,
            r1_every=r1_every,
            diffaugment=diffaugment,
            critic_steps=critic_steps,
            ttur=ttur,
            weight_clip=(weight_clip or CLIP) if loss == "wasserstein" else None,
            ema=ema,
        )
        self.classes, self.truncation = known, truncation

    def task(self, training: Training) -> GANTask:
        """Return the task that trains both networks."""
        from darkroom.generate.gan.task import GANTask

        return GANTask(self, training)

    @torch.no_grad()
    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Draw images (N, C, H, W) in [0, 1] from the averaged generator."""
        noise = self.noise(len(labels), generator) * self.truncation
        parts = zip(noise.split(CHUNK), labels.to(noise.device).split(CHUNK), strict=True)
        with torch.autocast(noise.device.type, enabled=False):
            return torch.cat([(self.averaged(some, classes) + 1) / 2 for some, classes in parts])


def _check(
    conditioning: Conditioning, classes: int, loss: str, *, weight_clip: float | None, gradient_penalty: float | None
) -> None:
    """Raise ValueError for options that contradict each other or the data."""
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
