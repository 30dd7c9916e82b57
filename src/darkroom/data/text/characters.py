"""From bytes to characters: find a file's encoding, and bring a text into one form."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from darkroom.data.words import listed

BLOCK = 1 << 20
"""Bytes read at a time."""
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
FALLBACK = "cp1252"
"""The encoding of files that are not UTF-8: Windows-1252, which contains the printable characters of Latin-1."""
LONGEST = 100_000
"""Characters kept of a text. No network of this project reads as many."""
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]+")


def encoding_of(path: Path) -> str:
    """Return a file's encoding: that of its byte order mark, UTF-8 if all of it is, else `FALLBACK`.

    Reads block by block. Raises ValueError if the file holds zero bytes and no mark: it is UTF-16 without one, or no text.
    """
    with path.open("rb") as stream:
        head = stream.read(4)
        for mark, name in MARKS:
            if head.startswith(mark):
                return name
        decoder = codecs.getincrementaldecoder("utf-8")()
        found, block = "utf-8", head
        while block:
            if b"\0" in block:
                raise ValueError("it holds zero bytes; it is UTF-16 without a byte order mark, or no text")
            if found == "utf-8":
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    found = FALLBACK
            block = stream.read(BLOCK)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            found = FALLBACK
    return found


def known(encoding: str) -> str:
    """Return the name of an encoding. Raises ValueError for an unknown one, and for a codec that is none of text."""
    try:
        codec = codecs.lookup(encoding)
        "".encode(encoding)
    except LookupError:
        raise ValueError(
            f'data.source.encoding: no encoding "{encoding}"; expected a name such as utf-8, utf-16 or latin-1'
        ) from None
    return codec.name


def fallback_warning(names: Sequence[str]) -> list[str]:
    """Return the warning about files read in the fallback encoding, none without such files."""
    more = "data.source.encoding names another encoding"
    return [f"files that are not UTF-8, read as Windows-1252: {len(names)}: {listed(names)}; {more}"] if names else []


def read_start(path: Path, encoding: str, *, characters: int = LONGEST) -> tuple[str, bool]:
    """Return at most this many characters of a file, and whether there are more."""
    with path.open(encoding=encoding, errors="replace") as stream:
        text = stream.read(characters)
        return text, bool(stream.read(1))


def read(path: Path, encoding: str | None) -> tuple[str, bool, str]:
    """Return the start of a file's text, cleaned, whether more follows, and its encoding, found if None is given.

    Raises ValueError and OSError if the file cannot be read as text.
    """
    used = known(encoding) if encoding else encoding_of(path)
    text, more = read_start(path, used)
    return clean(text), more, used


def clean(text: str) -> str:
    """Return a text in Unicode normal form C without control characters, and without white space around it."""
    return CONTROL.sub(" ", unicodedata.normalize("NFC", text)).strip()


def scripts(texts: Iterable[str]) -> dict[str, int]:
    """Count the texts by script, that of most of their letters (`Latin`, `Cyrillic`, `Cjk`), most common first.

    Texts without a letter are left out. A script is the first word of a letter's Unicode name; the first 200 characters count.
    """
    found: Counter[str] = Counter()
    for text in texts:
        if text.isascii():
            found["Latin"] += any(map(str.isalpha, text))
            continue
        own = Counter(unicodedata.name(letter, "").split(" ")[0] for letter in text[:200] if letter.isalpha())
        if own:
            found[own.most_common(1)[0][0].capitalize()] += 1
    return {name: count for name, count in found.most_common() if count}
