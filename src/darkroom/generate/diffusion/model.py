"""Denoising diffusion (Ho et al. 2020), conditional on the class, small enough to be trained on a processor.

The noise schedule, the samplers, guidance and the network live in files of their own; here they come together.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from darkroom.fit.config import Training
from darkroom.fit.precision import autocast, resolve
from darkroom.generate.diffusion.guidance import by_classifier, classifier_free, log_probability_gradient
from darkroom.generate.diffusion.noise_schedule import NoiseSchedule
from darkroom.generate.diffusion.samplers import DDIM, SAMPLERS, Sampler
from darkroom.generate.diffusion.task import DiffusionTask
from darkroom.generate.model import GenerativeModel
from darkroom.nets.noised_classifier import NoisedClassifier
from darkroom.nets.unet import Denoiser
from darkroom.registry import register
from darkroom.settings import Count, NonNegative, Positive, Probability, Sampling

CHUNK = 256
"""Images sampled at a time."""


@register("generator", "diffusion")
class Diffusion(GenerativeModel):
    """Denoising diffusion: a network that takes noise off images, step by step, with guidance towards a class."""

    TRAINING = {"epochs": 10, "batch_size": 32, "optimizer": {"lr": 0.003}, "schedule": {"warmup": 0.15}, "clip": 1.0}

    def __init__(
        self,
        shape: tuple[int, int, int],
        classes: int,
        *,
        noise_schedule: Annotated[
            Literal["linear", "cosine"], Field(description="how noise grows with the time step")
        ] = "cosine",
        noise_steps: Annotated[Annotated[int, Field(ge=2)], Field(description="time steps from image to noise")] = 1000,
        prediction: Annotated[
            Literal["epsilon", "x0", "v"],
            Field(
                description="what the network predicts: the noise, the image (the cleanest samples after short trainings), or "
                "the velocity between them"
            ),
        ] = "x0",
        min_snr: Annotated[
            Positive | None,
            Field(
                description="gamma of min-SNR weighting of the time steps (5 in the paper), which favours detail over "
                "layout; null weighs the errors of all steps alike, which serves short trainings"
            ),
        ] = None,
        patch: Annotated[
            Literal[1, 2, 4], Field(description="side of the squares that images are cut into; 1 works on every pixel")
        ] = 2,
        width: Annotated[Count, Field(multiple_of=8, description="channels of the first level; doubled at each")] = 32,
        levels: Annotated[Count, Field(le=5, description="levels of the network; each halves the image")] = 2,
        blocks: Annotated[Count, Field(description="residual blocks a level; one more on the way up")] = 1,
        dropout: Annotated[
            float, Field(ge=0, lt=1, description="share of features dropped in each residual block")
        ] = 0.0,
        ema: Annotated[
            float,
            Field(
                ge=0, le=0.5, description="mean age of the averaged weights, a share of the steps so far; 0 for none"
            ),
        ] = 0.05,
        guidance: Annotated[
            NonNegative,
            Field(description="how much samples are drawn to their class; 1 as the data, more is clearer"),
            Sampling(),
        ] = 2.0,
        guidance_by: Annotated[
            Literal["classifier_free", "classifier"],
            Field(
                description="where guidance comes from: a denoiser that knows the labels, or one that does not and a "
                "classifier of noised images trained beside it"
            ),
        ] = "classifier_free",
        label_dropout: Annotated[
            Probability, Field(description="share of labels hidden in training, for classifier-free guidance")
        ] = 0.1,
        sampler: Annotated[
            Literal["ancestral", "ddim", "dpm_solver"], Field(description="how samples are drawn"), Sampling()
        ] = "dpm_solver",
        steps: Annotated[
            Count, Field(description="steps of the sampler, never more than `noise_steps`"), Sampling()
        ] = 20,
        eta: Annotated[
            Probability, Field(description="noise that DDIM adds: none at 0, as the chain at 1"), Sampling()
        ] = 0.0,
        clip_x0: Annotated[bool, Field(description="cut each predicted image to the valid range"), Sampling()] = True,
    ) -> None:
        super().__init__()
        self.shape, self.classes = shape, classes
        self.prediction, self.min_snr, self.ema = prediction, min_snr, ema
        self.guidance, self.label_dropout = guidance, label_dropout
        self.sampler, self.steps, self.eta, self.clip_x0 = sampler, min(steps, noise_steps), eta, clip_x0
        self.schedule = NoiseSchedule(noise_schedule, noise_steps)
        widths = [width * 2**level for level in range(levels)]
        guided = classes > 0 and guidance_by == "classifier"
        conditional = classes > 0 and not guided
        self.denoiser = Denoiser(
            shape[0],
            classes=classes + 1 if conditional else 0,  # the last stands for no label
            patch=patch,
            widths=widths,
            blocks=blocks,
            dropout=dropout,
        )
        self.conditional = conditional
        self.classifier = NoisedClassifier(shape[0], classes, patch=patch, widths=widths) if guided else None

    def task(self, training: Training) -> DiffusionTask:
        """The shell that trains it; `denoiser` becomes the average of the weights that are trained."""
        return DiffusionTask(self, training)

    def losses(
        self, denoiser: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """The loss of a denoiser of this layout, and of the classifier where there is one, on the same noised images.

        Images (B, C, H, W) in [0, 1], labels (B,). Draws come from torch's global stream without a generator.
        """
        clean = images * 2 - 1
        device = images.device if generator is None else generator.device
        times = spread_times(len(images), len(self.schedule), device, generator).to(images.device)
        noise = torch.randn(images.shape, generator=generator, device=device).to(images.device)
        hidden = torch.rand(len(images), generator=generator, device=device).to(images.device) < self.label_dropout
        noisy = self.schedule.noised(clean, noise, times)
        shown = labels.masked_fill(hidden, self.classes) if self.conditional else None
        predicted = denoiser(noisy, times, shown).float()
        error = F.mse_loss(predicted, self.schedule.target(self.prediction, clean, noise, times), reduction="none")
        loss = (self.schedule.weights(self.prediction, self.min_snr)[times] * error.mean((1, 2, 3))).mean()
        if self.classifier is None:
            return {"loss": loss}
        logits = self.classifier(noisy, times).float()
        right = (logits.argmax(1) == labels).float().mean()
        classifying = F.cross_entropy(logits, labels)
        return {
            "loss": loss + classifying,
            "loss_denoising": loss,
            "loss_classifier": classifying,
            "classifier_accuracy": right,
        }

    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """New images (N, C, H, W) in [0, 1] of these classes (N,), by the configured sampler and number of steps."""
        return self.sample_with(labels, generator, steps=self.steps)

    @torch.no_grad()
    def sample_with(
        self, labels: Tensor, generator: torch.Generator, *, steps: int, sampler: str | None = None
    ) -> Tensor:
        """As `sample`, with another number of steps or another sampler: `ancestral`, `ddim` or `dpm_solver`.

        Each image has a generator of its own, seeded from `generator`, so that it does not depend on those beside it.
        """
        seeds = torch.randint(2**62, (len(labels),), generator=generator).tolist()
        parts = [
            self._draw(labels[at : at + CHUNK], seeds[at : at + CHUNK], self.sampling(steps, sampler))
            for at in range(0, len(labels), CHUNK)
        ]
        return torch.cat(parts)

    def sampling(self, steps: int, sampler: str | None = None) -> Sampler:
        """A sampler for one batch. Raises ValueError for an unknown one, or more steps than the noise schedule has."""
        name = self.sampler if sampler is None else sampler
        if name not in SAMPLERS:
            raise ValueError(f'no sampler "{name}"; the samplers are {", ".join(SAMPLERS)}')
        own = {"eta": self.eta} if SAMPLERS[name] is DDIM else {}
        return SAMPLERS[name](self.schedule, steps, prediction=self.prediction, clip=self.clip_x0, **own)

    def predict(self, noisy: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        """What sampling takes the denoiser to predict of images at times (B,): with guidance, float32."""
        if self.conditional:
            return classifier_free(self.denoiser, noisy, times, labels, null=self.classes, weight=self.guidance)
        predicted: Tensor = self.denoiser(noisy, times).float()
        if self.classifier is None or not self.guidance:
            return predicted
        gradient = log_probability_gradient(self.classifier, noisy, times, labels)
        return by_classifier(
            predicted,
            noisy,
            times,
            gradient,
            weight=self.guidance,
            schedule=self.schedule,
            prediction=self.prediction,
        )

    def _draw(self, labels: Tensor, seeds: list[int], sampler: Sampler) -> Tensor:
        device = self.schedule.alpha_bar.device
        labels, generators = labels.to(device), [torch.Generator().manual_seed(seed) for seed in seeds]
        noisy = noise_of(generators, self.shape, device)
        with autocast(device, resolve("auto")):
            for index, time in enumerate(sampler.times):
                predicted = self.predict(noisy, time.expand(len(labels)), labels)
                noisy = sampler.step(predicted, index, noisy, lambda: noise_of(generators, self.shape, device))
        return (noisy.clamp(-1, 1) + 1) / 2


def spread_times(items: int, steps: int, device: torch.device, generator: torch.Generator | None = None) -> Tensor:
    """Times (B,) from 0 to `steps` - 1, each of them uniform but together spread evenly, which makes the loss steadier.

    The low-discrepancy draw of Kingma et al. 2021.
    """
    first = torch.rand((), generator=generator, device=device)
    shares = (first + torch.arange(items, device=device) / items) % 1
    return (shares * steps).long().clamp_max(steps - 1)


def noise_of(generators: list[torch.Generator], shape: tuple[int, int, int], device: torch.device) -> Tensor:
    """Standard normal noise (B, C, H, W), each image from its own generator."""
    return torch.stack([torch.randn(shape, generator=generator) for generator in generators]).to(device)
