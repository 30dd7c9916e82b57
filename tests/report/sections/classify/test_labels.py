"""Several labels in words: the F1 of each image, what scaling changed, weak labels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from darkroom.report.results import ClassifierRuns, Run
from darkroom.report.sections.classify import labels

ITEMS, SLOPE, OFFSET = 400, 0.5, -0.8


@pytest.fixture
def runs(tmp_path: Path) -> ClassifierRuns:
    """A classifier of two labels whose logits are twice as large as they should be, and scaled back."""
    random = np.random.default_rng(0)
    right = random.normal(size=(ITEMS, 2)) * 2 - 1
    truth = random.random((ITEMS, 2)) < 1 / (1 + np.exp(-right))
    chances = 1 / (1 + np.exp(-right))
    table: dict[str, Any] = {"id": np.arange(ITEMS)}
    for k in range(2):
        table |= {f"true_{k}": truth[:, k], f"prediction_plain_{k}": chances[:, k] > 0.5, f"p_plain_{k}": chances[:, k]}
    pd.DataFrame(table).to_parquet(tmp_path / "predictions.parquet")
    score = {"value": 0.8, "low": 0.7, "high": 0.9}
    one = {"f1": score, "threshold": 0.5, "calibration": {"slope": SLOPE, "offset": OFFSET, "note": ""}}
    values = {"ece": score, "macro_f1": {"value": 0.8}}
    metrics = {"per_label": {"plain": {"cat": one, "dog": {**one, "f1": {"value": 0.1, "low": 0.0, "high": 0.2}}}}}
    metrics["views"] = {"plain": {"raw": values, "calibrated": values}}
    model = {"target": {"kind": "labels", "names": ["cat", "dog"]}}
    return ClassifierRuns(("none", "mlp"), (Run(tmp_path, tmp_path, 0, model, metrics, {}, {}),))


def test_the_f1_of_images_is_that_of_scikit_learn(runs: ClassifierRuns) -> None:
    table = runs.first.table("predictions.parquet")
    assert table is not None
    truth, called = (table.filter(regex=f"^{part}").to_numpy(bool) for part in ("true", "prediction"))
    found = labels.image_f1(runs.first)
    assert found is not None
    assert found.mean() == pytest.approx(reference.f1_score(truth, called, average="samples", zero_division=1.0))


def test_what_scaling_gained_is_measured_by_undoing_it(runs: ClassifierRuns) -> None:
    gains = labels.likelihood_gains(runs.first, runs.first)
    table = runs.first.table("predictions.parquet")
    assert gains is not None
    assert table is not None
    change = 0.0
    for k in range(2):
        after = table[f"p_plain_{k}"].to_numpy()
        raw = 1 / (1 + np.exp(-(np.log(after / (1 - after)) - OFFSET) / SLOPE))
        change += reference.log_loss(table[f"true_{k}"], raw) - reference.log_loss(table[f"true_{k}"], after)
    assert gains.mean() == pytest.approx(change)
    (found,) = labels.calibration_findings(runs)
    words = re.sub("<[^>]*>", "", found.words)
    assert found.verdict == "helped"
    assert words.startswith(f"Platt scaling of 2 of 2 labels changes the NLL by −{change:.3f}")


def test_weak_labels_are_named(runs: ClassifierRuns) -> None:
    table, weak = labels.by_label(runs)
    assert [row.title for row in table.rows] == ["cat", "dog"]
    assert weak == ["dog"]
