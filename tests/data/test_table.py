"""Tables that are written row by row."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from darkroom import files
from darkroom.data import table

COLUMNS: table.Columns = {"file": "text", "score": "number", "flag": "flag", "set": "names"}
ROWS = [["a,b\n.png", 1 / 3, True, ['x "y"', "é"]], ["c.png", None, None, None], ["d.png", 2, False, []]]


def test_csv_and_parquet_hold_the_same(tmp_path: Path) -> None:
    table.write(tmp_path / "t.csv", COLUMNS, ROWS, total=3)
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == (
        'file,score,flag,set\n"a,b\n.png",0.3333333333333333,true,"[""x \\""y\\"""", ""é""]"\nc.png,,,\nd.png,2.0,false,[]\n'
    )
    table.write(tmp_path / "t.parquet", COLUMNS, ROWS, total=3)
    found = pd.read_parquet(tmp_path / "t.parquet").astype(object)
    cells = [None if cell is None else cell for cell in found["set"]]
    assert [cell if cell is None else list(cell) for cell in cells] == [row[3] for row in ROWS]
    assert found["flag"].tolist() == [True, None, False]
    assert found["score"].isna().tolist() == [False, True, False]


def test_row_groups_bound_memory_and_repeat_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "ROWS", 2)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        table.write(tmp_path / name / "t.parquet", COLUMNS, iter(ROWS * 3), total=9)
    assert files.sha256(tmp_path / "one/t.parquet") == files.sha256(tmp_path / "two/t.parquet")
    assert len(pd.read_parquet(tmp_path / "one/t.parquet")) == 9


def test_other_formats_are_refused() -> None:
    with pytest.raises(ValueError, match=r'no --format "xlsx"'):
        table.file_name("t", "xlsx")
