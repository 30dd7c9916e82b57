"""The adversarial game on densities whose modes are known: how it loses them, and which stabilizer keeps them."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from darkroom import figures
from darkroom.generate.gan.game import AdversarialGame
from darkroom.registry import register
from darkroom.settings import Count, Positive
from darkroom.study import modes as mixture
from darkroom.study.findings import SHARES, Figure, Findings, Table, gain, mean
from darkroom.study.gan.game import Rules, believed, made, play

Floats = NDArray[np.float64]
BATCH, POINTS = 128, 2000
UNSTABLE = "no stabilizer"


@register("study", "gan")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="games of each kind, from different weights and draws")] = 5,
    modes: Annotated[int, Field(ge=2, description="normal distributions on the ring")] = 8,
    updates: Annotated[Count, Field(description="discriminator updates of each game")] = 1500,
    lr: Annotated[Positive, Field(description="learning rate of the generator")] = 0.001,
    ratio: Annotated[Positive, Field(description="discriminator's learning rate over the generator's")] = 0.5,
    ttur: Annotated[Positive, Field(description="the same for two time scales")] = 2.0,
    feature_matching: Annotated[Positive, Field(description="weight of feature matching")] = 1.0,
    gradient_penalty: Annotated[Positive, Field(description="weight of the gradient penalty")] = 1.0,
    critic_steps: Annotated[Count, Field(description="critic updates per generator update with the penalty")] = 5,
) -> Findings:
    """Play on a line and on a ring, without a stabilizer and with each."""
    kinds = {
        UNSTABLE: Rules(ratio=ratio),
        "feature matching": Rules(ratio=ratio, feature_matching=feature_matching),
        "spectral norm": Rules(ratio=ratio, spectral=True),
        "WGAN-GP": Rules("wasserstein_gp", ratio=ratio, gradient_penalty=gradient_penalty, critic_steps=critic_steps),
        "two time scales": Rules(ratio=ttur),
    }
    draw = partial(mixture.ring, modes=modes)
    points = {
        name: [
            made(play(draw, 2, rules, updates=updates, lr=lr, batch=BATCH, seed=seed), POINTS, seed=seed)
            for seed in range(seeds)
        ]
        for name, rules in kinds.items()
    }
    found = {name: [mixture.coverage(each, modes) for each in group] for name, group in points.items()}
    covered = {name: [float(each.modes) for each in group] for name, group in found.items()}
    near = {name: [each.near for each in group] for name, group in found.items()}
    bounds = (0.0, float(modes))
    rows = {
        name: [
            mean(covered[name], bounds),
            min(covered[name]),
            mean(near[name], SHARES),
            gain(covered[name], covered[UNSTABLE]) if name != UNSTABLE else None,
        ]
        for name in kinds
    }
    one = play(mixture.line, 1, kinds["two time scales"], updates=updates, lr=lr, batch=BATCH, seed=0)
    return Findings(
        numbers={
            "covered": {name: mean(values, bounds) for name, values in covered.items()},
            "gain": {name: gain(values, covered[UNSTABLE]) for name, values in covered.items() if name != UNSTABLE},
            "all": {name: sum(value == modes for value in values) for name, values in covered.items()},
            "near": {name: mean(values, SHARES) for name, values in near.items()},
            "value": -2 * float(np.log(2)),
            "left": float((made(one, POINTS, seed=0) < 0).mean()),
        },
        figures={"line": on_line(one), "rings": rings({name: group[0] for name, group in points.items()}, modes)},
        tables={
            "stabilizers": Table(
                "Game",
                {"Modes covered": "compact", "Fewest": "count", "Points near a mode": "percent", "Change": "compact"},
                rows,
            )
        },
    )


def best_response(real: Floats, generated: Floats) -> Floats:
    """Return the probability of being real that the best discriminator gives, p / (p + q), from two densities."""
    found: Floats = real / (real + generated)
    return found


def on_line(game: AdversarialGame) -> Figure:
    """Draw real and generated densities on the line, the discriminator, and its best response to the generator."""
    drawn, (left, right) = figures.panels(2, 7, 3)
    at = np.linspace(-3, 3, 241)
    points = made(game, 20 * POINTS, seed=0)[:, 0]
    heights, edges = np.histogram(points, bins=60, range=(-3, 3), density=False)
    generated = heights / len(points) / np.diff(edges)
    middles = (edges[1:] + edges[:-1]) / 2
    left.plot(at, mixture.density(at), label="real")
    left.stairs(generated, edges, label="generated", color=figures.COLORS[1])
    left.set_ylabel("density")
    right.plot(at, believed(game, at[:, None]), label="discriminator", color=figures.COLORS[2])
    seen = mixture.density(middles) + generated > 0.02
    response = best_response(mixture.density(middles)[seen], generated[seen])
    right.plot(middles[seen], response, ".", ms=4, label="best response", color=figures.COLORS[3])
    right.axhline(0.5, color=figures.FAINT, lw=1)
    right.set_ylim(0, 1)
    right.set_ylabel("probability of being real")
    for axes in (left, right):
        axes.set_xlabel("point on the line")
        axes.legend(frameon=False, fontsize=8)
    return Figure(
        drawn,
        "Two panels over a line: the real density with two modes and the histogram of generated points; and the "
        "discriminator beside its best response",
    )


def rings(points: dict[str, Floats], modes: int) -> Figure:
    """Draw generated points on the ring, one panel per game."""
    drawn, panels = figures.panels(len(points), 1.75 * len(points), 2.9, sharex=True, sharey=True)
    for axes, (name, given) in zip(panels, points.items(), strict=True):
        axes.plot(*mixture.centers(modes).T, "o", ms=10, color=figures.FAINT, label="modes")
        axes.plot(*given[:500].T, ".", ms=2, color=figures.ACCENT, label="generated")
        axes.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal", xlabel="first coordinate")
        axes.set_title(f"{name}\n{mixture.coverage(given, modes).modes} of {modes} modes", fontsize=9)
    panels[0].set_ylabel("second coordinate")
    return Figure(
        drawn,
        "Panels of generated points over the ring of modes. Modes covered: "
        + ", ".join(f"{name} {mixture.coverage(given, modes).modes}" for name, given in points.items()),
    )
