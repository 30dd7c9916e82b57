"""Schedules, the range test, a change of optimizers on the way, and two ways of weight decay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn

from darkroom import figures
from darkroom.classify import lr_range, train
from darkroom.data.store import Store
from darkroom.fit.optimizers import adam, adamw, sgd
from darkroom.fit.schedules import constant, cosine, one_cycle, step
from darkroom.nets.mlp import MLP
from darkroom.nets.resnet import ResNet
from darkroom.registry import build, chosen, register
from darkroom.settings import Count, Positive, Section
from darkroom.study.findings import Figure, Findings, Table
from darkroom.study.training import Division, accuracy, classifier, digits, divide, improvement, specified

Floats = NDArray[np.float64]
SCHEDULES = {
    "constant": chosen(constant),
    "step": chosen(step),
    "cosine": chosen(cosine),
    "OneCycle": chosen(one_cycle, cycle_momentum=False),
    "warm-up, then cosine": chosen(cosine, warmup=0.1),
}
ONE_CYCLE = SCHEDULES["OneCycle"]
RESNET, PERCEPTRON = chosen(ResNet), chosen(MLP, dropout=0.0)
OPTIMIZERS = {"adam": adam, "adamw": adamw}
GRADIENTS, DECAYED = (1.0, 0.01), 1000
VALIDATION, TEST = 200, 800
"""Sizes of the gradients of the two weights that decay by hand."""


@register("study", "schedules")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="paired seeds of training images, initial weights and batches")] = 5,
    images: Annotated[int, Field(ge=100, le=700, description="training images")] = 300,
    epochs: Annotated[Count, Field(description="passes over the training images")] = 10,
    lr: Annotated[Positive, Field(description="peak learning rate of AdamW, the default of the network")] = 0.01,
    handover: Annotated[
        float, Field(gt=0, lt=1, description="share of the run after which SGD takes over from AdamW")
    ] = 0.7,
    sgd_lr: Annotated[Positive, Field(description="peak learning rate of SGD")] = 0.05,
    decays: Annotated[tuple[Positive, ...], Field(min_length=1, description="weight decays tried both ways")] = (
        0.0001,
        0.001,
        0.01,
        0.1,
    ),
) -> Findings:
    """Train the default network under each schedule, and with AdamW that hands over to SGD."""
    store = digits()
    parts = [divide(store, train=images, val=VALIDATION, test=TEST, seed=seed) for seed in range(seeds)]

    def trained(optimizer: Any, schedule: Section, network: Section = RESNET, of: str = "test") -> list[Floats]:
        return [
            _hits(store, part, seed, epochs, {"optimizer": optimizer, "schedule": schedule}, network, of)
            for seed, part in enumerate(parts)
        ]

    first, later = chosen(adamw, lr=lr), chosen(sgd, lr=sgd_lr)
    hits = {name: trained(first, schedule) for name, schedule in SCHEDULES.items()}
    both = trained([first, {**later.model_dump(), "from": handover}], ONE_CYCLE)
    only = trained(later, ONE_CYCLE)
    table, rate = range_test(store, parts[0])
    tried = {factor: trained(chosen(adamw, lr=factor * rate), ONE_CYCLE) for factor in (0.1, 1.0, 10.0)}
    ways = {
        way: {value: chosen(optimizer, lr=0.003, weight_decay=value) for value in decays}
        for way, optimizer in OPTIMIZERS.items()
    }
    best = {
        way: max(found, key=lambda value: float(np.mean(trained(found[value], ONE_CYCLE, PERCEPTRON, "val"))))
        for way, found in ways.items()
    }
    tested = {way: trained(ways[way][best[way]], ONE_CYCLE, PERCEPTRON) for way in ways}
    courses = {way: decayed(way) for way in OPTIMIZERS}
    return Findings(
        numbers={
            "accuracy": {name: accuracy(found) for name, found in hits.items()},
            "gain": {name: improvement(found, hits["constant"]) for name, found in hits.items() if name != "constant"},
            "handover": improvement(both, hits["OneCycle"]),
            "adamw": accuracy(hits["OneCycle"]),
            "sgd": improvement(only, hits["OneCycle"]),
            "chosen": rate,
            "lower": improvement(tried[0.1], tried[1.0]),
            "higher": improvement(tried[10.0], tried[1.0]),
            "left": {
                way: {f"{size:g}": float(course[size][-1]) for size in GRADIENTS} for way, course in courses.items()
            },
            "coupled_best": best["adam"],
            "decoupled_best": best["adamw"],
            "decoupled": improvement(tested["adamw"], tested["adam"]),
        },
        figures={"shapes": _shapes(), "range": _range(table, rate), "decay": _decay(courses)},
        tables={
            "runs": Table(
                "Run",
                {"Test accuracy": "percent", "Gain over a constant rate": "percent"},
                {
                    **{
                        f"AdamW, {name}": [
                            accuracy(found),
                            None if name == "constant" else improvement(found, hits["constant"]),
                        ]
                        for name, found in hits.items()
                    },
                    "AdamW then SGD, OneCycle": [accuracy(both), improvement(both, hits["constant"])],
                    "SGD, OneCycle": [accuracy(only), improvement(only, hits["constant"])],
                },
            )
        },
    )


def _hits(
    store: Store, part: Division, seed: int, epochs: int, training: Mapping[str, Any], network: Section, of: str
) -> Floats:
    """Train, and return which images of the test or validation rows are right."""
    found = classifier(
        store, part.train, network=network, training={"epochs": epochs, "batch_size": 32, **training}, seed=seed
    )
    return found.correct(store, part.test if of == "test" else part.val)


def range_test(store: Store, part: Division) -> tuple[pd.DataFrame, float]:
    """Sweep the rate of the default network as `classify lr_range` does; return loss by rate, and the rate it chooses."""
    training = {
        "batch_size": 32,
        "optimizer": chosen(adamw, lr=lr_range.LOWEST),
        "schedule": chosen(constant),
    }
    spec = specified(network=RESNET, training=training, seed=0)
    network, way = train.start(spec, store, part.train)
    assert isinstance(network, ResNet)
    task, batches = train.prepare(spec, network, way, store, part.train, None, kind=lr_range.RangeTest)
    assert isinstance(task, lr_range.RangeTest)
    rates, losses = lr_range.sweep(task, batches, seed=0)
    smoothed = lr_range.smooth(losses)
    fastest, lowest = lr_range.landmarks(rates, smoothed)
    return pd.DataFrame({"lr": rates, "loss": losses, "smoothed": smoothed}), math.sqrt(fastest * lowest)


def decayed(way: str, *, lr: float = 0.001, weight_decay: float = 0.1, steps: int = DECAYED) -> dict[float, Floats]:
    """Follow two weights (steps + 1,) from 1 under gradients of alternating sign, which alone would leave them there.

    With `adamw` both shrink by 1 - lr × weight_decay at every step; with `adam` the decay is part of the gradient, and is
    divided by the root of its mean square like all of it.
    """
    found = {}
    for size in GRADIENTS:
        weight = nn.Linear(1, 1, bias=False).double()
        nn.init.ones_(weight.weight)
        optimizer = OPTIMIZERS[way](weight, lr=lr, weight_decay=weight_decay)
        course = [1.0]
        for number in range(steps):
            weight.weight.grad = torch.full((1, 1), size if number % 2 else -size, dtype=torch.float64)
            optimizer.step()
            course.append(float(weight.weight.detach()))
        found[size] = np.array(course)
    return found


def _shapes() -> Figure:
    drawn, axes = figures.figure(7, 3.6)
    progress = np.linspace(0, 1, 400)
    for color, style, (name, schedule) in zip(
        figures.COLORS, ("-", "--", "-.", (0, (6, 1)), ":"), SCHEDULES.items(), strict=False
    ):
        axes.plot(
            progress, [build(schedule).rate(p) for p in progress.tolist()], linestyle=style, color=color, label=name
        )
    axes.set(xlabel="share of the run", ylabel="share of the peak rate", ylim=(0, 1.3))
    axes.legend(frameon=False, loc="upper center", ncols=3, fontsize=8)
    return Figure(
        drawn,
        "Learning rate as a share of its peak over a run: constant; steps down to a tenth at 30, 60 and 90 %; half a cosine; "
        "OneCycle, which rises for a quarter of the run; a short linear warm-up before a cosine.",
    )


def _range(table: pd.DataFrame, chosen: float) -> Figure:
    drawn, axes = figures.figure(6.5, 3.4)
    axes.plot(table["lr"], table["loss"], color=figures.FAINT, linewidth=1, label="loss of each step")
    axes.plot(table["lr"], table["smoothed"], color=figures.ACCENT, label="smoothed")
    axes.axvline(chosen, color=figures.ACCENT, linestyle="--", linewidth=1, label=f"chosen: {chosen:.2g}")
    figures.log_scale(axes, across=True)
    axes.set(ylim=(0, 1.5 * float(table["smoothed"].iloc[0])), xlabel="learning rate", ylabel="training loss in nats")
    axes.legend(frameon=False)
    lowest = float(table["lr"][int(table["smoothed"].argmin())])
    return Figure(
        drawn,
        f"Training loss while the rate rises. It is lowest at a rate of {lowest:.2g}; the test chooses {chosen:.2g}.",
    )


def _decay(courses: Mapping[str, Mapping[float, Floats]]) -> Figure:
    drawn, axes = figures.figure(6.5, 3.4)
    names = {"adam": "Adam, coupled", "adamw": "AdamW, decoupled"}
    told = []
    for color, (way, course) in zip(figures.COLORS, courses.items(), strict=False):
        for style, (size, values) in zip(("-", "--"), course.items(), strict=True):
            axes.plot(values, style, color=color, label=f"{names[way]}, gradient ±{size:g}")
            told.append(f"{names[way]} with gradients of ±{size:g}: {values[-1]:.2f}")
    axes.set(xlabel="step", ylabel="weight")
    axes.legend(frameon=False, fontsize=8)
    return Figure(drawn, f"A weight that starts at 1, by step. At the end: {'; '.join(told)}.")
