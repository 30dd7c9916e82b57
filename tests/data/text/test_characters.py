"""Encodings, byte order marks, and what is left of a text."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkroom.data.text import characters

SAMPLE = "naïve façade – déjà vu\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_a_text_is_the_same_in_every_encoding(encoding: str, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(SAMPLE.encode(encoding))
    assert characters.read_start(file, characters.encoding_of(file)) == (SAMPLE, False)


def test_a_character_may_lie_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(characters, "BLOCK", 3)
    (tmp_path / "a.txt").write_text("é" * 50, encoding="utf-8")
    assert characters.encoding_of(tmp_path / "a.txt") == "utf-8"
    (tmp_path / "b.txt").write_bytes("é".encode() * 50 + b"\xc3")  # ends within a character
    assert characters.encoding_of(tmp_path / "b.txt") == characters.FALLBACK


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"PK\x03\x04\x00\x00")
    with pytest.raises(ValueError, match="zero bytes"):
        characters.encoding_of(tmp_path / "a.txt")
    for name in ("klingon", "zlib"):
        with pytest.raises(ValueError, match=r"data\.source\.encoding: no encoding"):
            characters.known(name)


def test_only_the_start_of_a_long_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 3_000_000)
    assert characters.read_start(tmp_path / "a.txt", "utf-8", characters=10) == ("x" * 10, True)


def test_a_clean_text_is_composed_and_has_no_control_characters() -> None:
    assert characters.clean("\ufeff  cafe\u0301\x00\x07au\tlait \n") == "café au\tlait"


def test_scripts_are_counted_by_most_letters() -> None:
    texts = ["Hello", "Привет world", "Привет, мир", "你好 ok", "123", ""]
    assert characters.scripts(texts) == {"Cyrillic": 2, "Latin": 1, "Cjk": 1}
