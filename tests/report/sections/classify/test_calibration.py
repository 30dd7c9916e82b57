"""The verdict on temperature scaling follows the test NLL, whatever ECE says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.report.page import findings

from darkroom import files
from darkroom.report.sections.classify.calibration import improvement

ONE = [("none", "mlp")]


def scaled(tree: Any, temperature: float, *, right: float, **about: Any) -> None:
    """Let scaled probabilities of 0.6 for the answer come from this temperature, and ECE vanish."""
    folder = tree.results / "classify/none/mlp/seed-0/evaluation"
    table = pd.read_parquet(folder / "predictions.parquet")
    k = sum(name.startswith("p_plain_") for name in table)
    wrong = np.arange(len(table)) >= right * len(table)
    answer = (table["label"].to_numpy() + wrong) % k
    table = table.assign(prediction_plain=answer)
    table = table.assign(**{f"p_plain_{i}": np.where(answer == i, 0.6, 0.4 / (k - 1)) for i in range(k)})
    table.to_parquet(folder / "predictions.parquet")
    metrics = files.read_json(folder / "metrics.json")
    metrics["temperature"]["plain"] = temperature
    metrics["views"]["plain"]["raw"]["ece"] = {"value": 0.05, "low": 0.04, "high": 0.06}
    metrics["views"]["plain"]["calibrated"]["ece"] = {"value": 0.0, "low": 0.0, "high": 0.0}
    files.write_json(folder / "metrics.json", {**metrics, **about})


@pytest.mark.parametrize(
    ("temperature", "right", "verdict"),
    [(2.0, 1.0, "hurt"), (0.5, 1.0, "helped"), (3.0, 0.5, "helped"), (1.0001, 0.6, "no clear difference")],
)
def test_scaling_helped_only_if_the_test_nll_fell(
    plant: Callable[..., Any], tmp_path: Path, temperature: float, right: float, verdict: str
) -> None:
    tree = plant(classifiers=ONE, generators=(), detectors=())
    scaled(tree, temperature, right=right)
    folder = tree.results / "classify/none/mlp/seed-0/evaluation"
    table = pd.read_parquet(folder / "predictions.parquet")
    after = table[[name for name in table if name.startswith("p_plain_")]].to_numpy()
    before = after**temperature / (after**temperature).sum(1, keepdims=True)
    rows = np.arange(len(table)), table["label"].to_numpy()
    change = improvement(tree.read().classifiers[0])
    assert change is not None
    assert change.value == pytest.approx(np.log(after[rows]).mean() - np.log(before[rows]).mean(), abs=1e-9)
    assert findings(tree.build(tmp_path / "page"))["Calibration"][0].startswith(f"{verdict}: ")


def test_a_classifier_that_could_not_be_calibrated_is_said_not_to_be(plant: Callable[..., Any], tmp_path: Path) -> None:
    tree = plant(classifiers=ONE, generators=(), detectors=())
    note = "not enough validation images to calibrate"
    scaled(tree, 1.0, right=0.9, calibration={"plain": {"note": note}})
    page = tree.build(tmp_path / "page")
    (sentence,) = findings(page)["Calibration"]
    assert sentence.startswith("not calibrated: ")
    assert note in sentence
    assert "without temperature scaling" in page
    assert ", after temperature scaling" not in page
    assert page.count("not scaled") == 4  # three scores after scaling, and the temperature
