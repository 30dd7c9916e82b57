"""Diffusion in the plane: the learned score beside the exact one, samplers by number of steps, and both guidances."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from darkroom.generate.diffusion.process import DiffusionProcess
from darkroom.randomness import derive
from darkroom.registry import register
from darkroom.settings import Count, NonNegative, Positive
from darkroom.study import modes
from darkroom.study.diffusion import pictures
from darkroom.study.diffusion.process import CLASSES, TIMES, Floats, drawn, learned, learned_score, sampled
from darkroom.study.findings import SHARES, Findings, Table, gain, mean

POINTS = 1000
SAMPLERS = {"DDPM": "ancestral", "DDIM": "ddim"}
SOURCES = {"classifier-free": "classifier_free", "classifier": "classifier"}


@register("study", "diffusion")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="trainings of each network")] = 5,
    count: Annotated[int, Field(ge=2, multiple_of=2, description="modes on the ring")] = 8,
    updates: Annotated[Count, Field(description="optimizer steps of each training")] = 1000,
    lr: Annotated[Positive, Field(description="first learning rate of Adam")] = 0.005,
    times: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=1000)], ...],
        Field(min_length=1, description="time steps to look at, of 1,000"),
    ] = (50, 200, 500),
    steps: Annotated[
        tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(min_length=2, description="numbers of sampling steps")
    ] = (2, 5, 10, 20, 50, 200),
    guided_steps: Annotated[Count, Field(description="sampling steps of DDIM with guidance")] = 50,
    weights: Annotated[tuple[NonNegative, ...], Field(min_length=2, description="guidance weights")] = (
        0.0,
        1.0,
        2.0,
        5.0,
    ),
) -> Findings:
    """Learn to denoise a ring of modes whose score is known in closed form."""
    models = {
        name: [learned(count, by=by, steps=updates, lr=lr, seed=seed) for seed in range(seeds)]
        for name, by in SOURCES.items()
    }
    plain = models["classifier"]  # its denoiser knows no classes
    right = {time: [explained(model, count, time, seed=seed) for seed, model in enumerate(plain)] for time in times}
    quality = {
        name: {k: [near(model, count, sampler, k, seed=seed) for seed, model in enumerate(plain)] for k in steps}
        for name, sampler in SAMPLERS.items()
    }
    points = {
        name: {
            weight: [
                sampled(model, POINTS, sampler="ddim", steps=guided_steps, guidance=weight, seed=seed)
                for seed, model in enumerate(group)
            ]
            for weight in weights
        }
        for name, group in models.items()
    }
    return Findings(
        numbers=numbers(right, quality, points, count),
        figures={
            "scores": pictures.scores(plain[0], count, times),
            "steps": pictures.steps(quality),
            "guidance": pictures.guidance(
                {name: {w: g[0] for w, g in each.items()} for name, each in points.items()}, count
            ),
        },
        tables={
            "scores": Table(
                "Time step",
                {"Signal α": "decimal", "Noise σ": "decimal", "Explained": "percent"},
                {str(time): [*levels(plain[0], time), mean(values, (-np.inf, 1.0))] for time, values in right.items()},
            ),
            "guidance": Table(
                "Guidance",
                {"Right class": "percent", "Modes covered": "compact", "Spread": "compact"},
                {
                    f"{name}, w = {weight:g}": [
                        mean([share_of_class(each, count) for each in group], SHARES),
                        mean([float(modes.coverage(each, count).modes) for each in group]),
                        mean([spread(each) for each in group]),
                    ]
                    for name, each_weight in points.items()
                    for weight, group in each_weight.items()
                },
            ),
        },
    )


def levels(model: DiffusionProcess, time: int) -> tuple[float, float]:
    """Return signal and noise at a time."""
    alpha, sigma = model.schedule.levels(torch.tensor(time))
    return float(alpha), float(sigma)


def explained(model: DiffusionProcess, count: int, time: int, *, seed: int) -> float:
    """Return the share of the exact score's squared length that the learned one explains, on fresh noised points."""
    draws = torch.Generator().manual_seed(derive(seed, "test", time))
    clean = drawn(torch.randint(count, (POINTS,), generator=draws), count, draws)
    noisy = model.schedule.noised(clean, torch.randn(clean.shape, generator=draws), torch.tensor(time))
    points: Floats = noisy.flatten(1).double().numpy()
    alpha, sigma = levels(model, time)
    exact = modes.noised_score(points, count, alpha=alpha, sigma=sigma)
    return 1 - float(np.square(learned_score(model, points, time) - exact).sum() / np.square(exact).sum())


def near(model: DiffusionProcess, count: int, sampler: str, steps: int, *, seed: int) -> float:
    """Return the share of samples without guidance that lie near a mode."""
    points = sampled(model, POINTS, sampler=sampler, steps=steps, guidance=0.0, seed=seed)
    return modes.coverage(points, count).near


def share_of_class(points: Floats, count: int) -> float:
    """Return the share of points (N, 2) whose nearest mode is of the first class."""
    nearest = np.linalg.norm(points[:, None] - modes.centers(count), axis=2).argmin(1)
    return float((nearest * CLASSES // count == 0).mean())


def spread(points: Floats) -> float:
    """Return the root mean square distance of points from their mean."""
    return float(np.sqrt(np.square(points - points.mean(0)).sum(1).mean()))


def numbers(
    right: dict[int, list[float]],
    quality: dict[str, dict[int, list[float]]],
    points: dict[str, dict[float, list[Floats]]],
    count: int,
) -> dict[str, Any]:
    """Return what the page states."""
    times, steps = list(right), list(quality["DDPM"])
    weights = list(points["classifier"])
    few = min(10, steps[-1]) if 10 in steps else steps[len(steps) // 2]

    def share(name: str, weight: float) -> list[float]:
        return [share_of_class(each, count) for each in points[name][weight]]

    def width(name: str, weight: float) -> list[float]:
        return [spread(each) for each in points[name][weight]]

    one = min(weights, key=lambda weight: abs(weight - 1))
    return {
        "times": TIMES,
        "core": 1 - float(np.exp(-(modes.REACH**2) / 2)),  # of a normal distribution in the plane
        "first": {"time": times[0], "explained": mean(right[times[0]], (-np.inf, 1.0))},
        "last": {"time": times[-1], "explained": mean(right[times[-1]], (-np.inf, 1.0))},
        "few": few,
        "fewest": steps[0],
        "most": steps[-1],
        "near": {
            name: {at: mean(each[k], SHARES) for at, k in (("fewest", steps[0]), ("few", few), ("most", steps[-1]))}
            for name, each in quality.items()
        },
        "faster": gain(quality["DDIM"][few], quality["DDPM"][few]),
        "equal": gain(quality["DDIM"][steps[-1]], quality["DDPM"][steps[-1]]),
        "one": one,
        "strongest": weights[-1],
        "right": {name: mean(share(name, one), SHARES) for name in points},
        "narrower": {name: gain(width(name, weights[-1]), width(name, one)) for name in points},
    }
