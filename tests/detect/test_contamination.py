"""A share of anomalous images taken for normal: how many, which, and what stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkroom import files
from darkroom.config.load import load
from darkroom.data.store import open_store
from darkroom.detect import evaluate, fit
from darkroom.detect.config import EvaluateSpec, FitSpec
from darkroom.detect.items import contaminated, is_anomalous, labels_given, normal_rows
from darkroom.log import silent
from darkroom.planning.plan import Plan

NORMAL = ("1",)


def mixed(data: Path, share: float, seed: int = 0) -> np.ndarray:
    store = open_store(data)
    return contaminated(store, normal_rows(store, "train", NORMAL), NORMAL, share, seed=seed)


def spec(contamination: float = 0.0) -> FitSpec:
    return FitSpec.model_validate({"detector": "pca", "normal": NORMAL, "contamination": contamination, "seed": 0})


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3, 0.5])
def test_the_share_is_that_asked_for_as_near_as_whole_images_come(share: float, digits: Path) -> None:
    store, rows = open_store(digits), mixed(digits, share)
    strange = is_anomalous(store, rows, NORMAL)
    assert abs(strange.sum() - share * len(rows)) <= 0.5 / (1 - share)
    assert np.array_equal(rows[~strange], normal_rows(store, "train", NORMAL)), "no normal image is lost"
    assert len(np.unique(rows)) == len(rows)
    assert set(store.items["split"].to_numpy()[rows]) == {"train"}


def test_a_seed_repeats_and_a_larger_share_holds_the_smaller(digits: Path) -> None:
    assert np.array_equal(mixed(digits, 0.2), mixed(digits, 0.2))
    assert not np.array_equal(mixed(digits, 0.2), mixed(digits, 0.2, seed=1))
    assert set(mixed(digits, 0.1)) < set(mixed(digits, 0.2))


def test_without_it_the_normal_images_are_left_alone(digits: Path) -> None:
    assert np.array_equal(mixed(digits, 0.0), normal_rows(open_store(digits), "train", NORMAL))


def test_an_anomalous_image_is_given_the_label_of_a_normal_one(digits: Path) -> None:
    store, normal = open_store(digits), ("1", "2")
    rows = contaminated(store, normal_rows(store, "train", normal), normal, 0.3, seed=0)
    given, strange = labels_given(store, rows, normal, seed=0), is_anomalous(store, rows, normal)
    assert np.array_equal(given[~strange], store.labels[rows[~strange]])
    assert set(given[strange]) == {1, 2}


def test_shares_that_cannot_be_had_are_refused(digits: Path) -> None:
    with pytest.raises(ValueError, match=r"detect\.contamination: a share of 0\.001 .* is less than one image"):
        mixed(digits, 0.001)
    store = open_store(digits)
    every = tuple(store.classes[:-1])
    with pytest.raises(ValueError, match=r"needs \d+, but the train split of digits has \d+ images of other classes"):
        contaminated(store, normal_rows(store, "train", every), every, 0.5, seed=0)
    every = tuple(store.classes)
    with pytest.raises(
        ValueError, match=r"adds labeled anomalies, and the train split of digits has none; leave it out"
    ):
        contaminated(store, normal_rows(store, "train", every), every, 0.1, seed=0)


@pytest.mark.training
def test_it_changes_what_is_learned_and_no_other_image(digits: Path, tmp_path: Path) -> None:
    found = {}
    for share in (0.0, 0.3):
        root = tmp_path / str(share)
        fit.run(spec(share), data=digits, out=root / "model", log=silent)
        options = {"false_alarms": 0.05, "threshold": "quantile", "examples": 5, "resamples": 100, "seed": 0}
        asked = EvaluateSpec.model_validate({"detector": "pca", "normal": NORMAL, **options})
        evaluate.run(asked, data=digits, model=root / "model", out=root / "evaluation", log=silent)
        found[share] = files.read_json(root / "evaluation" / "metrics.json")
    assert found[0.3]["image"]["auroc"]["value"] < found[0.0]["image"]["auroc"]["value"]
    assert found[0.3]["reconstruction"]["mse"]["value"] > found[0.0]["reconstruction"]["mse"]["value"]
    assert found[0.3]["n_normal"] == found[0.0]["n_normal"]
    assert found[0.3]["n_anomalous"] == found[0.0]["n_anomalous"]
    strips = [files.read_manifest(tmp_path / share / "evaluation")["originals.png"] for share in ("0.0", "0.3")]
    assert strips[0] == strips[1]


def planned(**detect: Any) -> Plan:
    raw = {
        "name": "mixed",
        "data": {"source": "sklearn"},
        "detect": {"normal": ["1", "2"], "detectors": {"pca": {}}, **detect},
    }
    return Plan(load(raw, path="mixed.yaml"))


def test_each_share_is_a_task_and_another_share_makes_no_other_stale() -> None:
    plan, more = planned(), planned(contamination=[0, 0.05, 0.1])
    assert [job.wildcards["task"] for job in plan.jobs_of("detect fit")] == ["normal-1", "normal-2"]
    tasks = [job.wildcards["task"] for job in more.jobs_of("detect fit")]
    assert tasks[:3] == ["normal-1", "normal-1.contamination-0.05", "normal-1.contamination-0.1"]
    assert len(set(tasks)) == 6
    for job in ("detect fit", "detect evaluate"):
        wild = {"task": "normal-1", "detector": "pca", "seed": 0}
        assert plan.spec(job, **wild) == more.spec(job, **wild)
        other = {**wild, "task": "normal-1.contamination-0.1"}
        assert (more.spec(job, **wild) == more.spec(job, **other)) == (job == "detect evaluate")
