"""Six optimizers on four surfaces from the same starts, each at its best learning rate."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from pydantic import Field

from darkroom import figures
from darkroom.registry import register
from darkroom.settings import Count
from darkroom.study.findings import Figure, Findings, Table
from darkroom.study.landscapes.paths import OPTIMIZERS, Swept, adam_inside, momentum_inside, path, sweep
from darkroom.study.landscapes.surfaces import SURFACES, Surface

Floats = NDArray[np.float64]
STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)))
FRAMES = 24


@register("study", "landscapes")
def run(
    *,
    steps: Annotated[int, Field(ge=20, le=2000, description="steps of every path")] = 300,
    lowest: Annotated[float, Field(ge=-6, le=0, description="lowest learning rate, as a power of ten")] = -4.0,
    highest: Annotated[float, Field(ge=-3, le=2, description="highest learning rate, as a power of ten")] = 1.0,
    per_decade: Annotated[Count, Field(description="learning rates per power of ten")] = 4,
    tolerance: Annotated[
        float, Field(gt=0, lt=1, description="share of the first value at which a path has arrived")
    ] = 0.01,
    clip: Annotated[float, Field(gt=0, description="largest norm of a gradient at the cliff")] = 1.0,
    shown: Annotated[int, Field(ge=10, description="steps drawn of every path")] = 60,
) -> Findings:
    """Sweep the learning rate of every optimizer on every surface, and follow the best."""
    rates = [10.0**power for power in np.arange(lowest, highest + 0.5 / per_decade, 1 / per_decade)]
    swept = {
        name: {how: sweep(surface, how, rates, steps=steps, tolerance=tolerance) for how in OPTIMIZERS}
        for name, surface in SURFACES.items()
    }
    followed = {
        name: {how: path(SURFACES[name], how, rates[one.best], steps=shown) for how, one in found.items()}
        for name, found in swept.items()
    }
    fastest = {name: min(found, key=lambda how: found[how].needed[found[how].best]) for name, found in swept.items()}
    return Findings(
        numbers={
            "rates": len(rates),
            "best": {name: {how: _told(one) for how, one in found.items()} for name, found in swept.items()},
            "fastest": fastest,
            "working": {
                how: sum(int(np.isfinite(found[how].needed).sum()) for found in swept.values()) for how in OPTIMIZERS
            },
            "cliff": thrown(SURFACES["cliff"], swept["cliff"]["GD"], clip=clip, steps=steps),
            "conventions": conventions(),
        },
        figures={
            "paths": _paths(followed, shown),
            "sweep": _sweep(swept),
            "clipping": _clipping(SURFACES["cliff"], swept["cliff"]["GD"], clip=clip),
        },
        tables={
            "best": Table(
                "Optimizer",
                dict.fromkeys(SURFACES, "text"),
                {how: [_told(swept[name][how]) for name in SURFACES] for how in OPTIMIZERS},
            )
        },
    )


def thrown(surface: Surface, swept: Swept, *, clip: float, steps: int) -> dict[str, float]:
    """Follow gradient descent at the cliff, at the first rate that throws it back, without and with clipping.

    Returns that rate, how far right each path gets, the largest gradient, and the values at the end.
    """
    rate = too_fast(surface, swept)
    free, clipped = (path(surface, "GD", rate, steps=steps, clip=limit) for limit in (None, clip))
    return {
        "rate": rate,
        "start": surface.start[0],
        "far": float(free[:, 0].max()),
        "clipped_far": float(clipped[:, 0].max()),
        "gradient": max(math.hypot(*surface.gradient(*point)) for point in free),
        "final": float(surface.value(*free[-1])),
        "clipped_final": float(surface.value(*clipped[-1])),
    }


def too_fast(surface: Surface, swept: Swept) -> float:
    """Return the first rate above the best at which gradient descent is thrown back beyond its start, or the highest."""
    for rate in swept.rates[swept.best :].tolist():
        if path(surface, "GD", rate, steps=40)[:, 0].max() > surface.start[0]:
            return float(rate)
    return float(swept.rates[-1])


def conventions() -> dict[str, float]:
    """Compare PyTorch's momentum and Adam with the equations that put the rate, or ε, inside.

    `constant` and `dropped` are the largest distances between two paths of momentum, at a constant rate and when the rate
    falls to a tenth on the way; `outside` and `inside` are Adam's first steps far out on the plateau, in units of the rate.
    """
    ravine, rate, steps, drop = SURFACES["ravine"], 0.001, 60, 20
    far = dataclasses.replace(SURFACES["plateau"], start=(5.5, 3.25))
    return {
        "constant": _apart(path(ravine, "momentum", rate, steps=steps), momentum_inside(ravine, rate, steps=steps)),
        "dropped": _apart(
            path(ravine, "momentum", rate, steps=steps, drop=drop),
            momentum_inside(ravine, rate, steps=steps, drop=drop),
        ),
        "drop": drop,
        "gradient": math.hypot(*far.gradient(*far.start)),
        "outside": float(np.abs(np.diff(path(far, "Adam", rate, steps=1)[:, 0])[0]) / rate),
        "inside": float(np.abs(np.diff(adam_inside(far, rate, steps=1)[:, 0])[0]) / rate),
    }


def _apart(first: Floats, second: Floats) -> float:
    return float(np.linalg.norm(first - second, axis=1).max())


def _told(swept: Swept) -> str:
    needed, rate = swept.needed[swept.best], swept.rates[swept.best]
    arrival = f"arrives in {needed:.0f} steps" if math.isfinite(needed) else "does not arrive"
    return f"{arrival} (rate {rate:.2g})"


def _contours(axes: Axes, surface: Surface) -> None:
    left, right, bottom, top = surface.window
    x, y = np.meshgrid(np.linspace(left, right, 120), np.linspace(bottom, top, 120))
    height = np.log10(surface.value(x, y) + 1e-2)
    axes.contour(x, y, height, levels=8, colors=figures.FAINT, linestyles="solid", linewidths=0.7)
    axes.plot(*surface.start, "o", color=figures.INK, markersize=4, zorder=5)
    axes.set(xlim=(left, right), ylim=(bottom, top), xlabel="w₁", ylabel="w₂")


def _paths(followed: Mapping[str, Mapping[str, Floats]], shown: int) -> Figure:
    drawn, (above, below) = figures.grid(2, 2, 9, 7.4)
    grid = above + below
    lines: list[tuple[Line2D, Line2D, Floats]] = []
    for own, (name, paths) in zip(grid, followed.items(), strict=True):
        _contours(own, SURFACES[name])
        own.set_title(name)
        for color, style, (how, points) in zip(figures.COLORS, STYLES, paths.items(), strict=False):
            (line,) = own.plot(*points.T, linestyle=style, color=color, linewidth=1.2, label=how)
            (head,) = own.plot(*points[-1:].T, "o", color=color, markersize=4)
            lines.append((line, head, points))
    drawn.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(OPTIMIZERS), frameon=False)

    def draw(frame: int) -> list[Any]:
        end = round(shown * min(1.0, frame / (FRAMES - 6)))  # the last frames stand still
        for line, head, points in lines:
            line.set_data(points[: end + 1].T)
            head.set_data(points[end : end + 1].T)
        return []

    told = "; ".join(
        f"{name}: {min(paths, key=lambda how: _left(name, paths[how]))}" for name, paths in followed.items()
    )
    return Figure(
        drawn,
        f"Four surfaces with the first {shown} steps of six optimizers, each at its best rate. Lowest after them: {told}.",
        FuncAnimation(drawn, draw, frames=FRAMES, init_func=lambda: draw(FRAMES)),
    )


def _left(name: str, points: Floats) -> float:
    return float(SURFACES[name].value(*points[-1]))


def _sweep(swept: Mapping[str, Mapping[str, Swept]]) -> Figure:
    drawn, (above, below) = figures.grid(2, 2, 9, 6.4, sharex=True, sharey=True)
    grid = above + below
    for own, (name, found) in zip(grid, swept.items(), strict=True):
        for color, style, (how, one) in zip(figures.COLORS, STYLES, found.items(), strict=False):
            own.plot(one.rates, one.needed, linestyle=style, marker=".", color=color, label=how)
            own.plot(one.rates[one.best], one.needed[one.best], "o", color=color)
        own.set_title(name)
        figures.log_scale(own, across=True)
        figures.log_scale(own)
    for own in below:
        own.set_xlabel("learning rate")
    for own in grid[::2]:
        own.set_ylabel("steps to arrive")
    drawn.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(OPTIMIZERS), frameon=False)
    return Figure(
        drawn,
        "Steps until each optimizer arrives, by learning rate, on four surfaces; dots mark the best rates. Where a line is "
        "missing, the optimizer does not arrive at that rate.",
    )


def _clipping(surface: Surface, swept: Swept, *, clip: float) -> Figure:
    rate = too_fast(surface, swept)
    drawn, axes = figures.figure(7, 3.4)
    told = []
    for color, style, limit, label in (
        (figures.COLORS[1], "o-", None, "without clipping"),
        (figures.COLORS[0], "s-", clip, f"gradient norm at most {clip:g}"),
    ):
        points = path(surface, "GD", rate, steps=40, clip=limit)
        axes.plot(points[:, 0], style, color=color, markersize=3, label=label)
        told.append(f"{label} it goes as far as w₁ = {points[:, 0].max():.3g}")
    axes.axhline(0, color=figures.FAINT, linewidth=1)
    axes.set(xlabel="step", ylabel="w₁")
    axes.legend(frameon=False)
    return Figure(drawn, f"Gradient descent at the cliff with a rate of {rate:.2g}, w₁ by step: {', '.join(told)}.")
