"""The pictures of this study."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from darkroom import figures
from darkroom.generate.diffusion.process import DiffusionProcess
from darkroom.randomness import derive
from darkroom.study import modes
from darkroom.study.diffusion.process import Floats, drawn, learned_score
from darkroom.study.findings import Figure

REACH = 3.0


def scores(model: DiffusionProcess, count: int, times: Sequence[int]) -> Figure:
    """Draw noised points at some times, and the directions of the learned score beside the exact one."""
    drawing, panels = figures.panels(len(times), 2.6 * len(times), 3.7, sharey=True)
    draws = torch.Generator().manual_seed(derive(0, "picture"))
    clean = drawn(torch.randint(count, (400,), generator=draws), count, draws)
    noise = torch.randn(clean.shape, generator=draws)
    side = np.linspace(-REACH + 0.3, REACH - 0.3, 13)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    for axes, time in zip(panels, times, strict=True):
        alpha, sigma = (float(level) for level in model.schedule.levels(torch.tensor(time)))
        noisy = model.schedule.noised(clean, noise, torch.tensor(time)).flatten(1).numpy()
        axes.plot(*noisy.T, ".", ms=2, color=figures.COLORS[1], label="noised points")
        exact = modes.noised_score(grid, count, alpha=alpha, sigma=sigma)
        for score, color, name in (
            (exact, figures.FAINT, "exact score"),
            (learned_score(model, grid, time), figures.ACCENT, "learned score"),
        ):
            lengths = np.linalg.norm(score, axis=1, keepdims=True)
            axes.quiver(*grid.T, *(score / lengths).T, color=color, width=0.006, scale=18, label=name)
        axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal", xlabel="first coordinate")
        axes.set_title(f"step {time}, σ = {sigma:.2f}", fontsize=9)
    panels[0].set_ylabel("second coordinate")
    handles, names = panels[0].get_legend_handles_labels()
    drawing.legend(handles, names, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return Figure(
        drawing,
        "Panels with growing noise: points spread out from the modes of a ring, and arrows on a grid, the learned score over "
        "the exact one, point towards the nearest modes at little noise and towards the middle at much",
    )


def steps(quality: dict[str, dict[int, list[float]]]) -> Figure:
    """Draw the share of samples near a mode by number of steps: means, and each seed as a dot."""
    drawing, axes = figures.figure(5.5, 3.2)
    for (name, each), color in zip(quality.items(), figures.COLORS, strict=False):
        values = np.array([each[k] for k in each])
        axes.plot(list(each), values.mean(1), color=color, label=name)
        for column in values.T:
            axes.plot(list(each), column, ".", color=color, ms=4, alpha=0.6)
    figures.log_scale(axes, across=True)
    axes.set_xticks(list(each), [str(k) for k in each])
    axes.minorticks_off()
    axes.set_ylim(0, 1)
    axes.set_xlabel("sampling steps (network evaluations)")
    axes.set_ylabel("share of samples near a mode")
    axes.legend(frameon=False)
    return Figure(drawing, "Curves of the share of samples near a mode by the number of steps, for DDPM and DDIM")


def guidance(points: dict[str, dict[float, Floats]], count: int) -> Figure:
    """Draw samples guided towards the upper half of the ring, one row per source and one panel per weight."""
    across = len(next(iter(points.values())))
    drawing, grid = figures.grid(len(points), across, 1.8 * across, 2.0 * len(points), sharex=True, sharey=True)
    for line, (name, each) in zip(grid, points.items(), strict=True):
        for axes, (weight, given) in zip(line, each.items(), strict=True):
            axes.plot(*modes.centers(count).T, "o", ms=9, color=figures.FAINT)
            axes.plot(*given[:400].T, ".", ms=2, color=figures.ACCENT)
            axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal")
            axes.set_title(f"{name}, w = {weight:g}", fontsize=8)
        line[0].set_ylabel("second coordinate")
    for axes in grid[-1]:
        axes.set_xlabel("first coordinate")
    return Figure(
        drawing,
        "Two rows of panels, one per source of guidance: without guidance samples are on the whole ring, with weight 1 on its "
        "upper half, and with larger weights only on the middle of that half",
    )
