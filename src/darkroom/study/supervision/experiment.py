"""One data set with all, few and no labels: a classifier, semi-supervised methods, and clusters."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from darkroom import figures
from darkroom.augment.batch.affine import Affine
from darkroom.data.config import LabelBudget
from darkroom.data.hide import hide
from darkroom.data.store import Store, labeled
from darkroom.explore.agreement import agreement
from darkroom.explore.clustering.kmeans import KMeansClustering
from darkroom.fit.optimizers import adamw
from darkroom.nets.mlp import MLP
from darkroom.registry import Plugin, chosen, register
from darkroom.settings import Count, Positive, Section
from darkroom.study.findings import SHARES, Figure, Findings, Table, gain, mean
from darkroom.study.training import classifier, digits, divide, placed

TRAIN, TEST, BATCH = 1200, 500, 128
SUPERVISED, CLUSTERS = "supervised", "clusters"
POLICY = {"online": [chosen(Affine, rotate=0, translate=0.125, scale=0, shear=0)]}
"""Shifts by up to a pixel, for every method alike."""


@register("study", "supervision")
def run(
    *,
    seeds: Annotated[
        int, Field(ge=2, description="repetitions, each with its own training images, known labels and weights")
    ] = 5,
    shares: Annotated[
        tuple[Annotated[float, Field(gt=0, le=1)], ...],
        Field(
            min_length=2, description="shares of the 1,200 training labels that are known; at least one per class is"
        ),
    ] = (1.0, 0.1, 0.01),
    methods: Annotated[
        tuple[Annotated[Any, Plugin("semi-supervised method")], ...],
        Field(min_length=1, validate_default=True, description="semi-supervised methods"),
    ] = (
        "pseudo_label",
        "mean_teacher",
        "fixmatch",
        "mixmatch",
    ),
    epochs: Annotated[Count, Field(description="epochs with all labels; every training takes as many steps")] = 15,
    lr: Annotated[Positive, Field(description="highest learning rate")] = 0.01,
) -> Findings:
    """Train on fewer and fewer labels, with and without the unlabeled images, and cluster without any."""
    whole = digits()
    found: dict[float, dict[str, list[float]]] = {share: {} for share in shares}
    clusters, counts = [], {}
    for seed in range(seeds):
        division = divide(whole, train=TRAIN, val=97, test=TEST, seed=seed)
        store = placed(whole, division)
        clusters.append(clustered(store, seed=seed))
        for share in shares:
            known = with_labels(store, share, seed=seed)
            counts[share] = len(labeled(known, "train"))
            for method in (None, *(methods if share < 1 else ())):
                accuracy = trained(known, method, epochs=epochs, lr=lr, seed=seed)
                found[share].setdefault(method.name if method else SUPERVISED, []).append(accuracy)
    few = [share for share in shares if share < 1]
    return Findings(
        numbers={
            "labels": {name_of(share): counts[share] for share in shares},
            "few": [name_of(share) for share in few],
            "supervised": {name_of(share): mean(found[share][SUPERVISED], SHARES) for share in shares},
            "clusters": mean(clusters, SHARES),
            "gains": {
                name_of(share): {
                    method: gain(values, found[share][SUPERVISED])
                    for method, values in found[share].items()
                    if method != SUPERVISED
                }
                for share in few
            },
        },
        figures={"accuracy": drawn(found, clusters, counts)},
        tables={
            "accuracy": Table(
                "Method",
                {f"{counts[share]:,} labels": "percent" for share in shares},
                {
                    method: [mean(found[share][method], SHARES) if method in found[share] else None for share in shares]
                    for method in (SUPERVISED, *(each.name for each in methods))
                },
            )
        },
    )


def name_of(share: float) -> str:
    """Return a share as percent, `10 %`."""
    return f"{100 * share:g} %"


def with_labels(store: Store, share: float, *, seed: int) -> Store:
    """Hide all but this share of the training labels, as `data.labels` does."""
    if share == 1:
        return store
    table, _ = hide(LabelBudget(share=share, seed=seed), store.classes, store.items)
    return replace(store, items=table)


def trained(store: Store, method: Section | None, *, epochs: int, lr: float, seed: int) -> float:
    """Return the test accuracy of a perceptron trained by a semi-supervised method, or on its labels alone."""
    rows = labeled(store, "train")
    if method is None:  # an epoch of few labels has few steps
        epochs = math.ceil(epochs * math.ceil(TRAIN / BATCH) / math.ceil(len(rows) / BATCH))
    training = {"epochs": epochs, "batch_size": BATCH, "optimizer": chosen(adamw, lr=lr)}
    model = classifier(store, rows, network=chosen(MLP), training=training, seed=seed, policy=POLICY, semi=method)
    return float(model.correct(store, store.rows("test")).mean())


def clustered(store: Store, *, seed: int) -> float:
    """Return the share of training images in the cluster of their class, for the best match of ten clusters to classes."""
    rows = store.rows("train")
    pixels = store.samples[rows].reshape(len(rows), -1) / 255
    groups = KMeansClustering(clusters=10).cluster(pixels.astype(np.float32), seed=seed).labels
    found = agreement(groups, store.labels[rows], generator=np.random.default_rng(0))
    value = found["hungarian"]["value"]
    assert value is not None
    return float(value)


def drawn(found: dict[float, dict[str, list[float]]], clusters: list[float], counts: dict[float, int]) -> Figure:
    """Draw the accuracy by number of labels: means, and each seed as a dot."""
    drawing, axes = figures.figure(6.5, 3.6)
    methods = dict.fromkeys(method for each in found.values() for method in each)
    for index, method in enumerate(methods):
        at = [counts[share] for share, each in found.items() if method in each]
        values = np.array([each[method] for each in found.values() if method in each])
        color = figures.COLORS[index % len(figures.COLORS)]
        shifted = np.array(at) * 1.04**index  # side by side
        axes.plot(shifted, values.mean(1), "o-", ms=4, color=color, label=method.replace("_", " "))
        for column in values.T:
            axes.plot(shifted, column, ".", ms=3, color=color, alpha=0.5)
    axes.axhline(float(np.mean(clusters)), color=figures.INK, ls=":", lw=1, label="k-means, no labels")
    figures.log_scale(axes, across=True)
    axes.set_xticks(list(counts.values()), [f"{count:,}" for count in counts.values()])
    axes.minorticks_off()
    axes.set_xlabel("known labels")
    axes.set_ylabel("accuracy")
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return Figure(
        drawing,
        "Accuracy by the number of known labels for the supervised classifier and for semi-supervised methods; a dotted line "
        f"marks clusters matched to classes, {100 * np.mean(clusters):.0f} %",
    )
