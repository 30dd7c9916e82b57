"""Tables of text: separators, quotes, headers, JSON lines, parquet, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from darkroom.data.item import Unused
from darkroom.data.text import rows

WANTED = [
    {"text": 'He said "no", twice', "label": "spam"},
    {"text": "naïve, isn't it", "label": "ham"},
    {"text": "", "label": "ham"},
]


def read(file: Path, **how: Any) -> list[rows.Row | Unused]:
    return list(rows.read(file, file.name, rows.Format(**how), ["text"], ["label", "split"]))


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_holds_the_same_rows(ending: str, tmp_path: Path) -> None:
    file, table = tmp_path / f"a.{ending}", pd.DataFrame(WANTED)
    if ending == "csv":
        table.to_csv(file, index=False, encoding="utf-8-sig")
    elif ending == "tsv":
        file.write_text("text\tlabel\n" + "".join(f"{row['text']}\t{row['label']}\r\n" for row in WANTED))
    elif ending == "jsonl":
        file.write_text("\n\n".join(map(json.dumps, WANTED)))
    else:
        table.to_parquet(file)
    assert read(file) == WANTED


def test_without_a_header_the_last_column_takes_the_rest_of_the_line(tmp_path: Path) -> None:
    (tmp_path / "a.all").write_bytes(b"4 Who killed Caesar\xe9 ?\n\n5\n")
    found = read(tmp_path / "a.all", columns=["label", "text"], separator=" ")
    assert found == [
        {"text": "Who killed Caesaré ?", "label": "4"},
        Unused("a.all line 3", "1 cells; expected 2: label, text"),
    ]


def test_a_quoted_text_may_span_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,label\n"one\ntwo, ""three""",x\nfour,y,z\n')
    assert read(tmp_path / "a.csv") == [
        {"text": 'one\ntwo, "three"', "label": "x"},
        Unused("a.csv line 4", "3 cells; expected 2: text, label"),
    ]


def test_a_quote_that_is_never_closed_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('text,label\n"one,x\ntwo,y\n')
    with pytest.raises(ValueError, match=r"a\.csv cannot be read as a table: line 3: .*data\.source\.quotes to false"):
        read(tmp_path / "a.csv")
    assert read(tmp_path / "a.csv", quotes=False)[0] == {"text": '"one', "label": "x"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", r'data\.source: a\.csv has no column "text"; it has "a", "b".*data\.source\.columns'),
        ("text,text\n1,2\n", r'two columns "text"'),
    ],
)
def test_a_table_without_the_column_is_refused(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / "a.csv")


def test_lines_that_are_not_json_are_listed(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "x", "label": 1.0}\n{"text": \n[1]\n{"label": true}\n{"text": null}\n')
    assert read(tmp_path / "a.jsonl") == [
        {"text": "x", "label": "1"},
        Unused("a.jsonl line 2", "not JSON"),
        Unused("a.jsonl line 3", "no text"),
        Unused("a.jsonl line 4", "no text"),
        {"text": ""},
    ]


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"hello")
    with pytest.raises(ValueError, match=r"a\.parquet cannot be read as parquet"):
        read(tmp_path / "a.parquet")
