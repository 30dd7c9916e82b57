"""Detectors with a classifier of the data set as feature extractor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from darkroom import files
from darkroom.classify import train
from darkroom.classify.config import TrainSpec
from darkroom.data.store import open_store
from darkroom.detect import evaluate, fit
from darkroom.detect.config import EvaluateSpec, FitSpec
from darkroom.detect.detector import CLASSIFIER, read_detector
from darkroom.detect.methods.feature_detector import classifier_maps
from darkroom.fit.batches import as_tensor
from darkroom.fit.model import WEIGHTS, rebuild
from darkroom.log import silent

RESNET = {"name": "resnet", "width": 8, "stages": 3, "blocks": 2}
PADIM = {"name": "padim", "classifier": "own", "dimensions": 10}
PATCHCORE = {"name": "patchcore", "classifier": "own", "levels": [1, 2]}


@pytest.fixture(scope="module")
def classifiers(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of trained classifiers by name."""
    root = tmp_path_factory.mktemp("classifiers")
    for name, network in {"own": RESNET, "flat": {"name": "mlp", "hidden": [8]}}.items():
        spec = TrainSpec.model_validate({"network": network, "training": {"epochs": 1}, "seed": 0})
        train.run(spec, data=digits, out=root / name, log=silent)
    return {"own": root / "own", "flat": root / "flat"}


def fit_spec(detector: dict[str, Any]) -> FitSpec:
    return FitSpec.model_validate({"detector": detector, "network": RESNET, "normal": ("1",), "seed": 0})


@pytest.mark.training
@pytest.mark.parametrize(
    "detector",
    [
        pytest.param(PADIM, marks=pytest.mark.thorough),
        pytest.param(PATCHCORE, marks=pytest.mark.thorough),
        {"name": "average", "of": [PADIM, PATCHCORE, "pca"]},
    ],
    ids=str,
)
def test_a_whole_run_needs_the_classifier_for_the_fit_alone(
    detector: dict[str, Any], digits: Path, classifiers: dict[str, Path], tmp_path: Path
) -> None:
    for name in ("first", "second"):
        out = tmp_path / name / "model"
        fit.run(fit_spec(detector), data=digits, classifier=classifiers["own"], out=out, log=silent)
    assert files.read_manifest(tmp_path / "first" / "model") == files.read_manifest(out)
    options = {"false_alarms": 0.05, "threshold": "quantile", "examples": 4, "resamples": 50, "seed": 0}
    seen = {}
    for normal in (("1",), tuple("0123456789")):
        given = {"detector": detector, "network": RESNET, "normal": normal, **options}
        spec = EvaluateSpec.model_validate(given)
        evaluate.run(spec, data=digits, model=out, out=tmp_path / "evaluation", log=silent)
        seen[normal] = files.read_json(tmp_path / "evaluation" / "metrics.json")
    assert (
        seen["1",]["image"]["auroc"]["value"] > 0.8
    )  # guards the scoring alone: an untrained network's features rank as well
    assert seen["1",]["labels_seen"] == list("023456789")
    assert seen[tuple("0123456789")]["labels_seen"] == []
    images = as_tensor(np.array(open_store(digits).samples[:3]))
    maps = read_detector(out).score(images).maps
    assert maps is not None
    assert maps.shape == (3, 8, 8)


def test_labels_that_no_classifier_has_seen_are_not_told(digits: Path, tmp_path: Path) -> None:
    spec = FitSpec.model_validate({"detector": "pca", "normal": ("1",), "seed": 0})
    fit.run(spec, data=digits, out=tmp_path / "model", log=silent)
    assert not (tmp_path / "model" / CLASSIFIER).exists()


def test_maps_are_what_the_classifier_has_at_each_size(classifiers: dict[str, Path]) -> None:
    network: Any = rebuild("network", classifiers["own"], (1, 8, 8), 10)
    images = torch.rand(4, 1, 8, 8)
    maps = network.feature_maps(images)
    assert [tuple(level.shape[1:]) for level in maps] == [(8, 8, 8), (8, 4, 4), (16, 2, 2), (32, 1, 1)]
    assert torch.allclose(network.features(images), maps[-1].mean((2, 3)))
    found = classifier_maps(classifiers["own"], levels=(1, 2))
    assert torch.allclose(found(images)[:, :8], maps[1], atol=1e-6)
    assert found.shape((1, 8, 8)) == (24, 4, 4)
    assert found.sha256 == files.sha256(classifiers["own"] / WEIGHTS)
    assert not any(parameter.requires_grad for parameter in found.network.parameters())


def test_another_classifier_than_at_the_fit_is_refused(
    digits: Path, classifiers: dict[str, Path], tmp_path: Path
) -> None:
    fit.run(fit_spec(PADIM), data=digits, classifier=classifiers["own"], out=tmp_path / "model", log=silent)
    weights = tmp_path / "model" / CLASSIFIER / WEIGHTS
    state = torch.load(weights, weights_only=True)
    torch.save({name: value + 1 for name, value in state.items()}, weights)
    with pytest.raises(ValueError, match="backbone with other weights"):
        read_detector(tmp_path / "model")


@pytest.mark.parametrize(
    ("options", "name", "message"),
    [
        ({}, None, "needs the folder of a trained classifier; got none"),
        ({}, "flat", "the network mlp has no feature maps"),
        ({"levels": [4]}, "own", "levels: the classifier has levels 0 to 3, got 4"),
    ],
)
def test_classifiers_that_cannot_serve_as_feature_extractors_are_reported(
    options: dict[str, Any], name: str | None, message: str, digits: Path, classifiers: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        fit.run(
            fit_spec({**PADIM, **options}),
            data=digits,
            classifier=classifiers[name] if name else None,
            out=tmp_path / "model",
            log=silent,
        )


def test_the_classifier_stays_as_it_was(digits: Path, classifiers: dict[str, Path], tmp_path: Path) -> None:
    before = files.read_manifest(classifiers["own"])
    fit.run(fit_spec(PADIM), data=digits, classifier=classifiers["own"], out=tmp_path / "model", log=silent)
    copied = {name: files.sha256(tmp_path / "model" / CLASSIFIER / name) for name in before}
    assert copied == before
    assert np.isin([f"{CLASSIFIER}/{name}" for name in before], list(files.read_manifest(tmp_path / "model"))).all()
