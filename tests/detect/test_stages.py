"""Fitting and evaluating detectors through their stages, on real digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from torch import Tensor

from darkroom import files
from darkroom.data.store import describe_store, open_store
from darkroom.detect import evaluate, fit
from darkroom.detect.config import EvaluateSpec, FitSpec
from darkroom.detect.detector import Detector, Scored
from darkroom.log import silent

Change = Callable[[pd.DataFrame], pd.DataFrame]


def fit_spec(detector: str = "pca", normal: tuple[str, ...] = ("1",)) -> FitSpec:
    training = {"epochs": 5}
    return FitSpec.model_validate({"detector": detector, "training": training, "normal": normal, "seed": 0})


def evaluate_spec(detector: str = "pca", normal: tuple[str, ...] = ("1",), threshold: str = "quantile") -> EvaluateSpec:
    options = {"false_alarms": 0.05, "threshold": threshold, "examples": 5, "resamples": 100, "seed": 0}
    return EvaluateSpec.model_validate({"detector": detector, "normal": normal, **options})


@pytest.fixture
def changed(digits: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes a store of the digits with another table, and masks where given."""

    def make(change: Change, masks: np.ndarray | None = None) -> Path:
        store = open_store(digits)
        with files.folder(tmp_path / "data") as fresh:
            np.save(fresh / "samples.npy", np.asarray(store.samples))
            if masks is not None:
                np.save(fresh / "masks.npy", masks)
            describe_store(fresh, name="digits", classes=store.classes, items=change(store.items.copy()))
        return tmp_path / "data"

    return make


def both(data: Path, root: Path, detector: str = "pca", normal: tuple[str, ...] = ("1",)) -> dict[str, Any]:
    """Fit and evaluate, and give metrics.json."""
    fit.run(fit_spec(detector, normal), data=data, out=root / "model", log=silent)
    spec = evaluate_spec(detector, normal)
    evaluate.run(spec, data=data, model=root / "model", out=root / "evaluation", log=silent)
    found: dict[str, Any] = files.read_json(root / "evaluation" / "metrics.json")
    return found


@pytest.mark.training
@pytest.mark.parametrize("detector", ["pca", "autoencoder"])
def test_a_whole_run_finds_other_digits(detector: str, digits: Path, tmp_path: Path) -> None:
    found = both(digits, tmp_path, detector)
    image = found["image"]
    assert image["auroc"]["value"] > (0.95 if detector == "pca" else 0.7)
    assert all(number["low"] <= number["value"] <= number["high"] for number in image.values())
    assert found["pixel"] == {"value": None, "reason": "the data set has no masks"}
    assert "1" not in found["by_class"]
    assert sum(entry["items"] for entry in found["by_class"].values()) == found["n_anomalous"]
    assert image["fpr_at_recall"]["value"] == image["fpr95"]["value"]
    assert (found["recall_asked"], found["without_twins"]) == (0.95, None)
    table = pd.read_parquet(tmp_path / "evaluation" / "scores.parquet")
    assert list(table) == ["id", "label", "split", "anomalous", "score", "flagged"]
    assert (table["flagged"] == (table["score"] > found["threshold"])).all()
    val, test = table[table["split"] == "val"], table[table["split"] == "test"]
    assert not val["anomalous"].any()
    assert val["flagged"].mean() <= 0.05
    assert image["detection_rate"]["value"] == pytest.approx(test[test["anomalous"]]["flagged"].mean())
    assert image["false_alarm_rate"]["value"] == pytest.approx(test[~test["anomalous"]]["flagged"].mean())
    assert {"gallery.png", "histogram.png", "roc.png"} <= set(files.read_manifest(tmp_path / "evaluation"))
    assert set(files.read_json(tmp_path / "model" / files.TIMING)) == {"seconds", "images_per_second"}


