"""Configs of tables: what does not fit rows is said in one line, with what would."""

from __future__ import annotations

from typing import Any

import pytest

from darkroom.config import load as config

TABLE: dict[str, Any] = {"name": "parts", "data": {"source": {"name": "table", "path": "parts.csv"}}}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "network": (
        {"classify": {"models": {"resnet": {}}}},
        "resnet takes images, but the source gives rows; use ft_transformer",
    ),
    "transform": (
        {"augment": {"p": {"offline": ["affine"]}}},
        "affine takes images, but the source gives rows; use adasyn",
    ),
    "detector": (
        {"detect": {"normal": "a", "detectors": {"padim": {}}}},
        "padim takes images, but the source gives rows",
    ),
    "generator": (
        {"generate": {"models": {"vae": {}}}},
        "the generator vae takes images, but the source gives rows; use gaussian_copula, tvae",
    ),
    "judge": (
        {"generate": {"judge": {"network": "resnet"}}},
        "generate.judge.network: the network resnet takes images",
    ),
    "judge's transforms": (
        {"generate": {"judge": {"online": ["affine"]}}},
        "generate.judge.online[0]: the batch transform affine takes images",
    ),
    "snapshots": ({"generate": {"snapshots": 3}}, "generate.snapshots: is about images"),
    "section": ({"explore": {}}, "explore: takes images, but the source gives rows"),
    "online": (
        {"augment": {"p": {"online": ["mixup"]}}},
        "mixup takes images or recordings or texts, but the source gives rows",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_take_rows_is_refused(name: str) -> None:
    more, message = WRONG[name]
    with pytest.raises(config.ConfigError) as caught:
        config.load({**TABLE, **more}, path="parts.yaml", need_data=False)
    assert message in str(caught.value)


@pytest.mark.parametrize("maker", ["smote", "borderline_smote", "svm_smote", "adasyn"])
def test_makers_of_rows_of_numbers_are_refused_where_the_config_names_a_category(maker: str) -> None:
    def load(**columns: str) -> None:
        data = {"source": {**TABLE["data"]["source"], "columns": columns}}
        raw = {"name": "parts", "data": data, "augment": {"p": {"offline": [maker]}, "q": {"offline": ["smotenc"]}}}
        config.load(raw, path="parts.yaml", need_data=False)

    with pytest.raises(config.ConfigError) as caught:
        load(price="number", zip="category")
    assert str(caught.value).count("interpolates") == 1
    assert f"augment.p.offline[0]: {maker} interpolates numbers, but data.source.columns.zip is category" in str(
        caught.value
    )
    load(price="number", zip="drop")


def test_bare_sections_have_models_of_rows() -> None:
    found = config.load({**TABLE, "classify": None, "detect": {"normal": "a"}}, path="parts.yaml", need_data=False)
    assert found.classify is not None
    assert found.detect is not None
    assert list(found.classify.models) == ["gradient_boosting", "logistic_regression", "table_mlp"]
    assert list(found.detect.detectors) == ["isolation_forest", "knn", "ecod"]


def test_a_bare_section_generate_has_generators_and_a_judge_of_rows() -> None:
    found = config.load({**TABLE, "generate": {"judge": {"network": "table_mlp"}}}, path="parts.yaml", need_data=False)
    assert found.generate is not None
    assert list(found.generate.models) == ["gaussian_copula", "tvae"]
    judge = found.generate.judge
    assert (judge.network.name, judge.online) == ("table_mlp", [])  # type: ignore[attr-defined]
    texts = {"name": "words", "data": {"source": {"name": "text_table", "path": "words.csv"}}, "generate": None}
    with pytest.raises(config.ConfigError, match="generate: takes images or rows, but the source gives texts"):
        config.load(texts, path="words.yaml", need_data=False)


def test_smote_balances_unless_the_policy_says_otherwise() -> None:
    policies = {"a": {"offline": ["smote"]}, "b": {"offline": ["smote"], "copies": 3}, "c": {"offline": ["row_noise"]}}
    found = config.load({**TABLE, "augment": policies}, path="parts.yaml", need_data=False).augment
    assert [(policy.balance, policy.copies) for policy in found.values()] == [(True, 0), (False, 3), (False, 8)]
