"""Loss curves of a large network on few images, test error by capacity, and test error by training images."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from darkroom import figures
from darkroom.data.store import Store
from darkroom.fit.optimizers import adam
from darkroom.fit.schedules import constant, cosine
from darkroom.measure.learning_curve import Curve, measure
from darkroom.nets.mlp import MLP
from darkroom.randomness import derive
from darkroom.registry import chosen, register
from darkroom.settings import Count, Probability
from darkroom.study.findings import AMOUNTS, SHARES, Figure, Findings, Table, gain, mean
from darkroom.study.training import Division, classifier, digits, divide

Floats = NDArray[np.float64]
VALIDATION, TEST = 200, 600


@register("study", "overfitting")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="seeds of images, weights, features and wrong labels")] = 5,
    images: Annotated[
        int, Field(ge=50, le=500, description="training images of the curves and of the capacities")
    ] = 100,
    hidden: Annotated[Count, Field(description="units in each of the two hidden layers of the large network")] = 512,
    epochs: Annotated[int, Field(ge=2, description="passes over the training images")] = 60,
    noise: Annotated[
        Probability, Field(description="share of training labels replaced at random, for the capacities")
    ] = 0.2,
    features: Annotated[
        tuple[Annotated[int, Field(ge=2)], ...],
        Field(min_length=3, description="random ReLU features of least squares, as shares of the images in percent"),
    ] = (10, 25, 50, 75, 90, 100, 110, 150, 200, 400, 800, 1600),
    widths: Annotated[tuple[Count, ...], Field(min_length=3, description="hidden units of the trained networks")] = (
        2,
        4,
        8,
        16,
        32,
        128,
        512,
    ),
    most: Annotated[int, Field(ge=100, le=900, description="training images at the end of the learning curve")] = 800,
) -> Findings:
    """Overfit on purpose, then vary the capacity and the number of images."""
    store = digits()
    parts = [divide(store, train=images, val=VALIDATION, test=TEST, seed=seed) for seed in range(seeds)]
    histories = [
        classifier(
            store,
            part.train,
            network=chosen(MLP, hidden=[hidden, hidden], dropout=0.0),
            training={
                "epochs": epochs,
                "batch_size": 32,
                "optimizer": chosen(adam),
                "schedule": chosen(constant),
            },
            seed=seed,
            held_out=part.val,
        ).history
        for seed, part in enumerate(parts)
    ]
    wrong = [corrupted(store, part.train, noise, seed=seed) for seed, part in enumerate(parts)]
    counts = [max(2, round(images * share / 100)) for share in features]
    ridgeless = {
        count: np.array(
            [random_features(store, part, wrong[seed], count, seed=seed) for seed, part in enumerate(parts)]
        )
        for count in dict.fromkeys(counts)
    }
    trained = {
        width: np.array(
            [_width_error(store, part, wrong[seed], width, epochs, seed) for seed, part in enumerate(parts)]
        )
        for width in widths
    }
    curve = learning_curve(store, most=most, draws=seeds)
    half, full, wide = (
        ridgeless[count] for count in (_nearest(counts, images / 2), _nearest(counts, images), counts[-1])
    )
    lowest = np.array([history["val_loss"].min() for history in histories])
    last = np.array([history["val_loss"].iloc[-1] for history in histories])
    turning = [float(history["val_loss"].argmin() + 1) for history in histories]
    accuracies = [(h["val_accuracy"].iloc[int(h["val_loss"].argmin())], h["val_accuracy"].iloc[-1]) for h in histories]
    return Findings(
        numbers={
            "train_loss": mean([float(history["train_loss"].iloc[-1]) for history in histories], AMOUNTS),
            "val_loss": mean(last.tolist(), AMOUNTS),
            "turning": mean(turning, AMOUNTS),
            "rise": gain(last.tolist(), lowest.tolist()),
            "accuracy_after": gain([after for _, after in accuracies], [before for before, _ in accuracies]),
            "half": mean(half.tolist(), SHARES),
            "full": mean(full.tolist(), SHARES),
            "wide": mean(wide.tolist(), SHARES),
            "up": gain(full.tolist(), half.tolist()),
            "down": gain(wide.tolist(), full.tolist()),
            "beyond": gain(wide.tolist(), half.tolist()),
            "widest": counts[-1],
            "narrow_net": mean(trained[widths[0]].tolist(), SHARES),
            "wide_net": mean(trained[widths[-1]].tolist(), SHARES),
            "rises": rises(trained),
            "few": curve.sizes[0],
            "error_few": float(curve.means[0]),
            "error_most": float(curve.means[-1]),
            "slope": float(np.polyfit(np.log(curve.sizes), np.log(np.maximum(curve.means, 1e-4)), 1)[0]),
        },
        figures={
            "losses": _losses(histories),
            "capacity": _capacity(ridgeless, trained, images),
            "learning": _learning(curve),
        },
        tables={
            "widths": Table(
                "Hidden units",
                {"Test error": "percent"},
                {str(width): [mean(errors.tolist(), SHARES)] for width, errors in trained.items()},
            )
        },
    )


def corrupted(store: Store, rows: NDArray[np.int64], share: float, *, seed: int) -> NDArray[np.int64]:
    """Return the labels (N,) of these rows with a share replaced by labels drawn uniformly from the other classes."""
    draws = np.random.default_rng(derive(seed, "wrong labels"))
    labels, classes = store.labels[rows].copy(), len(store.classes)
    chosen = draws.permutation(len(rows))[: round(share * len(rows))]
    labels[chosen] = (labels[chosen] + draws.integers(1, classes, len(chosen))) % classes
    return labels


def random_features(store: Store, part: Division, labels: NDArray[np.int64], count: int, *, seed: int) -> float:
    """Return the test error of least squares on `count` random ReLU features, with the smallest of all best weights.

    The pseudo-inverse solves for one-hot targets without any penalty, as in Belkin et al. 2019; features keep their weights.
    """
    draws = np.random.default_rng(derive(seed, "features"))
    pixels = store.samples.reshape(len(store.samples), -1) / 255.0
    weights = draws.standard_normal((pixels.shape[1], count)) / np.sqrt(pixels.shape[1])
    found = np.maximum((pixels - pixels[part.train].mean(0)) @ weights, 0)  # (N, count)
    targets = np.eye(len(store.classes))[labels] - 1 / len(store.classes)
    solved = np.linalg.pinv(found[part.train]) @ targets
    guesses = (found[part.test] @ solved).argmax(1)
    return float((guesses != store.labels[part.test]).mean())


def _width_error(store: Store, part: Division, labels: NDArray[np.int64], width: int, epochs: int, seed: int) -> float:
    items = store.items.copy()
    items.loc[part.train, "label"] = labels
    noisy = Store(store.name, store.classes, store.samples, items)
    model = classifier(
        noisy,
        part.train,
        network=chosen(MLP, hidden=[width], dropout=0.0),
        training={
            "epochs": 2 * epochs,
            "batch_size": 32,
            "optimizer": chosen(adam, lr=0.01),
            "schedule": chosen(cosine),
        },
        seed=seed,
    )
    return float(1 - model.correct(store, part.test).mean())


def learning_curve(store: Store, *, most: int, draws: int) -> Curve:
    """Measure the test error of a perceptron on nested shares of `most` images, drawn several times."""
    part = divide(store, train=most, val=0, test=TEST, seed=0)

    def error(rows: NDArray[np.int64]) -> float:
        model = classifier(
            store,
            rows,
            network=chosen(MLP, hidden=[128], dropout=0.0),
            training={"epochs": max(10, round(6000 / len(rows))), "batch_size": 32},
            seed=0,
        )
        return float(1 - model.correct(store, part.test).mean())

    return measure(error, part.train, store.labels[part.train], part.train, draws=draws, seed=0)


def rises(errors: Mapping[int, Floats]) -> list[int]:
    """Return the widths whose error is clearly higher than that of the next smaller one, over paired seeds."""
    found = []
    for before, after in itertools.pairwise(errors):
        change = gain(errors[after].tolist(), errors[before].tolist())
        if change.clear and change.value > 0:
            found.append(after)
    return found


def _nearest(counts: Sequence[int], wanted: float) -> int:
    return min(counts, key=lambda count: abs(count - wanted))


def _losses(histories: Sequence[pd.DataFrame]) -> Figure:
    drawn, axes = figures.figure(6.5, 3.6)
    for column, color, style, label in (
        ("train_loss", figures.COLORS[0], "-", "training images"),
        ("val_loss", figures.COLORS[1], "--", "validation images"),
    ):
        values = np.stack([history[column].to_numpy() for history in histories])
        epochs = np.arange(1, values.shape[1] + 1)
        axes.fill_between(epochs, values.min(0), values.max(0), color=color, alpha=0.2, linewidth=0)
        axes.plot(epochs, values.mean(0), style, color=color, label=label)
    axes.set(xlabel="epoch", ylabel="cross-entropy in nats", ylim=(0, None))
    axes.legend(frameon=False)
    end = [np.mean([history[column].iloc[-1] for history in histories]) for column in ("train_loss", "val_loss")]
    return Figure(
        drawn,
        f"Loss by epoch, mean of the seeds with bands that span them. It ends at {end[0]:.3f} nats on training images and "
        f"{end[1]:.2f} on validation images.",
    )


def _capacity(ridgeless: Mapping[int, Floats], trained: Mapping[int, Floats], images: int) -> Figure:
    drawn, (left, right) = figures.panels(2, 9, 3.8, sharey=True)
    for own, found, marker, color in (
        (left, ridgeless, "o", figures.COLORS[0]),
        (right, trained, "s", figures.COLORS[2]),
    ):
        sizes = sorted(found)
        values = 100 * np.stack([found[size] for size in sizes])
        own.fill_between(sizes, values.min(1), values.max(1), color=color, alpha=0.2, linewidth=0)
        own.plot(sizes, values.mean(1), marker + "-", color=color, label="mean of the seeds")
        figures.log_scale(own, across=True)
    left.axvline(images, color=figures.FAINT, linestyle="--", label="as many features as images")
    left.set(xlabel="random features", ylabel="test error in %", title="least squares")
    right.set(xlabel="hidden units", title="trained perceptron")
    left.legend(frameon=False)
    peak = max(ridgeless, key=lambda count: float(ridgeless[count].mean()))
    return Figure(
        drawn,
        f"Test error by capacity. Left, least squares on random features: the highest, {100 * ridgeless[peak].mean():.0f} %, is "
        f"at {peak} features for {images} images. Right, a trained perceptron by hidden units.",
    )


def _learning(curve: Curve) -> Figure:
    drawn, axes = figures.figure(6, 3.6)
    for size, errors in zip(curve.sizes, curve.errors, strict=True):
        axes.plot([size] * len(errors), [100 * error for error in errors], "o", color=figures.FAINT, markersize=4)
    axes.plot(curve.sizes, 100 * curve.means, "o-", color=figures.ACCENT, label="mean; gray: single draws")
    figures.log_scale(axes, across=True)
    figures.log_scale(axes)
    axes.set(xlabel="training images", ylabel="test error in %")
    axes.legend(frameon=False)
    return Figure(
        drawn,
        f"Test error by number of training images: {100 * curve.means[0]:.1f} % with {curve.sizes[0]}, "
        f"{100 * curve.means[-1]:.1f} % with {curve.sizes[-1]}.",
    )
