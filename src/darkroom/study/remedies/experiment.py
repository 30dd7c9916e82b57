"""Nine remedies for overfitting against the same plain network: what helps here, and what does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch.nn import functional

from darkroom import figures
from darkroom.augment.batch.affine import Affine
from darkroom.data.split import folds
from darkroom.data.store import Store
from darkroom.fit.optimizers import adam, decayed
from darkroom.fit.schedules import constant
from darkroom.measure.intervals import Difference, Number
from darkroom.nets.mlp import MLP
from darkroom.randomness import derive
from darkroom.registry import chosen, register
from darkroom.settings import Count, Positive
from darkroom.study.findings import AMOUNTS, SHARES, Figure, Findings, Table, gain, mean
from darkroom.study.training import Division, Trained, accuracy, classifier, digits, divide, improvement

Floats = NDArray[np.float64]
TEST, SMALL = 800, 1e-3
"""A weight below this size counts as zero."""


@dataclass(frozen=True)
class Outcome:
    """One network with one seed."""

    right: Floats  # (N,) on the test images
    loss: float
    train_loss: float
    zeros: float
    """Share of weights that are nearly zero."""


@register("study", "remedies")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="paired seeds of training images, initial weights and batches")] = 5,
    images: Annotated[int, Field(ge=50, le=300, description="training images")] = 100,
    more: Annotated[int, Field(ge=2, le=4, description="how many times as many images `more data` has")] = 3,
    epochs: Annotated[Count, Field(description="passes over the training images")] = 80,
    hidden: Annotated[Count, Field(description="units in each of the two hidden layers")] = 256,
    smaller: Annotated[Count, Field(description="units in those of the smaller model")] = 16,
    dropout: Annotated[float, Field(gt=0, lt=1, description="dropout rate")] = 0.5,
    patience: Annotated[Count, Field(description="epochs without a lower validation loss before early stopping")] = 5,
    l1: Annotated[Positive, Field(description="L1 penalty")] = 0.001,
    l2: Annotated[Positive, Field(description="L2 penalty, added to the gradient")] = 0.001,
    rotate: Annotated[float, Field(ge=0, le=45, description="largest rotation of augmentation in degrees")] = 10.0,
    shift: Annotated[
        float, Field(ge=0, le=0.3, description="largest shift of augmentation, as a share of the side")
    ] = 0.1,
    candidates: Annotated[
        tuple[Annotated[float, Field(ge=0, lt=1)], ...],
        Field(min_length=2, description="dropout rates among which cross-validation chooses"),
    ] = (0.0, 0.3, 0.6),
    parts: Annotated[int, Field(ge=2, le=10, description="folds of cross-validation")] = 3,
) -> Findings:
    """Train the plain network, and the same one with one remedy at a time."""
    store = digits()
    divisions = [divide(store, train=images * more, val=0, test=TEST, seed=seed) for seed in range(seeds)]
    few = [_few(store, division, images, seed) for seed, division in enumerate(divisions)]

    def trained(seed: int, rows: NDArray[np.int64] | None = None, **changes: Any) -> Trained:
        return _trained(store, few[seed] if rows is None else rows, seed, epochs=epochs, hidden=hidden, **changes)

    def stopped(seed: int) -> Trained:
        held, rest = np.split(_shuffled(few[seed], seed), [images // 5])
        return trained(seed, np.sort(rest), held_out=np.sort(held), training={"patience": patience})

    policy = {"online": [chosen(Affine, rotate=rotate, translate=shift, scale=0.0, shear=0.0)]}
    rates = [
        choose(store, few[seed], candidates, folds_=parts, seed=seed, epochs=epochs, hidden=hidden)
        for seed in range(seeds)
    ]
    runs: dict[str, list[Trained]] = {
        "plain": [trained(seed) for seed in range(seeds)],
        "dropout": [trained(seed, network={"dropout": dropout}) for seed in range(seeds)],
        "BatchNorm": [trained(seed, network={"norm": "batch"}) for seed in range(seeds)],
        "early stopping": [stopped(seed) for seed in range(seeds)],
        "L1": [trained(seed, training={"l1": l1}) for seed in range(seeds)],
        "L2": [trained(seed, decay=l2) for seed in range(seeds)],
        "smaller model": [trained(seed, network={"hidden": [smaller, smaller]}) for seed in range(seeds)],
        "augmentation": [trained(seed, policy=policy) for seed in range(seeds)],
        "cross-validation": [trained(seed, network={"dropout": rates[seed]}) for seed in range(seeds)],
        "more data": [trained(seed, division.train) for seed, division in enumerate(divisions)],
    }
    found = {
        name: [outcome(model, store, few[seed], divisions[seed].test) for seed, model in enumerate(models)]
        for name, models in runs.items()
    }
    effects = {name: compared(of, found["plain"]) for name, of in found.items() if name != "plain"}
    return Findings(
        numbers={
            "plain": accuracy([one.right for one in found["plain"]]),
            "effects": {name: effect[0] for name, effect in effects.items()},
            "losses": {name: effect[1] for name, effect in effects.items()},
            "helps": [name for name, (effect, _) in effects.items() if effect.clear and effect.value > 0],
            "unclear": [name for name, (effect, _) in effects.items() if not effect.clear],
            "hurts": [name for name, (effect, _) in effects.items() if effect.clear and effect.value < 0],
            "zeros": {name: mean([one.zeros for one in found[name]], SHARES) for name in ("plain", "L1", "L2")},
            "epochs": mean([float(len(model.history)) for model in runs["early stopping"]], AMOUNTS),
            "chosen": [f"{rate:g}" for rate in rates],
        },
        figures={"curves": _curves(runs, found), "weights": _weights(runs)},
        tables={
            "remedies": Table(
                "Remedy",
                {"Test accuracy": "percent", "Gain": "percent", "Test loss": "decimal", "Training loss": "decimal"},
                {name: _row(of, effects[name][0] if name in effects else None) for name, of in found.items()},
            )
        },
    )


def _few(store: Store, division: Division, images: int, seed: int) -> NDArray[np.int64]:
    """Return the rows of the small training set, which `more data` contains."""
    order = np.random.default_rng(derive(seed, "few")).permutation(division.train)
    by_class = [order[store.labels[order] == label] for label in range(len(store.classes))]
    turns = [rows[turn] for turn in range(images) for rows in by_class if turn < len(rows)]
    return np.sort(np.array(turns[:images]))


def _shuffled(rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(derive(seed, "held out")).permutation(rows)


def _trained(
    store: Store,
    rows: NDArray[np.int64],
    seed: int,
    *,
    epochs: int,
    hidden: int,
    network: Mapping[str, Any] | None = None,
    training: Mapping[str, Any] | None = None,
    decay: float = 0.0,
    **more: Any,
) -> Trained:
    """Train the plain network with some changes: Adam at a constant rate, no dropout, no penalty."""
    return classifier(
        store,
        rows,
        network=chosen(MLP, **{"hidden": [hidden, hidden], "dropout": 0.0, **(network or {})}),
        training={
            "epochs": epochs,
            "batch_size": 32,
            "optimizer": chosen(adam, lr=0.003, weight_decay=decay),
            "schedule": chosen(constant),
            **(training or {}),
        },
        seed=seed,
        **more,
    )


def choose(
    store: Store,
    rows: NDArray[np.int64],
    candidates: Sequence[float],
    *,
    folds_: int,
    seed: int,
    epochs: int,
    hidden: int,
) -> float:
    """Return the dropout rate with the most right predictions on images that the network was not trained on.

    Every image of these rows is predicted once, by the network that was trained without its fold. Ties go to the first.
    """
    fold = folds([str(row) for row in rows], store.labels[rows], rows, count=folds_, seed=seed)
    right = [
        sum(
            float(
                _trained(store, rows[fold != one], seed, epochs=epochs, hidden=hidden, network={"dropout": rate})
                .correct(store, rows[fold == one])
                .sum()
            )
            for one in range(folds_)
        )
        for rate in candidates
    ]
    return candidates[int(np.argmax(right))]


def outcome(model: Trained, store: Store, train: NDArray[np.int64], test: NDArray[np.int64]) -> Outcome:
    """Test a network, and count its weights that are nearly zero; biases do not count."""
    loss, train_loss = (
        float(functional.cross_entropy(torch.from_numpy(model.logits(store.samples[rows])), torch.from_numpy(labels)))
        for rows, labels in ((test, store.labels[test]), (train, store.labels[train]))
    )
    weights = torch.cat([weight.detach().flatten() for weight in decayed(model.network)])
    return Outcome(model.correct(store, test), loss, train_loss, float((weights.abs() < SMALL).float().mean()))


def compared(after: Sequence[Outcome], before: Sequence[Outcome]) -> tuple[Difference, Difference]:
    """Return the paired differences in test accuracy and in test loss."""
    right = improvement([one.right for one in after], [one.right for one in before])
    return right, gain([one.loss for one in after], [one.loss for one in before])


def _row(found: Sequence[Outcome], effect: Difference | None) -> list[Number | Difference | float | str | None]:
    return [
        accuracy([one.right for one in found]),
        effect,
        mean([one.loss for one in found], AMOUNTS),
        float(np.mean([one.train_loss for one in found])),
    ]


def _curves(runs: Mapping[str, Sequence[Trained]], found: Mapping[str, Sequence[Outcome]]) -> Figure:
    drawn, axes = figures.figure(7, 4)
    places = np.arange(len(runs))
    for kind, marker, color in (("loss", "o", figures.COLORS[1]), ("train_loss", "s", figures.COLORS[0])):
        values = np.array([[getattr(one, kind) for one in of] for of in found.values()])
        label = "test images" if kind == "loss" else "training images"
        axes.plot(values.mean(1), places, marker, color=color, label=label)
        axes.hlines(places, values.min(1), values.max(1), color=color, linewidth=1)
    axes.set_yticks(places, list(found))
    axes.invert_yaxis()
    axes.set_xlabel("cross-entropy in nats; lines span the seeds")
    axes.legend(frameon=False)
    gaps = {name: np.mean([one.loss - one.train_loss for one in of]) for name, of in found.items()}
    told = ", ".join(f"{name} {gap:.2f}" for name, gap in gaps.items())
    return Figure(drawn, f"Loss on training and test images by remedy. The gap between them in nats: {told}.")


def _weights(runs: Mapping[str, Sequence[Trained]]) -> Figure:
    drawn, axes = figures.figure(6.5, 3.4)
    bins, told = np.linspace(-6, 0, 61), []
    for color, style, name in zip(figures.COLORS, ("-", "--", "-."), ("plain", "L1", "L2"), strict=False):
        weights = torch.cat([weight.detach().flatten() for weight in decayed(runs[name][0].network)])
        counts, _ = np.histogram(weights.abs().clamp_min(1e-6).log10().numpy(), bins)
        axes.stairs(100 * counts / len(weights), bins, color=color, linestyle=style, label=name)
        told.append(f"{name} {100 * float((weights.abs() < SMALL).float().mean()):.0f} %")
    axes.axvline(np.log10(SMALL), color=figures.FAINT, linewidth=1)
    axes.set(xlabel="log₁₀ of the absolute weight", ylabel="% of the weights")
    axes.legend(frameon=False)
    return Figure(
        drawn,
        "Histogram of the sizes of the weights of the plain network, with L1 and with L2. Below one thousandth are: "
        f"{', '.join(told)}.",
    )
