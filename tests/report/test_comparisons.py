"""Networks are compared under one policy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.report.page import findings

from darkroom.report.comparisons import network_effects, ranking


def validated(tree: Any, policy: str, model: str, accuracy: float) -> None:
    """Set a classifier's last validation accuracy."""
    path = tree.results / f"classify/{policy}/{model}/seed-0/model/history.csv"
    pd.read_csv(path).assign(val_accuracy=accuracy).to_csv(path, index=False)


def test_networks_are_compared_under_the_best_ones_policy(plant: Callable[..., Any], tmp_path: Path) -> None:
    tree = plant()
    validated(tree, "none", "mlp", 0.97)  # the other network is best without augmentation
    (effect,) = network_effects(ranking(tree.read().classifiers)[0])
    assert (effect.to.title, effect.base.title) == ("resnet + standard", "mlp + standard")
    (sentence,) = findings(tree.build(tmp_path / "page"))["Network"]
    assert "With standard, resnet is more accurate than mlp" in sentence


def test_without_that_policy_the_best_common_one_is_used(plant: Callable[..., Any]) -> None:
    tree = plant(classifiers=[("none", "mlp"), ("none", "resnet"), ("standard", "resnet")])
    (effect,) = network_effects(ranking(tree.read().classifiers)[0])
    assert (effect.to.title, effect.base.title) == ("resnet + none", "mlp + none")


def test_networks_without_a_common_policy_are_not_compared(plant: Callable[..., Any], tmp_path: Path) -> None:
    tree = plant(classifiers=[("none", "mlp"), ("standard", "resnet")])
    assert network_effects(ranking(tree.read().classifiers)[0]) == []
    assert "Network" not in findings(tree.build(tmp_path / "page"))


def test_with_a_baseline_every_model_is_compared_with_it_under_each_policy(
    plant: Callable[..., Any], tmp_path: Path
) -> None:
    names = [(policy, model) for policy in ("none", "standard") for model in ("plain", "mlp", "resnet")]
    tree = plant(classifiers=names)
    effects = network_effects(ranking(tree.read().classifiers)[0], "plain")
    assert {(e.to.policy, e.to.model) for e in effects} == {pair for pair in names if pair[1] != "plain"}
    assert all(e.base.model == "plain" and e.base.policy == e.to.policy for e in effects)
    spec = tree.spec.model_copy(update={"config": {"classify": {"baseline": "plain"}}})
    page = dataclasses.replace(tree, spec=spec).build(tmp_path / "page")
    assert "Network" not in findings(page)
    without, augmented = findings(page)["Model"]
    assert without.count("points") == augmented.count("points") == 2
    assert "compared with plain" in without


def test_a_lead_that_chance_explains_is_said(plant: Callable[..., Any], tmp_path: Path) -> None:
    tree = plant()  # of 100 validation images the best one gets 2 wrong, the runner-up 3
    lead = "It leads <b>resnet</b> without augmentation by 1 of 100 validation images, no more than chance explains."
    assert lead in tree.build(tmp_path / "close")
    path = tree.results / "classify/standard/resnet/seed-0/evaluation/validation.parquet"
    pd.read_parquet(path).assign(prediction_plain=lambda table: (table["label"] + table.index // 97) % 10).to_parquet(
        path
    )
    assert "It ties with <b>resnet</b> without augmentation on 100 validation images" in tree.build(tmp_path / "tie")
    path = tree.results / "classify/none/resnet/seed-0/evaluation/validation.parquet"
    pd.read_parquet(path).assign(prediction_plain=-1).to_parquet(path)
    clear = tree.build(tmp_path / "clear")
    assert "chance explains" not in clear
    assert "ties with" not in clear


def test_intervals_of_validation_accuracies_stay_between_0_and_1(plant: Callable[..., Any]) -> None:
    tree = plant(classifiers=[("none", "mlp")], seeds=(0, 1))
    for seed, accuracy in ((0, 0.6), (1, 0.9)):
        path = tree.results / f"classify/none/mlp/seed-{seed}/model/history.csv"
        pd.read_csv(path).assign(val_accuracy=accuracy).to_csv(path, index=False)
    (found,) = ranking(tree.read().classifiers)[1].values()
    assert (found.value, found.low, found.high) == (pytest.approx(0.75), 0.0, 1.0)
