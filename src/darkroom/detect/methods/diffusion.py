"""Reconstruction by denoising diffusion: an image is noised part of the way, and what comes back is what a normal one
would be (AnoDDPM, Wyatt et al. 2022).

More noise hides more of an anomaly and more of the image itself, so several levels of noise may be asked for, whose
errors are averaged (Graham et al. 2023). All images are noised alike, by the same draws, and each is denoised by itself,
so that its score does not depend on those it is scored with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, cast

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from darkroom.detect.detector import Scored
from darkroom.detect.methods.errors import ERRORS, smooth
from darkroom.detect.methods.trained import TrainedReconstruction
from darkroom.detect.methods.vae import no_labels
from darkroom.fit.config import Training
from darkroom.fit.task import Task
from darkroom.generate.diffusion.model import Diffusion
from darkroom.generate.diffusion.noise_schedule import NoiseSchedule
from darkroom.generate.diffusion.samplers import DDIM
from darkroom.registry import register
from darkroom.settings import Count, ErrorOption, SmoothingOption, unique

NOISE_STEPS = 1000
"""Time steps from image to noise."""


@register("detector", "diffusion")
class DiffusionReconstruction(TrainedReconstruction):
    """Denoising diffusion model of the normal images, which noised images come back from."""

    TRAINING = {"epochs": 120, "optimizer": {"lr": 0.003}, "schedule": {"warmup": 0.15}, "clip": 1.0}

    def __init__(
        self,
        shape: tuple[int, int, int],
        training: Training | None = None,
        *,
        noise: Annotated[
            tuple[Annotated[float, Field(gt=0, le=1)], ...],
            Field(
                min_length=1,
                description="how far images are noised, each a share of the way to pure noise; their errors are averaged",
            ),
            AfterValidator(unique),
        ] = (0.8,),
        steps: Annotated[Count, Field(description="steps of DDIM from there to an image")] = 2,
        draws: Annotated[Count, Field(description="draws of the noise, whose errors are averaged")] = 8,
        noise_schedule: Annotated[
            Literal["linear", "cosine"], Field(description="how noise grows with the time step")
        ] = "cosine",
        prediction: Annotated[
            Literal["epsilon", "x0", "v"],
            Field(description="what the network predicts: the noise, the image, or the velocity between them"),
        ] = "x0",
        patch: Annotated[
            Literal[1, 2, 4], Field(description="side of the squares that images are cut into; 1 works on every pixel")
        ] = 2,
        width: Annotated[Count, Field(multiple_of=8, description="channels of the first level; doubled at each")] = 32,
        levels: Annotated[Count, Field(le=5, description="levels of the network; each halves the image")] = 2,
        ema: Annotated[
            float,
            Field(
                ge=0, le=0.5, description="mean age of the averaged weights, a share of the steps so far; 0 for none"
            ),
        ] = 0.05,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(training, error=error, smoothing=smoothing)
        reached = [round(share * NOISE_STEPS) for share in noise]
        if steps > min(reached):
            raise ValueError(
                f"detector.steps is {steps}, but detector.noise goes {min(reached)} time steps back at {min(noise)}; "
                "lower steps or raise noise"
            )
        self.steps, self.draws = steps, draws
        self.model = Diffusion(
            shape,
            0,
            noise_schedule=noise_schedule,
            noise_steps=NOISE_STEPS,
            prediction=prediction,
            patch=patch,
            width=width,
            levels=levels,
            ema=ema,
        )
        self.schedules = nn.ModuleList(NoiseSchedule(noise_schedule, NOISE_STEPS, until=count) for count in reached)

    def reconstruct(self, images: Tensor) -> Tensor:
        """The mean (B, C, H, W) of what each image comes back as, over levels and draws of noise."""
        return torch.stack([torch.cat(list(self.returns(image))).mean(0) for image in images])

    def score(self, images: Tensor) -> Scored:
        """The mean error over levels and draws of noise, and its map."""
        maps = torch.stack([self.errors(image).mean(0) for image in images])
        return Scored(maps.mean((1, 2)), smooth(maps, self.smoothing))

    def errors(self, image: Tensor) -> Tensor:
        """The map of the error (N, H, W) of an image (C, H, W) for each level and draw of noise."""
        found = torch.cat(list(self.returns(image)))
        return ERRORS[self.error](image.expand_as(found), found)

    def returns(self, image: Tensor) -> Iterator[Tensor]:
        """What an image (C, H, W) comes back as: for each level of noise (K, C, H, W), one a draw."""
        draws = torch.Generator().manual_seed(0)
        for schedule in cast(Iterable[NoiseSchedule], self.schedules):
            noise = torch.randn((self.draws, *image.shape), generator=draws).to(image.device)
            yield self.denoised(schedule.noised(image * 2 - 1, noise, torch.tensor(len(schedule) - 1)), schedule)

    def denoised(self, noisy: Tensor, schedule: NoiseSchedule) -> Tensor:
        """Images (B, C, H, W), around [0, 1], from those that are noised as far as the schedule goes."""
        sampler = DDIM(schedule, self.steps, prediction=self.model.prediction, clip=True)
        labels = no_labels(noisy)
        for index, time in enumerate(sampler.times):
            noisy = sampler.step(self.model.predict(noisy, time.expand(len(noisy)), labels), index, noisy, no_noise)
        return (noisy + 1) / 2

    def task(self, training: Training) -> Task:
        """The model's own."""
        return self.model.task(training)


def no_noise() -> Tensor:
    """Stands for the draws of a sampler that makes none."""
    raise AssertionError("DDIM adds no noise at eta 0")
