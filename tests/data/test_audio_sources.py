"""Sources of recordings: class folders, labels and speakers in file names, tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkroom import registry
from darkroom.data.file_names import Template, check
from darkroom.data.item import Contents


def contents(tmp_path: Path, files: list[str], name: str = "audio_folder", **options: str) -> Contents:
    root = tmp_path / "set"
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_bytes(b"x")
    chosen = registry.options("source", name).model_validate({"name": name, "path": str(root), **options})
    source = registry.build(chosen)
    (tmp_path / "raw").mkdir()
    source.fetch(tmp_path / "raw")
    found: Contents = source.contents(tmp_path / "raw")
    return found


def test_class_folders_and_given_splits_are_read_as_those_of_images(tmp_path: Path) -> None:
    found = contents(tmp_path, ["train/dog/a.wav", "train/cat/b.flac", "test/cat/c.MP3", "test/dog/d.ogg", "notes.txt"])
    assert [(i.label, i.split) for i in found.items] == [
        ("cat", "test"), ("dog", "test"), ("cat", "train"), ("dog", "train"),
    ]  # fmt: skip
    assert [(u.origin, u.reason) for u in found.unused] == [("notes.txt", "no sound file")]


def test_file_names_give_labels_and_groups_and_say_which_do_not_match(tmp_path: Path) -> None:
    files = ["rec/7_theo_3.wav", "rec/10_ann_0.wav", "rec/noise.wav"]
    found = contents(tmp_path, files, names="{label}_{group}_{}")
    assert [(i.label, i.group) for i in found.items] == [("10", "ann"), ("7", "theo")]
    assert found.classes == ("7", "10")
    assert [u.origin for u in found.unused] == ["noise.wav"] or [u.origin for u in found.unused] == ["rec/noise.wav"]
    assert "1" in found.warnings[0]


def test_groups_in_file_names_go_with_class_folders(tmp_path: Path) -> None:
    found = contents(tmp_path, ["fan/id_00-3.wav", "pump/id_02-1.wav"], names="id_{group}-{}")
    assert [(i.label, i.group) for i in found.items] == [("fan", "00"), ("pump", "02")]


def test_no_match_at_all_is_an_error_that_shows_a_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no file name matches \{label\}-\{\}; the first is a_1"):
        contents(tmp_path, ["a_1.wav"], names="{label}-{}")


def test_a_table_names_recordings_with_labels_and_groups(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    (root / "list.csv").write_text("path,label,group\na.wav,yes,ann\nb.wav,no,theo\n")
    found = contents(tmp_path, ["a.wav", "b.wav"], name="audio_table")
    assert [(i.label, i.group) for i in found.items] == [("yes", "ann"), ("no", "theo")]


@pytest.mark.parametrize("text", ["plain", "{}", "{label}_{label}", "{speaker}_{}", "{label", "{label}}"])
def test_templates_that_read_nothing_or_unknown_fields_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected \{label\}, \{group\}"):
        check(text)


def test_a_template_takes_special_characters_as_they_are() -> None:
    assert Template("{group} (v1.0) {label}").read("bo (v1.0) x") == {"group": "bo", "label": "x"}
    assert Template("{label}.{}").read("ab") is None
