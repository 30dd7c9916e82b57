"""A pretraining serves as a backbone wherever weights are accepted: probes, fine-tuning, detectors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.pretrain.small import config, pretrain, subset

from darkroom import files
from darkroom.classify import evaluate, features, train
from darkroom.config.load import ConfigError, load
from darkroom.data.store import open_store
from darkroom.detect import evaluate as detect_evaluate
from darkroom.detect import fit
from darkroom.fit.model import rebuild
from darkroom.log import silent
from darkroom.planning.plan import Plan

OWN = {"name": "pretrained", "weights": {"pretrain": "own"}}
CLASSIFY: dict[str, Any] = {
    "models": {
        "probe": {"network": OWN, "transfer": "probe"},
        "tuned": {"network": OWN, "transfer": "fine_tune", "training": {"epochs": 1, "batch_size": 32}},
    },
    "tta": [],
    "resamples": 20,
}
DETECTORS = {"patchcore": {"detector": {"weights": {"pretrain": "own"}, "levels": [1], "side": 8}}}
DETECT: dict[str, Any] = {"detectors": DETECTORS, "normal": [["0"]], "resamples": 20, "examples": 2}


def planned(network: str = "resnet", **more: Any) -> Plan:
    return Plan(load(config("simclr", network, **more), path="small.yaml", need_data=False))


def run(stage: Any, plan: Plan, wildcards: Mapping[str, str], **folders: Path) -> None:
    """Run the job of a stage's module, as planned."""
    name = stage.__name__.removeprefix("darkroom.").replace(".", " ")
    stage.run(plan.resolved(name, **wildcards), **folders, log=silent)


@pytest.fixture(scope="module", params=["resnet", pytest.param("vit", marks=pytest.mark.thorough)])
def made(request: pytest.FixtureRequest, digits: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path]:
    """Return the plan, and a folder with the data and the pretraining."""
    plan, root = planned(request.param, classify=CLASSIFY, detect=DETECT), tmp_path_factory.mktemp("backbone")
    subset(digits, root / "data", train=200)
    pretrain(root / "data", root / "pretrain/own", plan.resolved("pretrain train", model="own"))  # type: ignore[arg-type]
    return plan, root


@pytest.mark.parametrize("model", ["probe", pytest.param("tuned", marks=pytest.mark.thorough)])
def test_a_classifier_starts_from_a_pretraining(model: str, made: tuple[Plan, Path], tmp_path: Path) -> None:
    plan, root = made
    wildcards = {"policy": "none", "model": model, "seed": "0"}
    inputs = {option: (folder, jobs) for option, folder, jobs in plan.inputs("classify train", **wildcards)}
    assert inputs["weights"][0] == "results/small/pretrain/models"
    assert [job.stage for job in inputs["weights"][1]] == ["pretrain train"]
    [job] = inputs["features"][1]
    assert job.wildcards["features"].startswith("own")
    pretrained = {"data": root / "data", "weights": root / "pretrain"}
    run(features, plan, job.wildcards, **pretrained, out=tmp_path / "features")
    run(train, plan, wildcards, **pretrained, features=tmp_path / "features", out=tmp_path / "model")
    run(evaluate, plan, wildcards, data=root / "data", model=tmp_path / "model", out=tmp_path / "evaluation")
    assert files.read_json(tmp_path / "evaluation/metrics.json")["items"] == 40
    store = open_store(root / "data")
    network: Any = rebuild("network", tmp_path / "model", store.shape, len(store.classes))
    theirs = torch.load(root / "pretrain/own/weights.pt", weights_only=True)
    ours = network.backbone.network.state_dict()
    assert torch.equal(ours["standardize.mean"], theirs["standardize.mean"])
    assert (model == "probe") is all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_detector_compares_features_of_a_pretraining(made: tuple[Plan, Path], tmp_path: Path) -> None:
    plan, root = made
    if "vit" in str(plan.config.pretrain):
        pytest.skip("a vit has one level")
    wildcards = plan.jobs_of("detect fit")[0].wildcards
    run(fit, plan, wildcards, data=root / "data", weights=root / "pretrain", out=tmp_path / "model")
    run(detect_evaluate, plan, wildcards, data=root / "data", model=tmp_path / "model", out=tmp_path / "evaluation")
    assert files.read_json(tmp_path / "evaluation/metrics.json")["image"]["auroc"]["value"] > 0.5


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"network": {"name": "pretrained", "weights": {"pretrain": "ownn"}}},
            'classify.models.m.network.weights.pretrain: no model "ownn" in pretrain.models. Did you mean "own"?',
        ),
        (
            {"network": {**OWN, "backbone": "resnet18"}},
            "classify.models.m.network.backbone: the pretraining own has its own network; remove backbone",
        ),
        ({"network": OWN, "transfer": "lora"}, "lora adapts attention layers, and own has none"),
    ],
)
def test_weights_that_do_not_fit_the_pretraining_are_refused(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        planned(classify={"models": {"m": change}})
    assert text in str(caught.value)


def test_pretraining_refuses_what_needs_validation_images() -> None:
    raw = config()
    raw["pretrain"]["models"]["own"]["training"]["patience"] = 3
    with pytest.raises(ConfigError, match=r"training\.patience: pretraining uses neither labels nor validation images"):
        load(raw, path="small.yaml", need_data=False)


def test_default_views_keep_to_what_preserves_labels() -> None:
    raw = config()
    raw["data"]["label_preserving"] = {"hflip": False}
    plan = Plan(load(raw, path="small.yaml", need_data=False))
    spec: Any = plan.resolved("pretrain train", model="own")
    assert "hflip" not in [step.name for step in spec.views]
    raw["pretrain"]["models"]["own"]["views"] = ["hflip"]
    with pytest.raises(ConfigError, match=r"pretrain.models.own.views\[0\]: hflip does not preserve labels"):
        load(raw, path="small.yaml", need_data=False)
