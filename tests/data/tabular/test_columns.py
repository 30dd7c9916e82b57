"""Types of columns: inferred, set in the config, and applied to rows that arrive later."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from darkroom.data.tabular.columns import Column, column_of, encode, parse, read_column, rows_of, shape


def parsed(cells: list[Any], kind: Any = None) -> tuple[Any, str]:
    return parse(pa.chunked_array([pa.array(cells)]), "a", kind)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", " 2.5", "-3e-2", ""], "number"),
        (["1,5", "2", "-3,25"], "number"),
        (["1", "NA", "?"], "number"),
        (["2026-01-01", "2025-12-31 12:30:00", "NA"], "date"),
        (["red", "NA", "blue"], "category"),
        (["yes", "no"], "category"),
        ([True, False], "category"),
        ([1, 2, None], "number"),
    ],
)
def test_types_are_inferred(cells: list[Any], kind: str) -> None:
    found, remark = parsed(cells)
    assert found.kind == kind
    assert remark == ""


def test_missing_cells_are_nan_and_a_category_may_be_called_na() -> None:
    np.testing.assert_array_equal(parsed(["1", "NA", "", "?"])[0].missing, [False, True, True, True])
    np.testing.assert_array_equal(parsed(["x", "NA", "", "?"])[0].missing, [False, False, True, False])


def test_ids_and_empty_columns_are_left_out_with_a_remark() -> None:
    found, remark = parsed([f"id-{k}" for k in range(100)])
    assert found is None
    assert "100 distinct texts in 100 rows" in remark
    assert "data.source.columns.a" in remark
    assert parsed([f"id-{k}" for k in range(100)], "category")[0] is not None
    assert parsed([None, None]) == (None, "column a is empty: left out")


def test_the_config_decides() -> None:
    assert parsed(["1", "2"], "drop") == (None, "")
    assert parsed([1, 2], "category")[0].texts.tolist() == ["1", "2"]
    assert parsed([1.0, None], "category")[0].texts.tolist() == ["1", None]
    found, remark = parsed(["1", "none of it", "3"], "number")
    np.testing.assert_array_equal(found.numbers, [1, np.nan, 3])
    assert remark == 'column a: 1 texts such as "none of it" read as missing numbers'
    with pytest.raises(ValueError, match=r'data\.source\.columns\.a: number, but no cell is one; the first is "red"'):
        parsed(["red"], "number")
    with pytest.raises(ValueError, match=r'data\.source\.columns\.a: "soon" is not a date'):
        parsed(["2026-01-01", "soon"], "date")
    with pytest.raises(ValueError, match=r"data\.source\.columns\.a: the column holds int64, not dates"):
        parsed([1, 2], "date")


def test_categories_are_those_of_the_training_rows() -> None:
    found, _ = parsed(["red", "blue", "red", "green", None])
    column = column_of(found, "a", np.array([0, 1, 2]))
    assert column == Column("a", "category", ("blue", "red"))
    np.testing.assert_array_equal(encode(found, column), [1, 0, 1, 2, np.nan])
    assert shape([column, Column("b", "number")]) == (2, 0)
    assert read_column(column.saved()) == column


def test_later_rows_are_encoded_alike_whatever_the_order_of_their_columns() -> None:
    columns = [Column("a", "category", ("blue", "red")), Column("b", "number"), Column("c", "number")]
    table = pa.table({"b": ["1.5", ""], "more": [1, 2], "a": ["red", "pink"], "c": pa.array([None, None], pa.string())})
    np.testing.assert_array_equal(rows_of(table, columns), [[1, 1.5, np.nan], [2, np.nan, np.nan]])
    with pytest.raises(ValueError, match=r'no column "b"\.'):
        rows_of(table.drop(["b"]), columns)
