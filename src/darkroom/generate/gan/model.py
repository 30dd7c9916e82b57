"""Generative adversarial networks (Goodfellow et al. 2014): the options, and how samples are drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn

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
CRITIC_STEPS = 5
"""Critic updates per generator update in both papers."""


@register("generator", "gan")
class GAN(AdversarialGame, GenerativeModel):
    """Generative adversarial network: a generator and a discriminator, conditional on the class."""

    TRAINING = {
        "epochs": 20,
        "batch_size": 32,
        "optimizer": {"name": "adamw", "lr": 0.0015, "beta1": 0.0, "beta2": 0.99, "weight_decay": 0.0},
        "schedule": {"name": "cosine", "warmup": 0.05},
    }
    REFUSES = {
        "patience": "its losses do not tell how good its samples are",
        "schedule": "its losses do not tell how good its samples are",
        "swa": "it keeps a moving average of the generator already",
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
            Count | None,
            Field(
                description="discriminator updates per generator update, each on a fresh batch: the generator is updated on "
                "every such batch only. Left out: 5 for the Wasserstein losses, else 1"
            ),
        ] = None,
        ema: Annotated[
            float,
            Field(
                ge=0, lt=1, description="EMA decay of the generator that samples are drawn from; 0 turns averaging off"
            ),
        ] = 0.995,
        truncation: Annotated[
            Positive | None,
            Field(
                description="redraw noise values beyond ±truncation when sampling (truncation trick, Brock et al. 2019): "
                "less gives more typical images and less variety. Left out: no truncation"
            ),
            Sampling(),
        ] = None,
        temperature: Annotated[
            float,
            Field(
                gt=0, le=1, description="standard deviation of the noise when sampling; less trades variety likewise"
            ),
            Sampling(),
        ] = 1.0,
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
        spectral = not loss.startswith("wasserstein") if spectral_norm is None else spectral_norm
        _check(how, classes, loss, spectral=spectral, weight_clip=weight_clip, gradient_penalty=gradient_penalty)
        known = 0 if how == "none" else classes
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
            critic_steps=critic_steps or (CRITIC_STEPS if loss.startswith("wasserstein") else 1),
            ttur=ttur,
            weight_clip=(weight_clip or CLIP) if loss == "wasserstein" else None,
            ema=ema,
        )
        self.classes, self.truncation, self.temperature = known, truncation, temperature

    def task(self, training: Training) -> GANTask:
        """Return the task that trains both networks."""
        from darkroom.generate.gan.task import GANTask

        return GANTask(self, training)

    def neutral(self) -> dict[str, Any]:
        """Return those of no truncation and a temperature of 1 that the options do not say already."""
        plain: dict[str, Any] = {"truncation": None, "temperature": 1.0}
        return {name: value for name, value in plain.items() if getattr(self, name) != value}

    def truncated(self, items: int, generator: torch.Generator) -> Tensor:
        """Draw standard normal noise (N, Z) of values within ±truncation.

        By the inverse of the distribution function: the same distribution as redrawing every value beyond.
        """
        assert self.truncation is not None
        drawn = torch.empty(items, self.latent)
        nn.init.trunc_normal_(drawn, a=-self.truncation, b=self.truncation, generator=generator)
        return drawn.to(self.batches.device)

    @torch.no_grad()
    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Draw images (N, C, H, W) in [0, 1] from the averaged generator, from truncated noise times `temperature`."""
        noise = (
            self.noise(len(labels), generator) if self.truncation is None else self.truncated(len(labels), generator)
        )
        noise = noise * self.temperature
        parts = zip(noise.split(CHUNK), labels.to(noise.device).split(CHUNK), strict=True)
        with torch.autocast(noise.device.type, enabled=False):
            return torch.cat([(self.averaged(some, classes) + 1) / 2 for some, classes in parts])


def _check(
    conditioning: Conditioning,
    classes: int,
    loss: str,
    *,
    spectral: bool,
    weight_clip: float | None,
    gradient_penalty: float | None,
) -> None:
    """Raise ValueError for options that contradict each other or the data."""
    if conditioning != "none" and not classes:
        raise ValueError(
            f'generator.conditioning is "{conditioning}", but some training images have no label; '
            'leave it out or set "none"'
        )
    if spectral and loss == "wasserstein":
        raise ValueError(
            'generator.spectral_norm is true, but generator.loss is "wasserstein", which clips the weights before they are '
            "normalized, so that neither bound holds; leave spectral_norm out or set loss: wasserstein_gp"
        )
    for name, value, meant in (
        ("weight_clip", weight_clip, "wasserstein"),
        ("gradient_penalty", gradient_penalty, "wasserstein_gp"),
    ):
        if value is not None and loss != meant:
            raise ValueError(
                f'generator.{name} is {value}, but generator.loss is "{loss}"; leave {name} out or set loss: {meant}'
            )
