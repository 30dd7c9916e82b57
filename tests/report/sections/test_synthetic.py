"""Synthetic images for rare classes: what was kept, and the gain over no policy and over the best other one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.report.page import findings

from darkroom import files
from darkroom.report.config import ResultEntry
from darkroom.report.sections import synthetic

POLICIES = [(policy, "resnet") for policy in ("none", "class_weights", "drawn")]
COUNTS = {"real": 12, "wanted": 388, "drawn": 600, "unsure": 200, "far": 30, "kept": 370}


@pytest.fixture
def tree(plant: Callable[..., Any]) -> Any:
    """Plant three policies, the last with synthetic images."""
    made = plant(classifiers=POLICIES, train=[400] * 9 + [12], seeds=range(5), generators=("gan",))
    with files.folder(made.results / "generate/synthetic/drawn") as fresh:
        files.write_json(fresh / "synthetic.json", {"model": "gan", "classes": {"<9>": COUNTS}})
    config = {"augment": {"class_weights": {"imbalance": "class_weights"}, "drawn": {"synthetic": {"model": "gan"}}}}
    spec = made.spec.model_copy(
        update={
            "policies": [],
            "synthetic": [ResultEntry(name="drawn", folder="generate/synthetic/drawn")],
            "config": config,
        }
    )
    return dataclasses.replace(made, spec=spec)


def answer(tree: Any, policy: str, share_right: float) -> None:
    """Let a policy be right on this share of the test images, with every seed."""
    for seed in range(5):
        path = tree.results / f"classify/{policy}/resnet/seed-{seed}/evaluation/predictions.parquet"
        table = tree.read().classifiers[0].runs[seed].table("predictions.parquet")
        wrong = np.random.default_rng(seed).random(len(table)) > share_right
        table.assign(prediction_plain=(table["label"] + wrong) % 10).to_parquet(path)


def test_a_harmful_policy_hurts_and_shows_its_interval(tree: Any, tmp_path: Path) -> None:
    for policy, share in (("none", 0.95), ("class_weights", 0.97), ("drawn", 0.6)):
        answer(tree, policy, share)
    page = tree.build(tmp_path / "page")
    (words,) = findings(page)["Synthetic data"]
    assert words.startswith(
        "hurt: Samples of gan for rare classes (drawn) change the balanced accuracy of resnet by −3"
    )
    assert "compared with class_weights, the best other policy" in words


def test_gains_are_paired_with_each_other_policy(tree: Any) -> None:
    for policy, share in (("none", 0.8), ("class_weights", 0.9), ("drawn", 0.99)):
        answer(tree, policy, share)
    found = synthetic.read(tree.read())
    assert found is not None
    (gain,) = found.gains
    assert gain.generator == "gan"
    assert gain.over_none.difference.value == pytest.approx(0.19, abs=0.02)
    assert gain.over_none.difference.clear
    assert gain.rival is not None
    assert gain.rival.base.policy == "class_weights"
    assert gain.rival.difference.value == pytest.approx(0.09, abs=0.02)
    assert not found.few
    assert found.table is not None
    assert found.table.columns == ["Balanced accuracy, %", "over none", "over class_weights"]


def test_rejected_and_missing_samples_are_shown_and_escaped(tree: Any, tmp_path: Path) -> None:
    page = tree.build(tmp_path / "page")
    assert "drawn: &lt;9&gt;" in page
    assert "of 388 wanted" in page
    assert "samples of gan" in page
