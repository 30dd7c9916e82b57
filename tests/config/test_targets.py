"""What follows from several labels or numbers as the target: default losses, and a line about what does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from darkroom import registry
from darkroom.audit.jobs import STAGES as AUDITS
from darkroom.classify.jobs import STAGES
from darkroom.config import load as config
from darkroom.config.load import ConfigError
from darkroom.config.model import Config
from darkroom.data.target import Kind

ASKED: dict[Kind, dict[str, Any]] = {
    "class": {},
    "labels": {"labels": ["apple", "pear"]},
    "numbers": {"numbers": ["price"]},
}
FITTING = {
    kind: {name for name, entry in registry.entries("loss").items() if kind in entry.constants["TARGETS"]}
    for kind in ASKED
}


def load(kind: Kind, *, split: dict[str, Any] | None = None, more: Kind = "class", **sections: Any) -> Config:
    source = {"name": "manifest", "path": "table.csv", **ASKED[kind], **ASKED[more]}
    raw = {"name": "fruits", "data": {"source": source, "split": split or {}}, **sections}
    return config.load(raw, path="c.yaml", need_data=False)


def problem(kind: Kind, **sections: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(kind, **sections)
    (line,) = caught.value.problems
    return str(line)


@pytest.mark.parametrize("kind", ASKED)
def test_the_default_loss_fits_the_target(kind: Kind) -> None:
    loaded = load(kind, classify={"models": {"mlp": {}, "resnet": {"training": {"epochs": 2}}}})
    assert loaded.target == kind
    assert loaded.classify is not None
    assert {model.loss.name in FITTING[kind] for model in loaded.classify.models.values()} == {True}  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("loss", [name for name in registry.entries("loss") if name != "distillation"])
def test_a_loss_that_does_not_fit_is_one_line_that_names_those_that_do(kind: Kind, loss: str) -> None:
    section = {"models": {"mlp": {"loss": loss}}}
    if loss in FITTING[kind]:
        assert load(kind, classify=section).classify
        return
    line = problem(kind, classify=section)
    assert line.startswith(f"classify.models.mlp.loss: {loss} does not fit the target")
    assert set(line.split("; use ")[1].split(", ")) == FITTING[kind]


@pytest.mark.parametrize(
    ("key", "sections"),
    [
        ("ladder", {"ladder": {}}),
        ("detect", {"detect": {}}),
        ("data.split.long_tail", {"split": {"long_tail": 10}}),
        ("data.split.keep", {"split": {"keep": {"apple": 3}}}),
        ("augment.a.classes", {"augment": {"a": {"classes": {"apple": {"strength": 2.0}}}}}),
        ("augment.a.balance", {"augment": {"a": {"balance": True}}}),
        ("augment.a.imbalance", {"augment": {"a": {"imbalance": "class_weights"}}}),
        (
            "augment.a.online[0].consistency",
            {"augment": {"a": {"online": [{"name": "augmix", "consistency": 12}]}}, "classify": {}},
        ),
    ],
)
@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_what_needs_one_class_per_image_is_refused(kind: Kind, key: str, sections: dict[str, Any]) -> None:
    line = problem(kind, **sections)
    assert line.startswith(f"{key}: needs one class per image, but the target is ")
    assert f"data.source.{kind}" in line


@pytest.mark.parametrize("kind", ASKED)
@pytest.mark.parametrize("head", registry.entries("head"))
def test_a_probes_head_fits_the_target(kind: Kind, head: str) -> None:
    model = {"network": "pretrained", "transfer": "probe"}
    section = load(kind, classify={"models": {"probe": model}}).classify
    assert section is not None
    assert section.models["probe"].transfer.head.name == ("ridge" if kind == "numbers" else "logistic")  # type: ignore[union-attr]
    model["transfer"] = {"name": "probe", "head": head}  # type: ignore[assignment]
    if kind in registry.entry("head", head).constants["TARGETS"]:
        assert load(kind, classify={"models": {"probe": model}})
    else:
        line = problem(kind, classify={"models": {"probe": model}})
        assert line.startswith(f"classify.models.probe.transfer.head: {head} does not fit the target")


def test_labels_and_numbers_exclude_each_other() -> None:
    assert problem("labels", more="numbers", classify={}).startswith("data.source: got both labels and numbers")


@pytest.mark.parametrize("merge", ["mean", "learned", "geometric_mean", "max"])
def test_views_of_numbers_are_averaged(merge: str) -> None:
    assert load("labels", classify={"tta_merge": merge}).classify
    if merge in ("mean", "learned"):
        assert load("numbers", classify={"tta_merge": merge}).classify
    else:
        line = f"classify.tta_merge: {merge} merges probabilities, not numbers; use mean or learned"
        assert problem("numbers", classify={"tta_merge": merge}) == line


@pytest.mark.parametrize("kind", ASKED)
def test_every_target_is_explained_and_audited(kind: Kind) -> None:
    loaded = load(kind, classify={}, audit={}, augment={"a": {}})
    asked = {stage.name for stage in (*STAGES, *AUDITS) if stage.each is not None and [*stage.each(loaded)]}
    assert {"classify explain", "audit train", "audit measure"} <= asked


@pytest.mark.parametrize(
    ("header", "asked", "expected"),
    [
        (
            "path,aple,pear",
            {"labels": ["apple", "pear"]},
            'data.source.labels: .* has no column "apple". Did you mean "aple"',
        ),
        ("path, price", {"numbers": ["prize"]}, 'data.source.numbers: .* has no column "prize". Did you mean "price"'),
        (
            "path,label,fruits",
            {"labels": {"column": "fruits"}},
            "data.source.labels: .* has a column label, for one class",
        ),
        ("path, price", {"numbers": ["price"]}, None),
    ],
)
def test_columns_of_a_local_table_are_checked_before_any_job(
    header: str, asked: dict[str, Any], expected: str | None, tmp_path: Path
) -> None:
    table = tmp_path / "table.csv"
    table.write_text(f"{header}\n")
    raw = {"name": "fruits", "data": {"source": {"name": "manifest", "path": str(table), **asked}}, "classify": {}}
    if expected is None:
        assert config.load(raw, path="c.yaml")
        return
    with pytest.raises(ConfigError, match=expected) as caught:
        config.load(raw, path="c.yaml")
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("fruits", 'got "fruits"; expected a list of columns, or the keys column and separator'),
        ([], "got []; expected a list of columns"),
        ([1, 2], "got [1, 2]; expected a list of columns"),
        (["a", "a"], '"a" is listed twice'),
        ({"separater": ","}, 'no key "separater". Did you mean "separator"? The keys here are: column, separator'),
        ({"column": "x", "separator": ""}, "expected text for column and, if it is not |, for separator"),
    ],
)
def test_wrong_options_of_labels_are_one_line(labels: Any, expected: str) -> None:
    raw = {"name": "x", "data": {"source": {"name": "manifest", "path": "t.csv", "labels": labels}}, "classify": {}}
    with pytest.raises(ConfigError) as caught:
        config.load(raw, path="c.yaml", need_data=False)
    (line,) = caught.value.problems
    assert line.startswith("data.source.labels: ")
    assert expected in line
