"""Texts that are too long, empty or no texts: one line, and memory that does not grow with their number."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.data.text.toy import prepared, rows, table

from darkroom.data import incoming
from darkroom.data.sources.text_table import TextTable
from darkroom.data.text import characters
from darkroom.data.text.incoming import read_intake

MEGABYTE = 1_000_000


def peak(work: Callable[[], Any]) -> float:
    """The most memory in MB that some work takes at a time."""
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / MEGABYTE


def test_a_text_of_50_megabytes_costs_no_more_than_its_start(tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_bytes(b"some words of it " * (50 * MEGABYTE // 17))
    assert peak(lambda: characters.read(tmp_path / "long.txt", None)) < 5


def test_long_rows_of_a_table_are_not_kept(tmp_path: Path) -> None:
    line = json.dumps({"text": "some words of it " * (5 * MEGABYTE // 17), "label": "a"})
    (tmp_path / "in.jsonl").write_text(f"{line}\n" * 10)
    source = TextTable(path=str(tmp_path / "in.jsonl"))
    assert peak(lambda: source.contents(tmp_path)) < 35  # the file has 50
    items = source.contents(tmp_path).items
    assert {len(item.text or "") for item in items} == {characters.LONGEST + 1}


def test_new_texts_of_any_length_are_predicted_from_their_start(tmp_path: Path) -> None:
    table(tmp_path / "in.tsv", rows("good", 20), rows("bad", 20))
    prepared(tmp_path, {"name": "text_table", "path": str(tmp_path / "in.tsv"), "rare": 1})
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.txt").write_text("the plot is good " * (2 * MEGABYTE // 17))
    (tmp_path / "new" / "b.txt").write_text("the plot is good " * 10)
    [batch] = read_intake(tmp_path / "prepared").batches(incoming.listed(tmp_path / "new"))
    assert batch.samples is not None
    assert (batch.samples[0] == batch.samples[1]).all()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("in.csv", b"", "holds no texts"),
        ("in.csv", b"text,label\n", "holds no texts"),
        ("in.csv", b"\x89PNG\0\0", "in.csv: it holds zero bytes"),
        ("in.jsonl", b"[1]\nnope\n", "none of its 2 files is a readable text"),
        ("in.parquet", b"", "cannot be read as parquet"),
        ("in.csv", b"text,label\n,a\n ,b\n", "an empty text"),
        ("in.png", b"\x89PNG", "expected tables"),
    ],
)
def test_what_is_no_table_of_texts_leaves_one_line(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=words) as caught:
        prepared(tmp_path, {"name": "text_table", "path": str(tmp_path / name)})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "prepared").exists()
