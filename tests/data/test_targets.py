"""The source `manifest` with several labels per image, or with numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom import files
from darkroom.data.store import labeled, open_store
from darkroom.data.target import Target


@pytest.fixture
def table(classes: Path) -> pd.DataFrame:
    """A table of 20 images with two labels and a number."""
    names = sorted(path.relative_to(classes).as_posix() for path in classes.rglob("*.png"))
    even = np.arange(20) % 2
    return pd.DataFrame({"path": names, "apple": even, "pear": 1 - even, "price": np.linspace(0.5, 10, 20)})


@pytest.fixture
def prepared(run: Callable[..., Any], classes: Path) -> Callable[..., Any]:
    """Prepare a table with the options of a target."""

    def prepare(table: pd.DataFrame, ending: str = ".csv", **options: Any) -> Any:
        path = classes / f"table{ending}"
        if ending == ".parquet":
            table.to_parquet(path)
        else:
            table.to_csv(path, index=False)
        return run({"name": "manifest", "path": str(path), **options})

    return prepare


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_one_column_per_label(prepared: Callable[..., Any], table: pd.DataFrame, ending: str) -> None:
    table = table.astype({"apple": bool, "pear": "Int64"}) if ending == ".parquet" else table
    store = prepared(table, ending, labels=["pear", "apple"]).store
    assert store.target == Target("labels", ("pear", "apple"))
    assert (store.classes, set(store.labels)) == ((), {-1})
    assert store.targets.dtype == np.float32
    assert np.array_equal(store.targets, table[["pear", "apple"]].to_numpy(float))


def test_one_column_that_lists_the_labels(prepared: Callable[..., Any], table: pd.DataFrame) -> None:
    table["fruits"] = ["apple; pear", "pear;apple;pear", "pear", ";", "", *["kiwi"] * 15]
    store = prepared(table, labels={"column": "fruits", "separator": ";"}).store
    assert store.target == Target("labels", ("apple", "kiwi", "pear"))
    assert store.targets[:4].tolist() == [[1, 0, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0]]
    assert np.isnan(store.targets[4]).all()
    assert sum(len(labeled(store, split)) for split in ("train", "val", "test")) == 19


def test_numbers_keep_their_units_and_an_empty_cell_is_no_target(
    prepared: Callable[..., Any], table: pd.DataFrame
) -> None:
    table["rooms"] = [f"{n}e1" for n in range(19)] + [""]
    table.loc[3, "price"] = np.nan
    table["label"] = "ignored"
    got = prepared(table, numbers=["rooms", "price"])
    store = got.store
    assert store.target == Target("numbers", ("rooms", "price"))
    assert store.targets[1].tolist() == [10, 1]
    assert np.isnan(store.targets[[3, 19]]).all()
    assert got.warned("rows with values in some target columns only, used as images without a target: 2")
    assert got.card["unlabeled"] == 2


def test_a_store_of_classes_is_described_as_before(prepared: Callable[..., Any], table: pd.DataFrame) -> None:
    got = prepared(table.assign(label="a"))
    assert files.read_json(got.root / "store.json") == {"name": "tried", "classes": ["a"]}
    assert list(got.store.items) == ["id", "label", "split", "group", "mask", "origin", "sha256", "twin_in_train"]
    assert got.store.target == Target("class", ("a",))
    assert np.array_equal(got.store.targets, got.store.labels)
    assert not {"target", "labeled"} & got.card.keys()


def test_copies_of_a_picture_with_other_targets_are_named(
    prepared: Callable[..., Any], table: pd.DataFrame, classes: Path
) -> None:
    table.loc[1, "path"] = "copy.png"
    (classes / "copy.png").write_bytes((classes / table["path"][0]).read_bytes())
    assert prepared(table, numbers=["price"]).warned("images whose copies carry different numbers: 1")


LABELS: dict[str, Any] = {"labels": ["apple", "pear"]}
NUMBERS: dict[str, Any] = {"numbers": ["price"]}


@pytest.mark.parametrize(
    ("change", "options", "expected"),
    [
        ({}, {"labels": ["aple"]}, 'data.source.labels: .* has no column "aple". Did you mean "apple"'),
        ({}, {"numbers": ["prize"]}, 'data.source.numbers: .* has no column "prize". Did you mean "price"'),
        ({}, {"labels": {"column": "fruit"}}, 'data.source.labels: .* has no column "fruit"'),
        ({"label": "x"}, LABELS, "a column label, for one class per image, beside apple, pear; remove or rename"),
        ({"apple": ["2", *"0" * 19]}, LABELS, 'row 2: apple is "2"; expected 0 or 1; leave the cell empty'),
        ({"pear": [*"01" * 9, "0", "yes"]}, LABELS, 'row 21: pear is "yes"; expected 0 or 1'),
        ({"pear": ["NaN", *"1" * 19]}, LABELS, 'row 2: pear is "NaN"; expected 0 or 1'),
        ({"apple": "", "pear": ""}, LABELS, "no row has a value in every column of apple, pear; fill them in"),
        ({"apple": 0, "pear": 0}, LABELS, "no image has any of the labels apple, pear; mark those it has with 1"),
        ({"price": ""}, NUMBERS, "data.source.numbers: .* no row has a value in every column of price"),
        (
            {"price": ["1", "NaN", *"2" * 18]},
            NUMBERS,
            "row 3: price is NaN; expected a finite number; leave the cell empty",
        ),
        ({"price": ["-inf", *"2" * 19]}, NUMBERS, "row 2: price is -inf; expected a finite number"),
        ({"price": ["1e60", *"2" * 19]}, NUMBERS, "row 2: price is 1e60, beyond what 32-bit numbers hold"),
        (
            {"price": [*"2" * 19, "n/a"]},
            NUMBERS,
            'row 21: price is "n/a".* mixes text and numbers \\(19 of 20 cells\\)',
        ),
        ({"price": "cheap"}, NUMBERS, 'row 2: price is "cheap", which is no number; write numbers only'),
        ({"price": "1_000"}, NUMBERS, 'price is "1_000", which is no number'),
        ({"fruits": ["", "|", *" " * 18]}, {"labels": {"column": "fruits"}}, "the column fruits names no label"),
    ],
)
def test_what_cannot_be_a_target_is_one_line_with_key_and_cure(
    prepared: Callable[..., Any], table: pd.DataFrame, change: dict[str, Any], options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        prepared(table.assign(**change), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_every_way_to_split_takes_every_target(
    run: Callable[..., Any], table: pd.DataFrame, classes: Path, kind: str
) -> None:
    table["group"] = [f"g{n // 4}" for n in range(20)]
    table["split"] = ["train"] * 14 + ["test"] * 6
    table.to_csv(classes / "table.csv", index=False)
    table.drop(columns="split").to_csv(classes / "free.csv", index=False)
    asked = LABELS if kind == "labels" else NUMBERS
    for number, (name, split) in enumerate(
        [
            ("table.csv", {"regroup": True}),
            ("free.csv", {"method": "kfold", "folds": 3, "fold": 1}),
            ("free.csv", {"method": "leave_one_group_out", "group": "g2"}),
        ]
    ):
        source = {"name": "manifest", "path": str(classes / name), **asked}
        items = run(source, to=f"{number}", split=split).store.items
        assert items.groupby("group")["split"].nunique().max() == 1
        assert {"train", "test"} <= set(items["split"])


def test_a_stage_that_knows_classes_only_sees_unlabeled_images(
    prepared: Callable[..., Any], table: pd.DataFrame
) -> None:
    got = prepared(table, **NUMBERS)
    plain = open_store(got.root, classes_only=True)
    assert plain.target == Target("class", ())
    assert not len(labeled(plain, "train"))
    rows = got.store.rows("train")
    assert got.store.strata(rows).shape[0] == len(rows)
    assert plain.strata(rows).tolist() == [-1] * len(rows)
