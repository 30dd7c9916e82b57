"""Ways to train a pretrained network in the config: what is refused before any job, and which jobs share features."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom.classify.config import Classify
from darkroom.config import load as config
from darkroom.config.load import ConfigError
from darkroom.config.model import Config
from darkroom.fit.config import Training
from darkroom.planning.plan import Plan

FLIPS = {"online": ["hflip"]}
SMALL = {"name": "pretrained", "backbone": "test_efficientnet"}


def load(models: dict[str, Any], **more: Any) -> Config:
    augment = {"flips": FLIPS, "rare": {"imbalance": "class_weights"}}
    classify = {"models": models, "policies": ["none", "flips", "rare"], "seeds": 2, **more}
    raw = {"name": "digits", "data": {"source": "sklearn"}, "augment": augment, "classify": classify}
    return config.load(raw, path="c.yaml")


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"network": "resnet", "transfer": "probe"}, "transfer is probe, but the network resnet is not pretrained"),
        ({"network": SMALL, "transfer": "lora"}, "lora adapts attention layers, and test_efficientnet has none"),
        (
            {"network": SMALL, "transfer": {"name": "partial", "blocks": 99}},
            r"transfer\.blocks: 99, but test_efficientnet",
        ),
        (
            {"network": {**SMALL, "backbone": "nonesuch"}, "transfer": "partial"},
            r'm\.network: .*timm has no "nonesuch"',
        ),
        ({"network": SMALL, "transfer": "prob"}, 'Did you mean "probe"'),
        ({"network": SMALL, "transfer": {"name": "probe", "head": "svn"}}, 'Did you mean "svm"'),
    ],
)
def test_what_cannot_be_trained_is_refused_before_any_job(model: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        load({"m": model})
    assert len(caught.value.problems) == 1


def test_a_pretrained_network_is_fine_tuned_unless_the_config_says_otherwise() -> None:
    section = Classify.model_validate({"models": {"pretrained": {}, "mlp": {}}, "training": {"epochs": 3}})
    tuned, other = section.models["pretrained"], section.models["mlp"]
    assert tuned.transfer is not None
    assert tuned.transfer.name == "fine_tune"
    assert tuned.training.epochs == 3  # the section's
    assert tuned.training.batch_size < Training().batch_size  # fine_tune's
    assert other.transfer is None
    assert other.training.batch_size == Training().batch_size


def test_models_seeds_and_policies_share_the_features_that_are_the_same() -> None:
    probe = {"network": SMALL, "transfer": "probe"}
    models = {
        "probe": probe,
        "knn": {"network": SMALL, "transfer": {"name": "probe", "head": "knn"}},
        "tuned": {"network": {**SMALL, "dropout": 0.2}},
        "large": {"network": {**SMALL, "size": 256}},
        "scratch": {"network": "mlp"},
    }
    plan = Plan(load(models))
    found = {job.wildcards["features"]: job.wildcards["policy"] for job in plan.jobs_of("classify features")}
    assert sorted(found.values()) == ["flips", "none", "none"]

    def read(model: str, policy: str, seed: int = 0) -> str:
        options = plan.inputs("classify train", policy=policy, model=model, seed=seed)
        return next(folder for option, folder, _ in options if option == "features")

    assert read("probe", "none") == read("knn", "none", 1) == read("tuned", "flips") == read("probe", "rare")
    assert read("probe", "flips") == read("knn", "flips") != read("probe", "none")
    assert read("large", "none") != read("tuned", "none")
    assert "features" not in {
        option for option, *_ in plan.inputs("classify train", policy="none", model="scratch", seed=0)
    }
    views = [plan.resolved("classify features", **job.wildcards).views for job in plan.jobs_of("classify features")]  # type: ignore[attr-defined]
    assert sorted(views) == [0, 0, 4]


def test_a_probe_depends_on_no_setting_of_the_training_loop() -> None:
    probe = {"network": SMALL, "transfer": "probe"}
    one, two = (
        Plan(load({"m": probe}, training={"epochs": epochs})).spec("classify train", policy="none", model="m", seed=0)
        for epochs in (3, 4)
    )
    assert one == two


def test_views_of_a_probe_count_only_under_policies_that_transform_images() -> None:
    def spec(policy: str, views: int) -> str:
        probe = {"network": SMALL, "transfer": {"name": "probe", "views": views}}
        return Plan(load({"m": probe})).spec("classify train", policy=policy, model="m", seed=0)

    assert spec("none", 2) == spec("none", 3)
    assert spec("flips", 2) != spec("flips", 3)


def test_jobs_of_pretrained_networks_ask_for_the_threads_that_they_use() -> None:
    plan = Plan(load({"probe": {"network": SMALL, "transfer": "probe"}, "mlp": {}}))
    features = plan.jobs_of("classify features")[0]
    assert plan.threads(features.stage, **features.wildcards) > 1
    assert plan.threads("classify evaluate", policy="none", model="probe", seed=0) > 1
    assert plan.threads("classify evaluate", policy="none", model="mlp", seed=0) == 1
    assert plan.threads("classify train", policy="none", model="probe", seed=0) == 1