@pytest.mark.parametrize("detector", [pytest.param("pca", marks=pytest.mark.thorough), "autoencoder"])
def test_the_same_spec_and_data_give_the_same_bytes(detector: str, digits: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        both(digits, tmp_path / name, detector)
    for stage in ("model", "evaluation"):
        first, second = (files.read_manifest(tmp_path / name / stage) for name in ("first", "second"))
        assert first == second


def test_fitting_sees_normal_training_images_alone(changed: Callable[..., Path], digits: Path, tmp_path: Path) -> None:
    both(digits, tmp_path / "whole")

    def only(items: pd.DataFrame) -> pd.DataFrame:
        store = open_store(digits)
        keep = (items["label"] == store.label("1")) | (items["split"] != "train")
        return items.assign(split=items["split"].where(keep, "test"))

    data = changed(only)
    fit.run(fit_spec(), data=data, out=tmp_path / "few", log=silent)
    weights = [files.read_manifest(tmp_path / name)["weights.pt"] for name in ("whole/model", "few")]
    assert weights[0] == weights[1]


@pytest.mark.training
def test_masks_give_pixel_metrics(changed: Callable[..., Path], tmp_path: Path) -> None:
    masks = np.zeros((2, 8, 8), np.uint8)
    masks[0, :, :4], masks[1, :, 4:] = 255, 255

    def masked(items: pd.DataFrame) -> pd.DataFrame:
        chosen = items.index[(items["split"] == "test") & (items["label"] == 0)]
        items.loc[chosen, "mask"] = np.arange(len(chosen)) % 2
        return items

    found = both(changed(masked, masks), tmp_path)
    assert 0 < found["pixel"]["auroc"]["value"] < 1
    assert found["pixel"]["average_precision"]["low"] is not None
    assert found["pixel_left_out"] == found["n_anomalous"] - found["by_class"]["0"]["items"]


def test_an_anomaly_whose_mask_marks_nothing_is_no_normal_image(changed: Callable[..., Path], tmp_path: Path) -> None:
    def masked(items: pd.DataFrame) -> pd.DataFrame:
        items.loc[(items["split"] == "test") & (items["label"] != 1), "mask"] = 0
        return items

    found = both(changed(masked, np.zeros((1, 8, 8), np.uint8)), tmp_path)
    assert found["pixel"] == {"value": None, "reason": "no test image has a mask with anomalous pixels"}
    assert found["pixel_left_out"] == found["n_anomalous"]


@pytest.mark.parametrize(("kept", "missing"), [("normal", "anomalous"), ("anomalous", "normal")])
def test_a_test_set_of_one_kind_leaves_metrics_out(
    kept: str, missing: str, changed: Callable[..., Path], tmp_path: Path
) -> None:
    def one_kind(items: pd.DataFrame) -> pd.DataFrame:
        other = (items["label"] == 1) == (missing == "normal")
        return items[~((items["split"] == "test") & other)].reset_index(drop=True)

    store_rows: list[np.ndarray] = []

    def with_images(items: pd.DataFrame) -> pd.DataFrame:
        kept_items = one_kind(items)
        store_rows.append(items.index[items["id"].isin(kept_items["id"])].to_numpy())
        return kept_items

    data = changed(with_images)
    np.save(data / "samples.npy", np.load(data / "samples.npy")[store_rows[0]])
    found = both(data, tmp_path)
    assert found["image"]["auroc"] == {"value": None, "reason": f"the test split has no {missing} image"}
    there = "false_alarm_rate" if kept == "normal" else "detection_rate"
    assert found["image"][there]["value"] is not None
    assert (found["by_class"] == {}) == (kept == "normal")


def test_what_is_missing_is_named(changed: Callable[..., Path], digits: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'detect\.normal: digits has no class "good"\. There are: 0, 1, 2'):
        fit.run(fit_spec(normal=("good",)), data=digits, out=tmp_path / "model", log=silent)
    without = changed(lambda items: items[~((items["label"] == 1) & (items["split"] == "train"))])
    with pytest.raises(ValueError, match="the train split of digits has no image of 1; its classes are: 0, 2"):
        fit.run(fit_spec(), data=without, out=tmp_path / "model", log=silent)
    without = changed(lambda items: items[~((items["label"] == 1) & (items["split"] == "val"))])
    with pytest.raises(ValueError, match=r"the val split of digits has no image of 1; .* set data.split.val above 0"):
        fit.run(fit_spec(), data=without, out=tmp_path / "model", log=silent)
    without = changed(lambda items: items[items["split"] != "test"])
    with pytest.raises(ValueError, match=r"no labeled test images; set data\.split\.test above 0"):
        fit.run(fit_spec(), data=without, out=tmp_path / "model", log=silent)
    assert not (tmp_path / "model").exists()


def test_an_error_stays_on_one_line_whatever_the_class_is_called(digits: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no class") as caught:
        fit.run(fit_spec(normal=("a\nb\x1b",)), data=digits, out=tmp_path / "model", log=silent)
    assert str(caught.value).isprintable()


class Brightness(Detector):
    """Scores by the mean value; neither map nor reconstruction."""

    def fit(self, images: Any, train: Any, val: Any, **more: Any) -> None: ...

    def score(self, images: Tensor) -> Scored:
        return Scored(images.mean((1, 2, 3)), None)


def test_a_detector_of_scores_alone_has_a_report(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit.run(fit_spec(), data=digits, out=tmp_path / "model", log=silent)
    monkeypatch.setattr(evaluate, "read_detector", lambda folder: Brightness())
    evaluate.run(evaluate_spec(), data=digits, model=tmp_path / "model", out=tmp_path / "evaluation", log=silent)
    assert "gallery.png" in files.read_manifest(tmp_path / "evaluation")


def test_scores_do_not_depend_on_the_batches(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(digits)
    rows = store.rows("test")[:50]
    whole, _ = evaluate.scored(Brightness(), store, rows)
    monkeypatch.setattr(evaluate, "BATCH", 7)
    parts, _ = evaluate.scored(Brightness(), store, rows)
    assert np.allclose(whole, parts)


def test_a_busy_moment_does_not_change_the_time_per_image() -> None:
    steady = [(0.64, 64)] * 4 + [(0.07, 7)]
    busy = [(0.64, 64), (9.0, 64), (0.64, 64), (0.64, 64), (0.07, 7)]
    assert evaluate.timing(steady)["ms_per_image"] == pytest.approx(10)
    assert evaluate.timing(busy)["ms_per_image"] == pytest.approx(10)
    assert evaluate.timing(busy)["seconds"] == pytest.approx(10.99)


@pytest.mark.thorough
@pytest.mark.training
def test_each_rule_sets_its_threshold_without_the_test_images(
    digits: Path, changed: Callable[..., Path], tmp_path: Path
) -> None:
    """Test labels that are all wrong change no threshold."""
    fit.run(fit_spec(), data=digits, out=tmp_path / "model", log=silent)
    wrong = changed(lambda items: items.assign(label=np.where(items["split"] == "test", 1, items["label"])))
    found = {}
    for rule in ("quantile", "extreme_value", "best_f1"):
        for data in (digits, wrong):
            out = tmp_path / rule / data.name
            evaluate.run(evaluate_spec(threshold=rule), data=data, model=tmp_path / "model", out=out, log=silent)
            found.setdefault(rule, []).append(files.read_json(out / "metrics.json"))
        first, second = found[rule]
        assert (first["threshold"], first["threshold_rule"]) == (second["threshold"], second["threshold_rule"])
    assert "an extreme-value fit needs at least 20 images" in found["extreme_value"][0]["threshold_rule"]
    assert found["best_f1"][0]["threshold"] != found["quantile"][0]["threshold"]
    assert found["best_f1"][0]["image"]["f1"]["value"] > 0.8


def test_the_best_f1_is_refused_where_no_validation_image_is_anomalous(
    changed: Callable[..., Path], tmp_path: Path
) -> None:
    data = changed(lambda items: items[(items["split"] != "val") | (items["label"] == 1)])
    fit.run(fit_spec(), data=data, out=tmp_path / "model", log=silent)
    with pytest.raises(ValueError, match="no validation image is anomalous; set it to quantile"):
        evaluate.run(
            evaluate_spec(threshold="best_f1"), data=data, model=tmp_path / "model", out=tmp_path / "e", log=silent
        )


def test_the_error_of_normal_reconstructions_is_stated(digits: Path, tmp_path: Path) -> None:
    """It is the mean score where the score is the squared error, and no anomaly has a part in it."""
    found = both(digits, tmp_path)
    table = pd.read_parquet(tmp_path / "evaluation" / "scores.parquet")
    normal = table[(table["split"] == "test") & ~table["anomalous"]]
    error = found["reconstruction"]["mse"]
    assert error["value"] == pytest.approx(normal["score"].mean())
    assert error["low"] < error["value"] < error["high"]
    assert {"originals.png", "reconstructions.png"} <= set(files.read_manifest(tmp_path / "evaluation"))


def test_a_detector_that_reconstructs_nothing_says_so(digits: Path, tmp_path: Path) -> None:
    assert both(digits, tmp_path, "mahalanobis")["reconstruction"] == {
        "mse": {"value": None, "reason": "the detector makes no reconstructions"}
    }
    assert "reconstructions.png" not in files.read_manifest(tmp_path / "evaluation")


@pytest.mark.thorough
def test_all_detectors_show_the_same_images(digits: Path, tmp_path: Path) -> None:
    for detector in ("pca", "autoencoder"):
        both(digits, tmp_path / detector, detector)
    found = [files.read_manifest(tmp_path / detector / "evaluation") for detector in ("pca", "autoencoder")]
    assert found[0]["originals.png"] == found[1]["originals.png"]
    assert found[0]["reconstructions.png"] != found[1]["reconstructions.png"]
