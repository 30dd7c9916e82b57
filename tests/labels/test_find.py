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
from darkroom.labels.confident import actual, calibrated, confident_counts, label_rates, posterior, suspects
from darkroom.labels.config import EffectSpec, FindSpec
from darkroom.labels.evidence import DOUBT, Evidence, collect
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
    assert 0.85 < about["agreed"] < 0.95, "right judges of all labels but every 20th"
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


def noisy(rates: np.ndarray, images: int, sure: float = 0.9) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return probabilities (N, K) of classes, and labels (N,) drawn at these rates (K, K), with the actual classes (N,).

    A share `sure` of the images is all but certain. Others may as well be the next class, and half of them are.
    """
    generator, classes = np.random.default_rng(0), len(rates)
    looks = np.repeat(np.arange(classes), images)
    doubtful = generator.random(len(looks)) > sure
    after = (looks + 1) % classes
    truth = np.where(doubtful & (generator.random(len(looks)) < 0.5), after, looks)
    probabilities = np.full((len(looks), classes), 1e-3 / (classes - 1))
    probabilities[np.arange(len(looks)), looks] = np.where(doubtful, 0.5, 1 - 1e-3)
    probabilities[np.arange(len(looks)), after] += np.where(doubtful, 0.5, 0)
    labels = np.array([generator.choice(classes, p=rates[:, one]) for one in truth])
    return probabilities / probabilities.sum(1, keepdims=True), labels, truth


def even(classes: int, share: float) -> np.ndarray:
    """Return rates at which a share of the labels is wrong, each other label as often."""
    rates = np.full((classes, classes), share / (classes - 1))
    np.fill_diagonal(rates, 1 - share)
    return rates


def test_images_beyond_doubt_and_the_surest_twentieth_of_each_class_are_counted_by_label() -> None:
    probabilities = np.array([[0.99, 0.01]] * 3 + [[0.6, 0.4]] * 17 + [[0.2, 0.8]] * 39 + [[0.1, 0.9]])
    labels = np.array([0, 1, 0] + [1] * 17 + [1] * 39 + [0])
    # all three images above .98, and of the other class only 2 of 40: the surest one and the first of the others
    assert confident_counts(probabilities, labels).tolist() == [[2, 1], [1, 1]]


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_rates_of_evenly_spread_errors_are_found_equal_although_images_are_confused(share: float) -> None:
    probabilities, labels, _ = noisy(even(6, share), images=2000)
    found = label_rates(confident_counts(probabilities, labels))
    assert found.sum(0) == pytest.approx(np.ones(6))
    wrong = found[~np.eye(6, dtype=bool)]
    assert wrong == pytest.approx(np.full(30, share / 5), rel=0.5)
    assert wrong.mean() == pytest.approx(share / 5, rel=0.2)


def test_rates_of_one_pair_of_classes_stay_its_own() -> None:
    rates = np.eye(6)
    rates[:, 2] = [0, 0, 0.8, 0, 0, 0.2]
    probabilities, labels, _ = noisy(rates, images=2000)
    found = label_rates(confident_counts(probabilities, labels))
    assert found[5, 2] == pytest.approx(0.2, abs=0.06)
    rest = found[~np.eye(6, dtype=bool)].tolist()
    assert sorted(rest)[-2] < 0.01


def test_a_label_is_wrong_with_the_probability_of_bayes_rule() -> None:
    probabilities, labels = np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9]]), np.array([0, 0, 1])
    found = posterior(probabilities, labels, np.array([[2 / 3, 1 / 3], [1 / 3, 2 / 3]]))
    assert found[:, 1] == pytest.approx([0.1 / (0.1 + 1.8), 0.8 / (0.8 + 0.4), 1.8 / (1.8 + 0.1)])


def test_evenly_spread_errors_are_ranked_by_the_probability_of_the_label() -> None:
    generator = np.random.default_rng(0)
    probabilities, labels = generator.dirichlet(np.ones(6), 500), generator.integers(0, 6, 500)
    found = posterior(probabilities, labels, even(6, 0.1))
    own = np.arange(len(labels)), labels
    assert np.array_equal(np.argsort(found[own]), np.argsort(probabilities[own]))


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_the_temperature_of_judges_is_found_from_wrong_labels(power: float) -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (20_000, 4))
    right = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = (right.cumsum(1) > generator.random((len(right), 1))).argmax(1)
    labels = np.where(generator.random(len(truth)) < 0.15, (truth + generator.integers(1, 4, len(truth))) % 4, truth)
    judged = right**power / (right**power).sum(1, keepdims=True)
    assert calibrated(judged, labels, even(4, 0.15)) == pytest.approx(right, abs=0.03)


def test_about_as_many_labels_are_suspect_as_are_wrong() -> None:
    for share in (0.0, 0.1):
        probabilities, labels, truth = noisy(even(6, share), images=500)
        wrong = 1 - actual(probabilities, labels)[np.arange(len(labels)), labels]
        # a twentieth are images of either class, and nobody can say whether the label of such an image is right
        assert abs(int(suspects(wrong).sum()) - int((labels != truth).sum())) < 0.02 * len(labels)


def test_judges_and_neighbors_count_as_independent_witnesses() -> None:
    judged, voted = np.array([[0.5, 0.3, 0.2]]), np.array([[0.0, 0.6, 0.4]])
    nothing = np.zeros(1, np.int64)
    found = Evidence(nothing, nothing, judged, voted, np.zeros((1, 3), np.int64)).independent
    product = np.array([0.5 * DOUBT, 0.3 * (0.6 + DOUBT), 0.2 * (0.4 + DOUBT)])
    assert found[0] == pytest.approx(product / product.sum())


def test_a_class_without_images_is_neither_label_nor_suggestion() -> None:
    probabilities, labels = np.array([[0.6, 0.4, 0.0], [0.1, 0.9, 0.0]] * 20), np.array([0, 1] * 20)
    found = actual(probabilities, labels)
    assert found[:, 2].max() < 1e-9
    assert np.array_equal(found.argmax(1), labels)
