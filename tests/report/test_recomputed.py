"""Verdicts of the page, recomputed by a stranger from the tables that the evaluations left, by another route."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score
from tests.report.page import findings

from darkroom import files

DIFFERENCE = "([+\N{MINUS SIGN}]?[\\d.]+) (?:points )?\\(([+\N{MINUS SIGN}\\d.]+) to ([+\N{MINUS SIGN}\\d.]+)\\)"


def shown(words: str) -> tuple[float, float, float]:
    """Read the first difference of a sentence, with its interval."""
    found = re.search(DIFFERENCE, words)
    assert found, words
    value, low, high = (float(part.replace("\N{MINUS SIGN}", "-")) for part in found.groups())
    return value, low, high


def predictions(tree: Any, policy: str, model: str) -> pd.DataFrame:
    path = tree.results / f"classify/{policy}/{model}/seed-0/evaluation/predictions.parquet"
    return pd.read_parquet(path).sort_values("id")


@pytest.fixture
def built(plant: Callable[..., Any], tmp_path: Path) -> tuple[Any, dict[str, list[str]]]:
    """A tree, and the findings of its page."""
    tree = plant(generators=())
    return tree, findings(tree.build(tmp_path / "page"))


def test_the_better_network_from_the_predictions(built: tuple[Any, dict[str, list[str]]]) -> None:
    tree, found = built
    better, worse = (
        table["prediction_plain"].eq(table["label"]).to_numpy()
        for table in (predictions(tree, "standard", model) for model in ("resnet", "mlp"))
    )
    won, lost = int((better & ~worse).sum()), int((worse & ~better).sum())
    (words,) = found["Network"]
    value, low, high = shown(words)
    assert value == pytest.approx(100 * (won - lost) / len(better), abs=0.05)
    # McNemar's exact test (1947) and the page agree on what is clear, and Bonett & Price's Wald interval on how far
    clear = stats.binomtest(won, won + lost).pvalue < 0.05
    assert words.startswith("clear difference") == clear
    n, gain = len(better) + 2, (won - lost) / (len(better) + 2)
    half = 1.96 * np.sqrt(((won + 1 + lost + 1) / n - gain**2) / n)
    assert (low, high) == pytest.approx((100 * (gain - half), 100 * (gain + half)), abs=0.4)


def test_the_gain_by_calibration_from_the_probabilities(built: tuple[Any, dict[str, list[str]]]) -> None:
    tree, found = built
    table = predictions(tree, "standard", "resnet")
    metrics = files.read_json(tree.results / "classify/standard/resnet/seed-0/evaluation/metrics.json")
    after = table[[f"p_plain_{k}" for k in range(10)]].to_numpy()
    before = after ** metrics["temperature"]["plain"]
    before /= before.sum(1, keepdims=True)
    rows = np.arange(len(table)), table["label"].to_numpy()
    rise = np.log(before[rows]) - np.log(after[rows])
    (words,) = found["Calibration"]
    value, low, high = shown(words)
    assert value == pytest.approx(rise.mean(), abs=0.001)
    draws = np.random.default_rng(5).choice(rise, (2000, len(rise))).mean(1)
    assert (low, high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.03)
    assert words.startswith("helped") == (high < 0)


def test_the_better_detector_from_the_scores(built: tuple[Any, dict[str, list[str]]], tmp_path: Path) -> None:
    tree, _ = built
    path = tree.results / "detect/normal-0/autoencoder/seed-0/evaluation/scores.parquet"
    table = pd.read_parquet(path)
    noise = np.random.default_rng(0).normal(scale=2, size=len(table))
    table.assign(score=table["score"] + noise).to_parquet(path)
    tables = [
        pd.read_parquet(tree.results / f"detect/normal-0/{name}/seed-0/evaluation/scores.parquet")
        for name in ("pca", "autoencoder")
    ]
    gap = np.subtract(*(roc_auc_score(each["anomalous"], each["score"]) for each in tables))
    words = findings(tree.build(tmp_path / "again"))["Anomalies"][0]
    value, low, _ = shown(words)
    assert words.startswith("clear difference")
    assert value == pytest.approx(gap, abs=0.0006)
    assert low > 0
