"""A store of texts: splits from file names, a tokenizer of the training split alone, and what is wrong with the input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.data.text.toy import NOUNS, prepared, rows, table

from darkroom.data.store import TOKENIZER
from darkroom.data.text import tokens


def test_a_store_of_texts(tmp_path: Path) -> None:
    table(tmp_path / "in" / "train.tsv", rows("good", 30), rows("bad", 30))
    table(tmp_path / "in" / "dev.tsv", rows("good", 5, 40), rows("bad", 5, 40))
    table(tmp_path / "in" / "TOY.test.tsv", rows("splendid", 5, 50), rows("awful", 5, 50))
    (tmp_path / "in" / "README").write_text("hello")
    source = {"name": "text_table", "path": str(tmp_path / "in"), "rare": 1, "length": 6}
    store, card = prepared(tmp_path, source, split={"near_duplicates": False})
    assert (store.kind, store.classes, store.samples.dtype) == ("text", ("neg", "pos"), np.int32)
    assert dict(store.items["split"].value_counts()) == {"train": 60, "val": 10, "test": 10}
    tokenizer = tokens.load(tmp_path / "prepared" / TOKENIZER)
    assert store.shape == (6, tokenizer.get_vocab_size())
    assert {"good", "bad"} <= tokenizer.get_vocab().keys()
    assert not {"splendid", "awful"} & tokenizer.get_vocab().keys()  # words of the test split alone
    assert "the plot number 0 is good plot" in store.items["text"].tolist()
    expected = tokens.padded(tokens.encode(tokenizer, store.items["text"].tolist()), 6)
    assert np.array_equal(store.samples, expected)
    assert (card["nouns"], card["images"]) == (["text", "texts"], 80)
    assert card["warnings"][0] == "texts of more than 6 tokens, of which the first 6 are used: 80"
    assert any("words of validation and test texts are unknown" in warning for warning in card["warnings"])
    assert pd.read_csv(tmp_path / "prepared" / "excluded.csv").values.tolist() == [["README", "not a table"]]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    table(tmp_path / "in.tsv", rows("good", 20), rows("bad", 20))
    for run in "ab":
        prepared(tmp_path / run, {"name": "text_table", "path": str(tmp_path / "in.tsv"), "tokens": "bpe"})
    for file in ("samples.npy", "items.parquet", TOKENIZER, "card.json"):
        assert (tmp_path / "a/prepared" / file).read_bytes() == (tmp_path / "b/prepared" / file).read_bytes()


def test_near_duplicates_and_copies_stay_in_one_split(tmp_path: Path) -> None:
    long = [" ".join(np.random.default_rng(i).choice(NOUNS, 30)) for i in range(40)]
    table(tmp_path / "in.tsv", [*long, *(f"{text}!" for text in long)], long[:10])
    store, card = prepared(tmp_path, {"name": "text_table", "path": str(tmp_path / "in.tsv")})
    split = dict(zip(store.items["text"], store.items["split"], strict=True))
    assert all(split[text] == split[f"{text}!"] for text in long)
    assert card["near_duplicates"]["pairs"] == 40
    assert "Jaccard" in card["near_duplicates"]["rule"]
    assert any("different labels" in warning for warning in card["warnings"])


def test_text_files_in_class_folders(tmp_path: Path) -> None:
    for name, word in (("pos", "good"), ("neg", "bad")):
        for index, text in enumerate(rows(word, 20)):
            file = tmp_path / "in" / name / f"{index}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-16" if index % 2 else "utf-8-sig")
    (tmp_path / "in" / "pos" / "empty.txt").write_text(" \n")
    (tmp_path / "in" / "pos" / "old.txt").write_bytes("naïve".encode("latin-1"))
    (tmp_path / "in" / "pos" / "binary.txt").write_bytes(b"\x7fELF\0\0\0")
    (tmp_path / "in" / "pos" / "huge.txt").write_text("good " * 1_000_000)
    store, card = prepared(tmp_path, {"name": "text_folder", "path": str(tmp_path / "in")})
    assert len(store.items) == 42
    assert any("read as Windows-1252: 1: " in warning and "old.txt" in warning for warning in card["warnings"])
    assert store.items["text"].str.len().max() == 99_999
    assert store.shape[0] == 256
    excluded = pd.read_csv(tmp_path / "prepared" / "excluded.csv")
    assert excluded["reason"].str[:20].tolist() == ["not readable as text", "an empty text"]
    assert any(
        warning.startswith("texts of more than 100,000 characters, cut there: 1") for warning in card["warnings"]
    )


def test_labels_and_numbers_from_columns(tmp_path: Path) -> None:
    lines = [{"text": text, "stars": i % 5, "topics": "a,b" if i % 2 else ""} for i, text in enumerate(rows("ok", 40))]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, lines)))
    path = str(tmp_path / "in.jsonl")
    store, _ = prepared(tmp_path / "n", {"name": "text_table", "path": path, "numbers": ["stars"]})
    assert store.target.kind == "numbers"
    labels = {"column": "topics", "separator": ","}
    store, _ = prepared(tmp_path / "l", {"name": "text_table", "path": path, "labels": labels})
    assert store.target.names == ("a", "b")


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("text,label\n", {}, r"data\.source: holds no texts"),
        ("text,label\n,a\n  ,b\n", {}, r"none of its 2 files is a readable text; 'in\.csv row 1': an empty text"),
        ("body,class\nx,y\n", {}, r'has no column "text"; it has "body", "class"'),
        ("text,label,split\nx,y,tset\n", {}, r'in\.csv row 1: split "tset"; .*Did you mean "test"'),
        ("text,label\nx,y\n", {"encoding": "klingon"}, r'data\.source\.encoding: no encoding "klingon"'),
    ],
)
def test_what_is_wrong_is_said_in_one_line(content: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(content)
    with pytest.raises(ValueError, match=message) as raised:
        prepared(tmp_path, {"name": "text_table", "path": str(tmp_path / "in.csv"), **options})
    assert "\n" not in str(raised.value)


def test_one_class_languages_and_encodings_are_warned_of(tmp_path: Path) -> None:
    lines = [*rows("good", 20), *(f"здравствуй мир {i}" for i in range(20)), "d\xe9j\xe0 vu"]
    (tmp_path / "in.csv").write_bytes(b"text,label\n" + "".join(f"{t},a\n" for t in lines[:40]).encode())
    _, card = prepared(tmp_path, {"name": "text_table", "path": str(tmp_path / "in.csv")})
    assert any(w.startswith("texts in several scripts") and "Cyrillic 20" in w for w in card["warnings"])
    (tmp_path / "b.csv").write_bytes(b"text,label\n" + "".join(f"{t},a\n" for t in lines[-1:] * 3).encode("cp1252"))
    store, card = prepared(tmp_path / "b", {"name": "text_table", "path": str(tmp_path / "b.csv")})
    assert store.items["text"][0] == "déjà vu"
    assert any("read as Windows-1252: " in w and "b.csv" in w for w in card["warnings"])


def test_a_parquet_file_is_not_read_as_characters(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": rows("good", 20) + rows("bad", 20), "label": [0] * 20 + [1] * 20})
    frame.to_parquet(tmp_path / "in.parquet")
    assert b"\0" in (tmp_path / "in.parquet").read_bytes()
    store, _ = prepared(tmp_path, {"name": "text_table", "path": str(tmp_path / "in.parquet")})
    assert sorted(store.items["text"]) == sorted(frame["text"])
    assert store.classes == ("0", "1")
