"""The search on real images with flipped labels: what it finds, what it ranks first, and that it repeats."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom import files
from darkroom.audit import train
from darkroom.audit.config import TrainSpec
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.data.store import open_store
from darkroom.labels import effect, find
from darkroom.labels.confident import confident_joint, suspects, suspicion
from darkroom.labels.config import EffectSpec, FindSpec
from darkroom.labels.evidence import Evidence, collect
from darkroom.log import silent
from darkroom.registry import options

NETWORK = {"name": "mlp", "hidden": [64]}


def flipped(digits: Path, folder: Path) -> tuple[Path, dict[str, str]]:
    """Prepare digits of which every 20th has the next digit as label; return the store and the flipped ids."""
    items = pd.read_parquet(digits / "items.parquet")
    wrong = {id_: str((label + 1) % 10) for id_, label in zip(items["id"][::20], items["label"][::20], strict=True)}
    source = options("source", "sklearn")()
    fetch.run(FetchSpec(source=source), out=folder / "raw", log=silent)
    spec = PrepareSpec(name="digits", source=source, corrected=wrong)
    prepare.run(spec, raw=folder / "raw", out=folder / "prepared", log=silent)
    return folder / "prepared", wrong


@pytest.fixture(scope="module")
def searched(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    root = tmp_path_factory.mktemp("labels")
    data, wrong = flipped(digits, root)
    judge: dict[str, Any] = {"network": NETWORK, "folds": 3, "training": {"epochs": 16, "batch_size": 64, "threads": 1}}
    for fold in range(3):
        spec = TrainSpec.model_validate({**judge, "fold": fold})
        train.run(spec, data=data, out=root / "models" / f"fold-{fold}", log=silent)
    find.run(
        FindSpec.model_validate({"network": NETWORK, "examples": 50}),
        data=data,
        models=root / "models",
        out=root / "found",
        log=silent,
    )
    return root, wrong


def test_flipped_labels_are_found_and_stand_first_with_the_right_suggestion(
    searched: tuple[Path, dict[str, str]], digits: Path
) -> None:
    root, wrong = searched
    found = pd.read_csv(root / "found" / "suspects.csv", dtype={"given": str, "suggested": str})
    hits = found["id"].isin(list(wrong))
    assert hits.sum() / len(wrong) > 0.85
    assert hits.mean() > 0.8
    assert hits[:50].mean() > 0.9
    truth = pd.read_parquet(digits / "items.parquet").set_index("id")["label"].astype(str)
    assert (found["suggested"] == found["id"].map(truth))[hits].mean() > 0.9
    assert set(found["split"]) == {"train", "val", "test"}
    assert found["score"].is_monotonic_decreasing


def test_the_page_gets_the_first_suspects_and_neighbors_of_both_classes(searched: tuple[Path, dict[str, str]]) -> None:
    about = files.read_json(searched[0] / "found" / "labels.json")
    assert len(about["shown"]) == 50
    assert about["strip"]["panels"] == ["image", "given", "suggested"]
    assert np.array(about["estimated"]).sum(1).sum() == pytest.approx(about["images"], abs=20)


def test_evidence_is_shared_among_classes_and_no_image_of_the_own_group_is_a_neighbor(
    searched: tuple[Path, dict[str, str]],
) -> None:
    store = open_store(searched[0] / "prepared")
    found = collect(FindSpec.model_validate({"network": NETWORK}), store, searched[0] / "models")
    for shares in (found.judged, found.voted):
        assert np.allclose(shares.sum(1), 1)
    assert (store.labels[found.nearest] == np.arange(10)).all()
    groups = store.items["group"].to_numpy()
    assert (groups[found.nearest] != groups[found.rows][:, None]).all()


def test_near_duplicates_with_different_labels_are_suspects(
    searched: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    root, _ = searched
    data = shutil.copytree(root / "prepared", tmp_path / "data")
    items, known = pd.read_parquet(data / "items.parquet"), pd.read_csv(root / "found" / "suspects.csv")["id"]
    unsuspected = items[~items["id"].isin(known)].drop_duplicates("label")["id"].tolist()
    alike = items[items["label"] == items["label"].iloc[0]]["id"].tolist()
    pairs = [unsuspected[:2], alike[:2]]
    pd.DataFrame(pairs, columns=["id", "other"]).to_csv(data / "near_duplicates.csv", index=False)
    spec = FindSpec.model_validate({"network": NETWORK})
    find.run(spec, data=data, models=root / "models", out=tmp_path / "found", log=silent)
    twins = pd.read_csv(tmp_path / "found" / "suspects.csv").set_index("id")["twins"].dropna()
    assert dict(twins) == dict(zip(unsuspected[:2], reversed(unsuspected[:2]), strict=True))


def test_the_search_repeats_byte_by_byte_and_refuses_judges_of_other_folds(
    searched: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    root, _ = searched
    spec = FindSpec.model_validate({"network": NETWORK, "examples": 50})
    find.run(spec, data=root / "prepared", models=root / "models", out=tmp_path / "again", log=silent)
    for name in ("suspects.csv", "labels.json", "suspects-00.webp"):
        assert (root / "found" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    other = spec.model_copy(update={"seed": 1})
    with pytest.raises(ValueError, match="different split"):
        find.run(other, data=root / "prepared", models=root / "models", out=tmp_path / "no", log=silent)


def test_training_on_either_labels_predicts_the_same_test_images(
    searched: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    root, wrong = searched
    training = {"epochs": 6, "batch_size": 64, "threads": 1}
    spec = EffectSpec.model_validate({"network": NETWORK, "training": training, "seeds": 1})
    effect.run(spec, data=root / "prepared", out=tmp_path / "effect", log=silent)
    table = pd.read_parquet(tmp_path / "effect" / "predictions.parquet")
    # here the given labels are the right ones, and the corrected ones are partly flipped
    changed = table["given"] != table["corrected"]
    assert set(table["id"][changed]) == set(table["id"]) & set(wrong)
    assert (table["before_0"] == table["given"]).mean() > 0.8
    assert (table["before_0"] != table["after_0"]).any()


def test_the_confident_joint_counts_by_the_mean_probability_of_each_class() -> None:
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.1, 0.9], [0.3, 0.7]])
    labels = np.array([0, 0, 0, 1, 1])
    # the thresholds are 0.6 and 0.8; the last image reaches neither
    assert confident_joint(probabilities, labels).tolist() == [[2, 1], [0, 2]]
    assert suspects(probabilities, labels).tolist() == [False, False, True, False, False]


def test_judges_and_neighbors_count_as_independent_witnesses() -> None:
    judged, voted = np.array([[0.5, 0.3, 0.2]]), np.array([[0.0, 0.6, 0.4]])
    nothing = np.zeros(1, np.int64)
    found = Evidence(nothing, nothing, judged, voted, np.zeros((1, 3), np.int64)).independent
    product = np.array([0.5 * 0.05, 0.3 * 0.65, 0.2 * 0.45])
    assert found[0] == pytest.approx(product / product.sum())


def test_a_label_is_wrong_with_the_probability_of_bayes_rule() -> None:
    probabilities, labels = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9]]), np.array([0, 0, 1])
    # of images of class 0, two thirds are labeled 0; of class 1, one third
    score, suggested = suspicion(probabilities, labels, np.array([[2.0, 1.0], [1.0, 2.0]]))
    assert score == pytest.approx([0.1 / (0.1 + 1.8), 0.8 / (0.8 + 0.4), 0.1 / (0.1 + 1.8)])
    assert suggested.tolist() == [1, 1, 0]


def test_the_more_often_a_class_is_mislabeled_the_more_suspicious_its_images() -> None:
    """An image labeled 0 that may as well be 1 or 2, where only images of class 2 were labeled 0."""
    probabilities, labels = np.array([[0.4, 0.3, 0.3]]), np.array([0])
    joint = np.array([[80.0, 0.0, 20.0], [0.0, 100.0, 0.0], [0.0, 0.0, 80.0]])
    score, suggested = suspicion(probabilities, labels, joint)
    assert suggested.tolist() == [2]
    assert score == pytest.approx([0.06 / 0.46])
    clean, likely = suspicion(probabilities, labels, 100 * np.eye(3))
    assert (clean.tolist(), likely.tolist()) == ([0.0], [1])


def test_a_class_without_images_is_neither_label_nor_suggestion() -> None:
    probabilities = np.array([[0.5, 0.4, 0.1], [0.1, 0.8, 0.1]])
    assert confident_joint(probabilities, np.array([0, 1])).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
