"""Denoising diffusion (Ho et al. 2020), class-conditional and small enough to train on a CPU: options and sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from darkroom.fit.config import Training
from darkroom.fit.precision import autocast, resolve
from darkroom.generate.diffusion.noise_schedule import NoiseSchedule
from darkroom.generate.diffusion.process import DiffusionProcess
from darkroom.generate.diffusion.samplers import DDIM, SAMPLERS, Sampler
from darkroom.generate.model import GenerativeModel
from darkroom.generate.options import Sampling
from darkroom.nets.noised_classifier import NoisedClassifier
from darkroom.nets.unet import Denoiser
from darkroom.registry import register
from darkroom.settings import Count, NonNegative, Positive, Probability

if TYPE_CHECKING:
    from darkroom.generate.diffusion.task import DiffusionTask

CHUNK = 256
"""Images per batch when sampling."""


@register("generator", "diffusion")
class Diffusion(DiffusionProcess, GenerativeModel):
    """Denoising diffusion model: removes noise step by step, guided towards a class."""

    denoiser: Denoiser
    TRAINING = {
        "epochs": 10,
        "batch_size": 32,
        "optimizer": {"lr": 0.003},
        "schedule": {"warmup": 0.15, "cycle_momentum": False},
        "clip": 1.0,
    }
    REFUSES = {"swa": "it keeps a moving average of the weights already"}

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        noise_schedule: Annotated[
            Literal["linear", "cosine"], Field(description="noise schedule: how noise grows with the time step")
        ] = "cosine",
        noise_steps: Annotated[
            Annotated[int, Field(ge=2)], Field(description="time steps between image and noise")
        ] = 1000,
        prediction: Annotated[
            Literal["epsilon", "x0", "v"],
            Field(
                description="prediction target: the noise, the image (cleanest samples after short trainings), or the "
                "velocity"
            ),
        ] = "x0",
        min_snr: Annotated[
            Positive | None,
            Field(
                description="gamma of min-SNR loss weighting (5 in the paper), which favors detail over layout; null weights "
                "all time steps equally, which suits short trainings"
            ),
        ] = None,
        patch: Annotated[Literal[1, 2, 4], Field(description="patch size; 1 works on pixels")] = 2,
        width: Annotated[
            Count, Field(multiple_of=8, description="channels of the first level; doubles per level")
        ] = 32,
        levels: Annotated[Count, Field(le=5, description="resolution levels of the U-Net; each halves the image")] = 2,
        blocks: Annotated[Count, Field(description="residual blocks per level; one more per level on the way up")] = 1,
        dropout: Annotated[float, Field(ge=0, lt=1, description="dropout probability in each residual block")] = 0.0,
        ema: Annotated[
            float,
            Field(
                ge=0,
                le=0.5,
                description="mean age of the moving average of the weights, as a fraction of the steps so far; 0 turns "
                "averaging off",
            ),
        ] = 0.05,
        guidance: Annotated[
            NonNegative,
            Field(description="guidance weight: 1 is neutral, more trades variety for clearer classes"),
            Sampling(),
        ] = 2.0,
        guidance_by: Annotated[
            Literal["classifier_free", "classifier"],
            Field(
                description="source of guidance: the difference of a denoiser with and without the label, or a classifier of "
                "noised images trained beside an unconditional denoiser"
            ),
        ] = "classifier_free",
        label_dropout: Annotated[
            Probability, Field(description="fraction of labels hidden in training, for classifier-free guidance")
        ] = 0.1,
        sampler: Annotated[
            Literal["ancestral", "ddim", "dpm_solver"], Field(description="sampling algorithm"), Sampling()
        ] = "dpm_solver",
        steps: Annotated[Count, Field(description="sampling steps, at most `noise_steps`"), Sampling()] = 20,
        eta: Annotated[
            Probability, Field(description="noise that DDIM adds: 0 is deterministic, 1 is ancestral"), Sampling()
        ] = 0.0,
        clip_x0: Annotated[bool, Field(description="clip each predicted image to the valid range"), Sampling()] = True,
    ) -> None:
        widths = [width * 2**level for level in range(levels)]
        guided = classes > 0 and guidance_by == "classifier"
        denoiser = Denoiser(
            shape[0],
            classes=classes + 1 if classes and not guided else 0,  # the last one is the null label
            patch=patch,
            widths=widths,
            blocks=blocks,
            dropout=dropout,
        )
        super().__init__(
            denoiser,
            NoiseSchedule(noise_schedule, noise_steps),
            classes=classes,
            classifier=NoisedClassifier(shape[0], classes, patch=patch, widths=widths) if guided else None,
            prediction=prediction,
            min_snr=min_snr,
            ema=ema,
            guidance=guidance,
            label_dropout=label_dropout,
        )
        self.shape = shape
        self.sampler, self.steps, self.eta, self.clip_x0 = sampler, min(steps, noise_steps), eta, clip_x0

    def task(self, training: Training) -> DiffusionTask:
        """Return the task that trains it; `denoiser` becomes the moving average of the trained weights."""
        from darkroom.generate.diffusion.task import DiffusionTask

        return DiffusionTask(self, training)

    def neutral(self) -> dict[str, Any]:
        """Return guidance 1 for a conditional model guided otherwise."""
        return {"guidance": 1.0} if self.classes and self.guidance != 1 else {}

    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Draw images (N, C, H, W) in [0, 1] of classes (N,), with the configured sampler and number of steps."""
        return self.sample_with(labels, generator, steps=self.steps)

    @torch.no_grad()
    def sample_with(
        self, labels: Tensor, generator: torch.Generator, *, steps: int, sampler: str | None = None
    ) -> Tensor:
        """Draw as `sample` does, with another number of steps or another sampler: `ancestral`, `ddim` or `dpm_solver`.

        Each image has its own generator, seeded from `generator`, so it does not depend on the others in its batch.
        """
        seeds = torch.randint(2**62, (len(labels),), generator=generator).tolist()
        parts = [
            self._draw(labels[at : at + CHUNK], seeds[at : at + CHUNK], self.sampling(steps, sampler))
            for at in range(0, len(labels), CHUNK)
        ]
        return torch.cat(parts)

    def sampling(self, steps: int, sampler: str | None = None) -> Sampler:
        """Return a sampler for one batch. Raises ValueError for an unknown one, or more steps than the noise schedule has."""
        name = self.sampler if sampler is None else sampler
        if name not in SAMPLERS:
            raise ValueError(f'unknown sampler "{name}"; expected one of {", ".join(SAMPLERS)}')
        own = {"eta": self.eta} if SAMPLERS[name] is DDIM else {}
        return SAMPLERS[name](self.schedule, steps, prediction=self.prediction, clip=self.clip_x0, **own)

    def _draw(self, labels: Tensor, seeds: list[int], sampler: Sampler) -> Tensor:
        device = self.schedule.alpha_bar.device
        labels, generators = labels.to(device), [torch.Generator().manual_seed(seed) for seed in seeds]
        noisy = noise_of(generators, self.shape, device)
        with autocast(device, resolve("auto")):
            for index, time in enumerate(sampler.times):
                predicted = self.predict(noisy, time.expand(len(labels)), labels)
                noisy = sampler.step(predicted, index, noisy, lambda: noise_of(generators, self.shape, device))
        return (noisy.clamp(-1, 1) + 1) / 2


def noise_of(generators: list[torch.Generator], shape: tuple[int, int, int], device: torch.device) -> Tensor:
    """Draw standard normal noise (B, C, H, W), each image from its own generator."""
    return torch.stack([torch.randn(shape, generator=generator) for generator in generators]).to(device)
