"""The section on tuning: what it reads, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tests.report.conftest import Tree
from tests.report.written import plot

from darkroom import files
from darkroom.report.config import ResultEntry
from darkroom.report.sections.tuning import cross_validation, learning_curve, search

INTERVAL = {"value": 0.95, "low": 0.9, "high": 1.2}


def folds(out: Path, p: float) -> None:
    scores = [
        {
            "policy": "none",
            "model": model,
            "scores": {"accuracy": {**INTERVAL, "value": value, "pooled": value, "folds": [value]}},
        }
        for model, value in (("mlp", 0.91), ("resnet", 0.95))
    ]
    difference = {"first": ["none", "mlp"], "second": ["none", "resnet"], "value": -0.04, "low": -0.06, "high": -0.02}
    found: dict[str, Any] = {"folds": 5, "seeds": [0], "images": 400, "main": "accuracy", "classifiers": scores}
    found |= {"differences": [{**difference, "p": p, "p_holm": p}], "left_out": {"mlp + drawn": "because"}}
    with files.folder(out) as fresh:
        files.write_json(fresh / "cross_validation.json", found)


def curve(out: Path) -> None:
    generator = np.random.default_rng(0)
    rows = [
        {
            "policy": "none",
            "model": "mlp",
            "seed": seed,
            "images": size,
            "id": item,
            "right": bool(generator.random() < accuracy),
        }
        for size, accuracy in ((100, 0.5), (400, 0.9))
        for seed in (0, 1)
        for item in range(300)
    ]
    one: dict[str, Any] = {"policy": "none", "model": "mlp", "sizes": [100, 400], "reason": ""}
    one["scores"] = [2 * [{"value": value, "low": value - 0.05, "high": value + 0.05}] for value in (0.5, 0.9)]
    one["forecasts"] = [{"more": 400, "value": 0.03, "low": 0.01, "high": 0.06}]
    with files.folder(out) as fresh:
        files.write_json(fresh / "learning_curve.json", {"main": "accuracy", "curves": [one], "left_out": {}})
        pd.DataFrame(rows).to_parquet(fresh / "predictions.parquet")


def searched(out: Path) -> None:
    values = {"training.optimizer.lr": 0.02}
    lines = [
        {"trial": "trial-0-1", "round": 0, "epochs": 3, "score": 0.97, "loss": 0.1, **values},
        {"trial": "trial-0-0", "round": 0, "epochs": 3, "score": None, "loss": None, "training.optimizer.lr": 9.0},
    ]
    with files.folder(out) as fresh:
        found = {"values": values, "score": 0.97, "loss": 0.1, "trial": "trial-0-1"}
        model = {"network": {"name": "mlp"}, "training": {"optimizer": {"name": "adamw", "lr": 0.02}}}
        files.write_json(fresh / "search.json", {**found, "model": model})
        pd.DataFrame(lines).to_csv(fresh / "trials.csv", index=False)
        (fresh / "search.png").write_bytes(plot())


def tuned(plant: Callable[..., Tree], *, p: float = 0.001) -> Tree:
    tree = plant(classifiers=[("none", "mlp"), ("none", "tuned")])
    folds(tree.results / "cross_validation", p)
    curve(tree.results / "learning_curve")
    searched(tree.results / "search/tuned/best")
    with files.folder(tree.results / "classify/none/mlp/lr_range") as fresh:
        rates = {"lr": 0.0042, "steepest": 0.0024, "lowest_loss": 0.0075, "last": 0.39}
        files.write_json(fresh / "lr_range.json", rates)
        (fresh / "lr_range.png").write_bytes(plot())
    asked = {"model": "mlp", "policy": "none", "method": "random"}
    changes = {
        "cross_validation": ResultEntry(folder="cross_validation"),
        "learning_curve": ResultEntry(folder="learning_curve"),
        "searches": [ResultEntry(name="tuned", folder="search/tuned/best")],
        "lr_ranges": [ResultEntry(name="mlp + none", folder="classify/none/mlp/lr_range")],
        "config": {**tree.spec.config, "classify": {"search": {"tuned": asked}}},
    }
    return Tree(tree.spec.model_copy(update=changes), tree.data, tree.results)


def test_the_page_shows_every_part(plant: Callable[..., Tree], tmp_path: Path) -> None:
    page = tuned(plant).build(tmp_path / "out")
    for part in ("Learning rates", "Cross-validation", "Learning curves", "Search: tuned"):
        assert f"<h3>{part}</h3>" in page
    assert "0.0042" in page
    assert "mlp + drawn (because)" in page
    assert "lr: 0.02" in page  # the settings to paste


def test_an_interval_of_shares_stays_within_them(plant: Callable[..., Tree]) -> None:
    found = cross_validation.subsection(tuned(plant).read())
    assert found is not None
    assert found.table.rows[0].cells[0].small == "90.0–100.0"


def test_a_config_that_tunes_nothing_has_no_such_section(plant: Callable[..., Tree], tmp_path: Path) -> None:
    assert 'id="tuning"' not in plant().build(tmp_path / "out")


def test_a_difference_is_clear_by_its_corrected_p_value(plant: Callable[..., Tree]) -> None:
    tree = tuned(plant)
    [finding] = cross_validation.findings(cross_validation.subsection(tree.read()))
    assert (finding.verdict, "resnet over mlp, none: +4.0 points" in finding.words) == ("clear", True)
    folds(tree.results / "cross_validation", 0.2)
    [finding] = cross_validation.findings(cross_validation.subsection(tree.read()))
    assert finding.verdict == "no clear difference"


def test_the_last_step_compares_the_same_test_images(plant: Callable[..., Tree]) -> None:
    tree = tuned(plant)
    found = learning_curve.subsection(tree.read())
    assert found is not None
    right = pd.read_parquet(tree.results / "learning_curve/predictions.parquet").groupby("images")["right"].mean()
    [verdict] = found.verdicts
    assert f"from 100 to 400 training images brought +{100 * (right[400] - right[100]):.1f} points" in verdict
    assert "400 more would bring +3.0 points" in verdict


def test_a_search_lists_the_best_trial_first_and_says_which_diverged(plant: Callable[..., Tree]) -> None:
    [found] = search.subsections(tuned(plant).read())
    first, second = found.table.rows
    assert (first.title, first.chosen, second.cells[0].small) == ("trial-0-1", True, "diverged")
    assert found.gain.endswith(")")
