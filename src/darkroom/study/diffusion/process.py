"""The library's diffusion process on points: a perceptron as denoiser, and another as classifier of noised points."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.generate.diffusion.noise_schedule import NoiseSchedule
from darkroom.generate.diffusion.process import DiffusionProcess
from darkroom.generate.diffusion.samplers import SAMPLERS
from darkroom.nets.unet import sinusoids
from darkroom.randomness import derive
from darkroom.study import modes, toys

Floats = NDArray[np.float64]
TIMES, WIDTH, EMBEDDED, BATCH = 1000, 128, 32, 256
CLASSES = 2
"""Each has half of the ring."""


class PointNetwork(nn.Module):
    """Map noised points (B, 2, 1, 1) at times (B,), with classes (B,) if it knows any, to outputs (B, O)."""

    def __init__(self, outputs: int, *, classes: int = 0) -> None:
        super().__init__()
        self.embedding = nn.Embedding(classes, EMBEDDED) if classes else None
        inputs = 2 + EMBEDDED + (EMBEDDED if classes else 0)
        self.body = toys.perceptron([inputs, WIDTH, WIDTH, WIDTH, outputs], nn.SiLU)

    def forward(self, noisy: Tensor, times: Tensor, labels: Tensor | None = None) -> Tensor:
        given = [noisy.flatten(1), sinusoids(times, EMBEDDED)]
        if self.embedding is not None:
            given.append(self.embedding(labels))
        found: Tensor = self.body(torch.cat(given, dim=1))
        return found


class PointDenoiser(PointNetwork):
    """Predict the noise (B, 2, 1, 1) in points."""

    def forward(self, noisy: Tensor, times: Tensor, labels: Tensor | None = None) -> Tensor:
        return super().forward(noisy, times, labels)[..., None, None]


def learned(count: int, *, by: str, steps: int, lr: float, seed: int) -> DiffusionProcess:
    """Train on the ring of `count` modes; `by` is the source of guidance, `classifier_free` or `classifier`."""
    free = by == "classifier_free"
    with toys.seeded(seed):
        process = DiffusionProcess(
            PointDenoiser(2, classes=CLASSES + 1 if free else 0),
            NoiseSchedule("linear", TIMES),
            classes=CLASSES,
            classifier=None if free else PointNetwork(CLASSES),
            prediction="v",
            min_snr=None,
            ema=0.0,
            guidance=1.0,
            label_dropout=0.2,
        )
    optimizer = torch.optim.Adam(process.parameters(), lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    draws = torch.Generator().manual_seed(derive(seed, "batches"))
    for _ in range(steps):
        which = torch.randint(count, (BATCH,), generator=draws)
        points = drawn(which, count, draws)
        loss = process.denoising_losses(process.denoiser, (points + 1) / 2, which * CLASSES // count, draws)["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return process.eval()


def drawn(which: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Draw a point (B, 2, 1, 1) from each of these modes (B,)."""
    points = torch.from_numpy(modes.centers(count)).float()[which]
    return (points + modes.STD * torch.randn(points.shape, generator=generator))[..., None, None]


@torch.no_grad()
def sampled(
    process: DiffusionProcess, count: int, *, sampler: str, steps: int, label: int = 0, guidance: float, seed: int
) -> Floats:
    """Draw points (N, 2) with guidance towards a class; a guidance of 0 ignores it."""
    process.guidance = guidance
    draws = torch.Generator().manual_seed(derive(seed, "samples"))
    labels = torch.full((count,), label)
    walk = SAMPLERS[sampler](process.schedule, steps, prediction=process.prediction, clip=False)

    def noise() -> Tensor:
        return torch.randn(count, 2, 1, 1, generator=draws)

    points = noise()
    for index, time in enumerate(walk.times):
        points = walk.step(process.predict(points, time.expand(count), labels), index, points, noise)
    found: Floats = points.flatten(1).double().numpy()
    return found


@torch.no_grad()
def learned_score(process: DiffusionProcess, points: Floats, time: int) -> Floats:
    """Return the score (N, 2) that the denoiser implies at noised points (N, 2), -ε̂ / σ, without guidance."""
    at = torch.tensor(time)
    given = torch.from_numpy(points).float()[..., None, None]
    process.guidance = 0.0
    predicted = process.predict(given, at.expand(len(points)), torch.zeros(len(points), dtype=torch.int64))
    _, noise = process.schedule.parts(process.prediction, predicted, given, at)
    found: Floats = (-noise / process.schedule.levels(at)[1]).flatten(1).double().numpy()
    return found
