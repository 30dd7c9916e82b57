"""A table through fetch and prepare: kinds of columns, splits, copies, and wrong input in one line."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom import files
from darkroom.data.store import Store, open_store

from .conftest import through

Make = Callable[..., Store]


def test_a_store_holds_numbers_codes_and_days(prepared: Path, table: pd.DataFrame) -> None:
    store = open_store(prepared)
    assert store.kind == "table"
    assert store.shape == (0, 0, 2, 0)
    assert store.classes == ("bad", "good")
    rows = store.items["id"].str.removeprefix("row-").astype(int).to_numpy()
    np.testing.assert_allclose(store.samples[:, 0], table["length"].to_numpy()[rows], rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(store.samples[:, 1]), table["weight"].isna().to_numpy()[rows])
    np.testing.assert_array_equal(store.samples[:, 2], (table["color"] == "red").to_numpy()[rows])
    days = (table["made"] - pd.Timestamp("1970-01-01")).dt.days.to_numpy()
    np.testing.assert_array_equal(store.samples[:, 3], days[rows])
    columns = json.loads((prepared / "columns.json").read_text())
    assert [column["kind"] for column in columns] == ["number", "number", "category", "date"]
    assert 0.02 < columns[1]["missing"] < 0.2
    assert files.read_json(prepared / "card.json")["size"].startswith("4 columns (2 numbers, 1 category, 1 date), ")


def test_splits_come_from_a_column_and_categories_from_its_training_rows(
    tmp_path: Path, make: Make, table: pd.DataFrame
) -> None:
    table = table.assign(part=["train"] * 200 + ["dev"] * 100 + ["test"] * 100)
    table.loc[[250, 350], "color"] = "green"
    store = make(table, tmp_path, split_column="part")
    assert store.items["split"].tolist() == ["train"] * 200 + ["val"] * 100 + ["test"] * 100
    assert store.shape[2] == 2
    assert store.samples[250, 2] == store.samples[350, 2] == 2


def test_equal_rows_stay_in_one_split_and_groups_too(tmp_path: Path, make: Make, table: pd.DataFrame) -> None:
    twice = pd.concat([table.iloc[:100], table.iloc[:100]], ignore_index=True)
    store = make(twice.assign(who=[f"g{k % 20}" for k in range(200)]), tmp_path, group="who")
    parts = store.items["split"].to_numpy()
    assert (parts[:100] == parts[100:]).all()
    who = np.arange(200) % 20
    assert all(len(set(parts[who == k])) == 1 for k in range(20))
    assert files.read_json(tmp_path / "prepared" / "card.json")["duplicates"] == 100


def test_numbers_are_targets_too(tmp_path: Path, make: Make, table: pd.DataFrame) -> None:
    store = make(table.drop(columns="class"), tmp_path, numbers=["length"])
    assert store.target.kind == "numbers"
    assert len(store.shape) == 3


def test_leaks_and_constant_columns_are_warned_of(tmp_path: Path, make: Make, table: pd.DataFrame) -> None:
    table = table.assign(outcome=(table["class"] == "bad") * 2.5, number=range(20_260_000, 20_260_400), same="x")
    make(pd.concat([table, table.iloc[[3, 7]]]), tmp_path)
    warnings = "\n".join(files.read_json(tmp_path / "prepared" / "card.json")["warnings"])
    assert 'alone predict the class, with their balanced accuracy on held-out rows: 1: "outcome (1.000)"' in warnings
    assert 'look like ids, a different number in every row: 1: "number"' in warnings
    assert 'one value in all training rows, left out: 1: "same"' in warnings


@pytest.mark.thorough
def test_ten_thousand_columns_are_read(tmp_path: Path, make: Make) -> None:
    wide = pd.DataFrame(
        np.random.default_rng(0).normal(size=(40, 10_000)).round(3), columns=[f"c{k}" for k in range(10_000)]
    )
    store = make(wide.assign(y=["a", "b"] * 20), tmp_path)
    assert store.samples.shape == (40, 10_000)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no such target": ({"target": "clas"}, 'data.source.target: .* no column "clas". Did you mean "class"?'),
    "no such feature": ({"columns": {"lenght": "number"}}, 'data.source.columns: .* no feature "lenght". Did you mean'),
    "ids repeat": ({"id": "color"}, "data.source.id: .* names several rows or none"),
    "bad split": (
        {"split_column": "color"},
        'data.source.path: .* row 2: split "(red|blue)"; expected train, val, test',
    ),
    "two purposes": ({"group": "class", "target": "class"}, "named for two purposes"),
    "nothing left": (
        {"columns": dict.fromkeys(["length", "weight", "color", "made"], "drop")},
        "no column of the table is left to learn from",
    ),
    "text as date": ({"columns": {"color": "date"}}, r"data.source.columns.color: .* is not a date"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_options_are_one_line(name: str, tmp_path: Path, make: Make, table: pd.DataFrame) -> None:
    options, message = WRONG[name]
    with pytest.raises(ValueError, match=message.replace("?", r"\?")) as caught:
        make(table, tmp_path, **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "prepared").exists()


def written(kind: str, path: Path) -> None:
    """Write a file that is no table."""
    if kind == "objects.npz":
        np.savez(path, X=np.array([[object()]], dtype=object))
    elif kind == "shape.npz":
        np.savez(path, X=np.zeros(3), y=np.zeros(3))
    else:
        path.write_bytes(
            {"empty.csv": b"", "header.csv": b"a,b\n", "binary.csv": bytes(range(256))}.get(kind, b"PK no")
        )


BROKEN = {
    "empty.csv": "has no rows",
    "header.csv": "has no rows",
    "binary.csv": "zero bytes",
    "broken.parquet": "cannot be read as a table",
    "broken.npz": "cannot be read as a table",
    "objects.npz": "Python objects, which are never read",
    "shape.npz": "expected X of shape",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_table_is_one_line(kind: str, tmp_path: Path) -> None:
    written(kind, tmp_path / kind)
    with pytest.raises(ValueError, match=BROKEN[kind]) as caught:
        through(tmp_path / kind, tmp_path)
    assert "\n" not in str(caught.value)
    assert kind in str(caught.value)


def test_numbers_beyond_single_precision_are_missing(tmp_path: Path, make: Make, table: pd.DataFrame) -> None:
    table.loc[:9, "length"] = [1e300, -1e300] * 5
    store = make(table, tmp_path)
    assert np.isnan(store.samples[:10, 0]).all()
    assert np.isfinite(store.samples[10:, 0]).all()


def test_memory_stays_near_the_size_of_a_wide_table(tmp_path: Path, make: Make) -> None:
    rows = np.random.default_rng(0).normal(size=(200, 1000)).round(3)
    wide = pd.DataFrame(rows, columns=[f"c{k}" for k in range(1000)]).assign(y=["a", "b"] * 100)
    wide.to_csv(tmp_path / "table.csv", index=False)
    size = (tmp_path / "table.csv").stat().st_size
    through(tmp_path / "table.csv", tmp_path / "imports")
    tracemalloc.start()
    through(tmp_path / "table.csv", tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * size, f"{peak / size:.1f} times the file"


def test_a_later_table_may_have_one_class(tmp_path: Path, make: Make, table: pd.DataFrame) -> None:
    store = make(table[table["class"] == "good"], tmp_path)
    assert store.classes == ("good",)
