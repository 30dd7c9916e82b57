"""Corrected labels: what the table may hold, and what changes in a prepared set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from darkroom.data import corrections


def table(path: Path, *rows: str, head: str = "id,label") -> Path:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_table_gives_the_label_of_each_id_whatever_the_order_and_other_columns(tmp_path: Path) -> None:
    first = table(tmp_path / "a.csv", "b.png,cat,seen", "a.png,drop,", head="id,label,note")
    second = table(tmp_path / "b.csv", "a.png,drop", "b.png,cat", "b.png,cat")
    assert corrections.read(first) == corrections.read(second) == {"a.png": "drop", "b.png": "cat"}


@pytest.mark.parametrize(
    ("rows", "head", "said"),
    [
        (
            ("a.png,cat", "a.png,dog"),
            "id,label",
            'row 3: "a.png" is corrected to "cat" and to "dog"; keep one of the rows',
        ),
        (
            ("a.png,",),
            "id,label",
            "row 2: no label; write a class, drop to leave the image out of the set, or delete the row",
        ),
        (("a.png,cat",), "path,label", "has no column id; it has path, label"),
    ],
)
def test_a_table_that_cannot_be_applied_is_refused_in_a_line(
    tmp_path: Path, rows: tuple[str, ...], head: str, said: str
) -> None:
    with pytest.raises(ValueError, match=r"data\.corrections") as error:
        corrections.read(table(tmp_path / "c.csv", *rows, head=head))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_corrections_change_labels_and_drop_images_and_leave_splits(run: Callable[..., Any], classes: Path) -> None:
    source = {"name": "folder", "path": str(classes)}
    before = run(source)
    items, names = before.store.items, before.store.classes
    dropped, moved = items["id"].iloc[0], items["id"].iloc[5]
    other = names[1 - items["label"].iloc[5]]
    after = run(source, corrected={dropped: "drop", moved: other})
    left = after.store.items.set_index("id")
    assert dropped not in left.index
    assert names[left.loc[moved, "label"]] == other
    assert left.loc[moved, "given_label"] == items["label"].iloc[5]
    assert left["split"].to_dict() == {k: v for k, v in items.set_index("id")["split"].items() if k != dropped}
    same = left.drop(moved)
    assert (same["label"] == same["given_label"]).all()
    assert after.card["corrected"] == {"relabeled": 1, "dropped": 1}
    assert after.excluded[dropped] == "dropped by data.corrections"


def test_unknown_ids_and_classes_are_named_a_line_each_with_the_nearest(run: Callable[..., Any], classes: Path) -> None:
    source = {"name": "folder", "path": str(classes)}
    store = run(source).store
    known, name = store.items["id"].iloc[0], store.classes[0]
    with pytest.raises(ValueError, match=r"data\.corrections") as error:
        run(source, corrected={known + "x": "drop", known: name + "s"})
    lines = str(error.value).splitlines()
    assert len(lines) == 2
    assert f'no image "{known}x". Did you mean "{known}"?' in lines[1] + lines[0]
    assert f'no class "{name}s". Did you mean "{name}"?' in lines[1] + lines[0]
