"""Pretraining: k-NN accuracy of features beside features without pretraining, losses, and whether embeddings collapsed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom import files
from darkroom.measure.intervals import Difference, Number, number, paired
from darkroom.report.parts.curves import MOST_TICKS, Curves, curves
from darkroom.report.parts.table import Cell, Table, cell, change, rows, seconds
from darkroom.report.results import Results, timing
from darkroom.report.section import Answer, Section
from darkroom.report.words import text
from darkroom.report.words.finding import Finding, verdict
from darkroom.report.words.text import say

BASELINES = {"pca": "principal components of the pixels", "imagenet": "ImageNet network"}


@dataclass(frozen=True)
class Pretrained:
    """One pretrained network; `gain` compares its k-NN accuracy with that of its random weights on the same images."""

    name: str
    knn: Number
    gain: Difference | None
    collapsed: str


@dataclass(frozen=True)
class Pretraining:
    """The section's content."""

    models: list[Pretrained]
    table: Table
    by_epoch: Curves | None
    losses: list[Curves]
    images: int
    """Validation images behind the k-NN accuracies."""


def read(results: Results) -> Pretraining | None:
    """Read the pretrainings; None if there are none."""
    if not results.pretrainings:
        return None
    found = {name: files.read_json(folder / "metrics.json") for name, folder in results.pretrainings.items()}
    tables = {name: pd.read_parquet(folder / "neighbors.parquet") for name, folder in results.pretrainings.items()}
    models = [
        Pretrained(name, number(about, "knn", "trained"), _gain(tables[name]), about["collapsed"] or "")
        for name, about in found.items()
    ]
    titles, cells = [*found], [_cells(one, found[one.name], results.pretrainings[one.name]) for one in models]
    for key, share in _baselines(results).items():
        titles.append(BASELINES[key])
        cells.append([cell(share, "percent"), *[Cell(text.DASH)] * 6])
    columns = [
        "k-NN accuracy, %",
        "Difference from random weights, points",
        "Random weights, %",
        "Standard deviation",
        "Effective rank",
        "Collapsed",
        "Training time",
    ]
    return Pretraining(
        models=models,
        table=Table("Features", columns, rows(titles, cells)),
        by_epoch=_by_epoch(results),
        losses=[_loss(name, folder) for name, folder in results.pretrainings.items()],
        images=max(len(table) for table in tables.values()),
    )


def answer(content: Pretraining) -> Answer:
    """Say whether each pretraining helped its features, and which ones have collapsed."""
    findings = []
    for one in content.models:
        if one.collapsed:
            words = say("<b>{}</b> has collapsed: {}.", one.name, one.collapsed)
            findings.append(Finding("Pretraining", "collapsed", "bad", words))
        elif one.gain is not None:
            word, tone = verdict(one.gain)
            words = say("<b>{}</b> changes the k-NN accuracy of its network by {}", one.name, text.points(one.gain))
            words += say(" to {}.", text.full(one.knn, "percent"))
            findings.append(Finding("Pretraining", word, tone, words))
    return Answer(findings=findings)


SECTION = Section("pretrain", "Pretraining", read, answer, rank=6)


def _cells(one: Pretrained, about: Mapping[str, Any], folder: Path) -> list[Cell]:
    spread = [number(about, "features", f"embedding_{key}") for key in ("std", "rank")]
    return [
        cell(one.knn, "percent"),
        change(one.gain, missing="no labels to compare by"),
        cell(number(about, "knn", "random"), "percent"),
        *(cell(value, "compact") for value in spread),
        Cell("yes", one.collapsed, "bad") if one.collapsed else Cell("no"),
        seconds(number(timing(folder), "seconds")),
    ]


def _gain(table: pd.DataFrame) -> Difference | None:
    if "trained" not in table or table.empty:
        return None
    ours, theirs = ((table[name] == table["label"]).to_numpy().astype(np.float64) for name in ("trained", "random"))
    return paired([ours - theirs])


def _baselines(results: Results) -> dict[str, Number]:
    if results.pretrain_baselines is None:
        return {}
    found = files.read_json(results.pretrain_baselines / "metrics.json")["knn"]
    return {key: number(found, key) for key in BASELINES if key in found}


def _by_epoch(results: Results) -> Curves | None:
    """Draw the k-NN accuracy by epoch; epoch 0 has random weights, and the baselines are level lines."""
    lines: dict[str, dict[float, Number]] = {}
    for name, folder in results.pretrainings.items():
        table = pd.read_csv(folder / "features.csv")
        if "knn_accuracy" in table:
            points = zip(table["epoch"], table["knn_accuracy"], strict=True)
            lines[name] = {float(epoch): Number(float(share)) for epoch, share in points}
    if not lines:
        return None
    epochs = sorted({epoch for line in lines.values() for epoch in line})
    for key, share in _baselines(results).items():
        lines[BASELINES[key]] = {epoch: Number(share.value) for epoch in (epochs[0], epochs[-1])}
    return curves("k-NN accuracy", "epoch", lines, _ticks(epochs))


def _loss(name: str, folder: Path) -> Curves:
    table = pd.read_csv(folder / "history.csv")
    line = {
        float(epoch + 1): Number(float(loss)) for epoch, loss in zip(table["epoch"], table["train_loss"], strict=True)
    }
    return curves(f"Training loss of {name}", "epoch", {name: line}, _ticks(list(line)))


def _ticks(epochs: list[float]) -> dict[float, str]:
    step = max(1, len(epochs) // MOST_TICKS)
    return {epoch: f"{epoch:.0f}" for epoch in [*epochs[::step]]}
