"""Tables from files: every format gives the same columns, and what cannot be read is one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darkroom.data.tabular import file
from darkroom.data.tabular.columns import column_of, encode, parse

FRAME = pd.DataFrame(
    {
        "height": [1.5, None, 2.0],
        "color": ["red", "blue, dark", None],
        "when": pd.to_datetime(["2026-11-29", "1970-01-02", None]),
    }
)


def written(folder: Path, name: str) -> Path:
    path = folder / name
    if name.endswith(".xlsx"):
        FRAME.to_excel(path, index=False)
    elif name.endswith(".parquet"):
        FRAME.to_parquet(path)
    else:
        separator = {"semi.csv": ";", "tabs.tsv": "\t", "bars.txt": "|"}.get(name, ",")
        encoding = {"mark.csv": "utf-8-sig", "wide.csv": "utf-16"}.get(name, "utf-8")
        FRAME.to_csv(path, index=False, sep=separator, encoding=encoding)
    return path


NAMES = ["a.csv", "semi.csv", "tabs.tsv", "bars.txt", "mark.csv", "wide.csv", "a.parquet", "a.xlsx"]


@pytest.mark.parametrize("name", NAMES)
def test_every_format_gives_the_same_numbers(name: str, tmp_path: Path) -> None:
    table = file.read(written(tmp_path, name), name)
    assert table.column_names == ["height", "color", "when"]
    found = []
    for column in table.column_names:
        parsed, remark = parse(table[column], column, None)
        assert parsed is not None
        assert remark == ""
        found.append(encode(parsed, column_of(parsed, column, np.arange(3))))
    np.testing.assert_array_equal(found, [[1.5, np.nan, 2], [1, 0, np.nan], [20786, 1, np.nan]])


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_row_may_be_longer_than_a_block(quote: str, tmp_path: Path) -> None:
    long = "word " * 700_000
    lines = [f"{quote}text{quote},label", "short,a", f"{quote}{long}{quote},b", "short,a"]
    (tmp_path / "long.csv").write_text("\n".join(lines))
    found = file.read(tmp_path / "long.csv", "long.csv")
    assert found["label"].to_pylist() == ["a", "b", "a"]
    assert len(found["text"][1].as_py()) == len(long)


def test_arrays_are_columns_and_the_target_is_y(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.arange(6.0).reshape(3, 2), y=np.array([0, 1, 0]))
    table = file.read(tmp_path / "a.npz", "a.npz")
    assert table.to_pydict() == {"x0": [0, 2, 4], "x1": [1, 3, 5], "y": [0, 1, 0]}


WRONG = {
    "empty.csv": (b"", "has no rows"),
    "head.csv": (b"a,b\n", "has no rows"),
    "ragged.csv": (b"a,b\n1,2\n1,2,3\n", "Expected 2 columns, got 3"),
    "zeros.csv": (b"a,b\n\0\0\0\0", "zero bytes"),
    "twice.csv": (b"a,a\n1,2\n", 'several columns named "a"'),
    "bad.parquet": (b"PAR1 no", "cannot be read as a table"),
    "bad.xlsx": (b"PK no", "cannot be read as a table"),
    "bad.npz": (b"PK no", "cannot be read"),
    "a.json": (b"{}", "expected one of .csv"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_read_is_one_line(name: str, tmp_path: Path) -> None:
    content, message = WRONG[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=r".") as caught:
        file.read(tmp_path / name, name)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pickles_in_an_archive_are_never_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.array([{}], dtype=object), y=np.array([0]))
    with pytest.raises(ValueError, match="Python objects, which are never read"):
        file.read(tmp_path / "a.npz", "a.npz")
