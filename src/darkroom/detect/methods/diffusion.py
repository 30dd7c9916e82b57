"""Reconstruction by denoising diffusion: an image is noised part of the way and denoised again, which makes it look normal
(AnoDDPM, Wyatt et al. 2022).

More noise hides more of an anomaly but also more of the image itself, so several noise levels can be combined, whose errors
are averaged (Graham et al. 2023). All images get the same noise samples and are denoised one at a time, so a score does not
depend on the other images of the batch. Two deviations from AnoDDPM: Gaussian instead of simplex noise, and DDIM (Song et
al. 2021) in a few steps instead of the ancestral chain.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Literal, cast

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from darkroom.detect.detector import Scored
from darkroom.detect.methods.errors import ERRORS, smooth
from darkroom.detect.methods.trained import TrainedReconstruction, no_labels
from darkroom.detect.options import ErrorOption, SmoothingOption
from darkroom.fit.config import Training
from darkroom.generate.diffusion.model import Diffusion
from darkroom.generate.diffusion.noise_schedule import NoiseSchedule
from darkroom.generate.diffusion.samplers import DDIM
from darkroom.registry import register
from darkroom.settings import Count, unique

if TYPE_CHECKING:
    from darkroom.fit.task import Task

NOISE_STEPS = 1000
"""Time steps from image to pure noise."""


@register("detector", "diffusion")
class DiffusionReconstruction(TrainedReconstruction):
    """Denoising diffusion model of the normal images that restores noised images."""

    TRAINING = {
        "epochs": 120,
        "optimizer": {"lr": 0.003},
        "schedule": {"warmup": 0.15, "cycle_momentum": False},
        "clip": 1.0,
    }
    REFUSES = {"swa": "it keeps a moving average of the weights already"}

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        noise: Annotated[
            tuple[Annotated[float, Field(gt=0, le=1)], ...],
            Field(
                min_length=1,
                description="noise levels, each as a share of the way to pure noise; their errors are averaged",
            ),
            AfterValidator(unique),
        ] = (0.8,),
        steps: Annotated[Count, Field(description="DDIM steps from there back to an image")] = 2,
        draws: Annotated[Count, Field(description="noise samples per level, whose errors are averaged")] = 8,
        noise_schedule: Annotated[
            Literal["linear", "cosine"], Field(description="noise schedule over the time steps")
        ] = "cosine",
        prediction: Annotated[
            Literal["epsilon", "x0", "v"],
            Field(description="prediction target of the network: the noise, the image, or the velocity"),
        ] = "x0",
        patch: Annotated[
            Literal[1, 2, 4],
            Field(description="side in pixels of the patches the network works on; 1 for single pixels"),
        ] = 2,
        width: Annotated[
            Count, Field(multiple_of=8, description="channels of the first level, doubled per level")
        ] = 32,
        levels: Annotated[
            Count, Field(le=5, description="resolution levels of the network, each half the one before")
        ] = 2,
        ema: Annotated[
            float,
            Field(ge=0, le=0.5, description="mean age of the EMA weights as a share of the steps so far; 0 for no EMA"),
        ] = 0.05,
        error: ErrorOption = "mse",
        smoothing: SmoothingOption = 0.0,
    ) -> None:
        super().__init__(error=error, smoothing=smoothing)
        reached = [round(share * NOISE_STEPS) for share in noise]
        if steps > min(reached):
            raise ValueError(
                f"detector.steps is {steps}, but detector.noise {min(noise)} is only {min(reached)} time steps from the image; "
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
        """Return the mean restored image (B, C, H, W) over noise levels and samples."""
        return torch.stack([torch.cat(list(self.restored(image))).mean(0) for image in images])

    def score(self, images: Tensor) -> Scored:
        """Return the mean error over noise levels and samples, and its map."""
        maps = torch.stack([self.errors(image).mean(0) for image in images])
        return Scored(maps.mean((1, 2)), smooth(maps, self.smoothing))

    def errors(self, image: Tensor) -> Tensor:
        """Return the error maps (N, H, W) of an image (C, H, W), one per noise level and sample."""
        found = torch.cat(list(self.restored(image)))
        return ERRORS[self.error](image.expand_as(found), found)

    def restored(self, image: Tensor) -> Iterator[Tensor]:
        """Yield the restored versions (K, C, H, W) of an image (C, H, W) at each noise level, one per noise sample."""
        draws = torch.Generator().manual_seed(0)
        for schedule in cast(Iterable[NoiseSchedule], self.schedules):
            noise = torch.randn((self.draws, *image.shape), generator=draws).to(image.device)
            yield self.denoised(schedule.noised(image * 2 - 1, noise, torch.tensor(len(schedule) - 1)), schedule)

    def denoised(self, noisy: Tensor, schedule: NoiseSchedule) -> Tensor:
        """Denoise images (B, C, H, W) that are noised to the end of the schedule; the result is roughly in [0, 1]."""
        sampler = DDIM(schedule, self.steps, prediction=self.model.prediction, clip=True)
        labels = no_labels(noisy)
        for index, time in enumerate(sampler.times):
            noisy = sampler.step(self.model.predict(noisy, time.expand(len(noisy)), labels), index, noisy, no_noise)
        return (noisy + 1) / 2

    def task(self, training: Training) -> Task:
        """Return the generative model's own task."""
        return self.model.task(training)


def no_noise() -> Tensor:
    """Stand in for the noise of a sampler that adds none."""
    raise AssertionError("DDIM adds no noise at eta 0")
