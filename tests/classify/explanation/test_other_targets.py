"""Explanations of several labels and of numbers: what is planted is found, and named for the right output."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy import stats
from tests.classify.explanation.test_conditions import attributes as table

from darkroom import files, registry
from darkroom.classify import explain
from darkroom.classify.config import ExplainSpec
from darkroom.classify.explanation.conditions import conditions, findings, rank_sum
from darkroom.classify.explanation.mistakes import Errors
from darkroom.classify.explanation.numbers import NumberErrors, quarters
from darkroom.classify.explanation.several_labels import LabelMistakes
from darkroom.data import attributes, fetch, prepare
from darkroom.data.config import AttributesSpec, FetchSpec, PrepareSpec
from darkroom.data.store import labeled, open_store
from darkroom.fit.model import save_model
from darkroom.log import silent
from darkroom.nets.rescale import rescaled

NAMES = ("left", "right")
NETWORK = {"name": "cnn", "width": 8}
SPEC = ExplainSpec.model_validate(
    {"classifiers": [{"policy": "none", "model": "cnn", "folder": "cnn", "network": NETWORK}]}
)


def called(truth: np.ndarray, wrong: np.ndarray, chance: np.ndarray | float = 0.9) -> LabelMistakes:
    found = truth ^ wrong
    return LabelMistakes(np.where(found, chance, 1 - np.asarray(chance)), truth, found)


def test_strips_of_labels_start_with_the_surest_mistakes() -> None:
    truth = np.array([[1, 0], [0, 0], [0, 1], [1, 1], [1, 0]], bool)
    wrong = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [0, 0]], bool)
    found = called(truth, wrong, np.array([[0.6], [0.7], [0.95], [0.8], [0.9]])).strips()
    assert {name: shown.places.tolist() for name, shown in found.items() if name != "highest_loss"} == {
        "called-0": [2, 1],
        "missed-0": [0],
        "called-1": [],
        "missed-1": [3],
    }
    assert found["highest_loss"].places.tolist()[:2] == [2, 3]
    assert found["highest_loss"].outputs.tolist()[:2] == [0, 1]


def test_labels_mistaken_together_are_found_and_independent_mistakes_are_not() -> None:
    draws = np.random.default_rng(0)
    truth = draws.random((600, 4)) < 0.5
    wrong = draws.random((600, 4)) < 0.1
    assert called(truth, wrong).pairs() == ([], 4 * 3 + 6)
    swapped = truth[:, 0] & ~truth[:, 1] & (draws.random(600) < 0.3)
    wrong[swapped, 0] = wrong[swapped, 1] = True
    both = truth[:, 2] & truth[:, 3] & (draws.random(600) < 0.3)
    wrong[both, 2] = wrong[both, 3] = True
    pairs, _ = called(truth, wrong).pairs()
    assert {(pair.kind, pair.true, pair.predicted) for pair in pairs} == {("confused", 0, 1), ("missed", 2, 3)}
    first = next(pair for pair in pairs if pair.kind == "confused")
    assert first.expected is not None
    assert first.count > 2 * first.expected
    assert (wrong[first.shown.places][:, :2]).all()
    assert set(first.shown.outputs) == {1}


def test_strips_of_numbers_have_the_largest_errors_in_each_direction() -> None:
    truth = np.array([[1.0], [2.0], [3.0], [4.0]])
    found = NumberErrors(truth, truth + np.array([[0.1], [-2.0], [0.5], [-0.2]])).strips()
    assert {name: shown.places.tolist() for name, shown in found.items()} == {"over-0": [2, 0], "under-0": [1, 3]}


def test_quarters_keep_equal_numbers_together() -> None:
    assert np.bincount(quarters(np.arange(100.0))).tolist() == [25, 25, 25, 25]
    assert len(set(quarters(np.array([0.0] * 60 + [1.0] * 40)))) == 2
    assert set(quarters(np.full(9, 3.0))) == {1}


def test_the_rank_sum_test_is_that_of_scipy() -> None:
    draws = np.random.default_rng(0)
    for values in (draws.exponential(size=200), draws.integers(0, 4, 200).astype(float)):
        masks = draws.random((5, 200)) < 0.2
        expected = [
            stats.mannwhitneyu(values[mask], values[~mask], alternative="greater", method="asymptotic").pvalue
            for mask in masks
        ]
        assert rank_sum(values, masks) == pytest.approx(expected)


def test_errors_that_are_larger_in_the_dark_are_found_with_their_ratio() -> None:
    draws = np.random.default_rng(0)
    about = table(draws)
    dark = (about["brightness"] <= about["brightness"].quantile(0.25)).to_numpy()
    sizes = np.abs(draws.normal(size=300)) * np.where(dark, 3, 1)
    first = findings(conditions(about), [Errors(sizes, np.zeros(300, np.int64), 1, sized=True)])[0]
    assert (first.condition.attribute, first.condition.kind, first.output) == ("brightness", "low", 1)
    assert first.ratio == pytest.approx(sizes[dark].mean() / sizes[~dark].mean())
    assert 1.5 < first.low < 3 < first.high < 5


@pytest.mark.parametrize(("sets", "most"), [(100, 10), pytest.param(1000, 64, marks=pytest.mark.long)])
def test_few_sets_of_random_errors_raise_an_alarm(sets: int, most: int) -> None:
    draws, alarms = np.random.default_rng(2), 0
    for _ in range(sets):
        errors = [Errors(draws.exponential(size=300), np.zeros(300, np.int64), m, sized=True) for m in range(2)]
        alarms += bool(findings(conditions(table(draws)), errors))
    assert alarms <= most


Explained = Callable[[str, Callable[[np.ndarray], np.ndarray]], dict[str, Any]]


@pytest.fixture
def explained(tmp_path: Path) -> Explained:
    """Draw bars on the left, on the right, both or neither, of a height; a third is dark, and the left ones are JPEGs."""
    draws, rows = np.random.default_rng(0), []
    for number in range(300):
        left, right, height = number % 2, number // 2 % 2, int(draws.integers(3, 13))
        image = np.full((16, 16), 0.2)
        image[-height:, 2:5], image[-height:, 11:14] = 0.2 + 0.8 * left, 0.2 + 0.8 * right
        image = image * (40 if number % 3 == 0 else 190) + 30 * draws.random((16, 16))
        name = f"{number}.{'jpg' if left else 'png'}"
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(tmp_path / name)
        rows.append((name, left, right, height))
    pd.DataFrame(rows, columns=["path", *NAMES, "height"]).to_csv(tmp_path / "table.csv", index=False)

    def explain_(kind: str, wrong: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
        asked = {"labels": list(NAMES)} if kind == "labels" else {"numbers": ["height"]}
        source: dict[str, Any] = {"source": {"name": "manifest", "path": str(tmp_path / "table.csv"), **asked}}
        raw, data, recorded = (tmp_path / name for name in ("raw", "prepared", "attributes"))
        fetch.run(FetchSpec.model_validate(source), out=raw, log=silent)
        split = {"test": 0.6, "near_duplicates": False}
        spec = PrepareSpec.model_validate({**source, "name": "drawn", "split": split})
        prepare.run(spec, raw=raw, out=data, log=silent)
        attributes.run(AttributesSpec.model_validate(source), data=data, raw=raw, out=recorded, log=silent)
        _answer(tmp_path / "models", data, kind, wrong)
        places = {"classifiers": tmp_path / "models", "out": tmp_path / "out"}
        explain.run(SPEC, data=data, attributes=recorded, **places, log=silent)
        return dict(files.read_json(tmp_path / "out" / explain.ABOUT))

    return explain_


def _answer(root: Path, data: Path, kind: str, wrong: Callable[[np.ndarray], np.ndarray]) -> None:
    """Write an untrained network, and answers that differ from the truth by `wrong` of the test images."""
    store = open_store(data)
    rows = labeled(store, "test")
    truth, off = store.targets[rows], wrong(np.asarray(store.samples[rows]))
    about = {"id": store.items["id"].to_numpy()[rows]}
    for k in range(truth.shape[1]):
        answer = truth[:, k] + off[:, k] if kind == "numbers" else (truth[:, k] > 0) ^ off[:, k]
        about |= {f"true_{k}": truth[:, k], f"prediction_plain_{k}": answer, f"p_plain_{k}": 0.1 + 0.8 * answer}
    torch.manual_seed(0)
    outputs = len(store.target.names)
    network = registry.build(SPEC.classifiers[0].network, store.shape, outputs)
    if kind == "numbers":
        rescaled(network, outputs)
    shared = {"plugin": SPEC.classifiers[0].network, "shape": store.shape, "classes": (), "target": store.target}
    with files.folder(root / "cnn" / "model") as fresh:
        save_model(fresh, network, fitted=None, **shared)
    with files.folder(root / "cnn" / "evaluation") as fresh:
        pd.DataFrame(about).to_parquet(fresh / "predictions.parquet")


def test_a_label_that_is_mistaken_in_the_dark_and_one_that_the_file_type_gives_away_are_named(
    explained: Explained,
) -> None:
    def wrong(images: np.ndarray) -> np.ndarray:
        dark = images.mean((1, 2, 3)) < 50
        return np.stack([np.zeros(len(images), bool), dark & (np.arange(len(images)) % 4 > 0)], 1)

    found = explained("labels", wrong)
    [one] = found["classifiers"]
    conditions = [(c["attribute"], c["kind"], c["output"]) for c in one["conditions"]]
    assert ("brightness", "low", 1) in conditions
    assert 0 not in {output for *_, output in conditions}
    leaks = [(leak["kind"], leak["output"]) for leak in found["shortcuts"] if leak["found"]]
    assert leaks == [("file type", 0)]
    assert set(one["strips"]) <= {"highest_loss", "called-1", "missed-1"}
    assert one["strips"]["missed-1"]["panels"] == ["image", "for", "against"]
    assert all(item["of"] == 1 and 1 not in item["called"] for item in one["strips"]["missed-1"]["items"])
    assert one["tested_pairs"] == 3
    assert one["tests"] == 2 * found["conditions"]  # of any label and of the second; the first has no mistakes


def test_numbers_that_are_far_off_in_the_dark(explained: Explained) -> None:
    def wrong(images: np.ndarray) -> np.ndarray:
        draws = np.random.default_rng(1).normal(size=len(images))
        return (draws * np.where(images.mean((1, 2, 3)) < 50, 4, 1))[:, None]

    found = explained("numbers", wrong)
    [one] = found["classifiers"]
    first = one["conditions"][0]
    assert (first["attribute"], first["kind"], first["output"]) in {("brightness", "low", 0), ("contrast", "low", 0)}
    assert first["low"] > 1.5
    assert (one["mistakes"], one["pairs"], one["saliency"]) == (None, [], "grad_cam")
    over = [item["predicted"] - item["true"] for item in one["strips"]["over-0"]["items"]]
    assert over == sorted(over, reverse=True)
    assert over[-1] > 0
    assert one["strips"]["under-0"]["panels"] == ["image", "raises", "lowers"]
    assert len(one["map"]["predicted"]) == len(found["points"]["truth"]) == found["images"]
