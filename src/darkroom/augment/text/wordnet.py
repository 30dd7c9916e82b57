"""Synonyms from the data files of Princeton's WordNet."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path

PLACES = (
    "/usr/share/wordnet",
    "/usr/share/wordnet/dict",
    "/usr/local/share/wordnet/dict",
    "/usr/local/WordNet-3.0/dict",
    "/opt/homebrew/opt/wordnet/dict",
)
"""Where packages put the files; the environment variable WNSEARCHDIR names another place."""
PARTS = ("noun", "verb", "adj", "adv")
MARKER = re.compile(r"\((?:a|p|ip)\)$")
"""The syntactic marker of adjectives, which is not part of the word."""


def folder(path: str | None) -> Path:
    """Return the folder with data.noun and the others. Raises ValueError with the command that installs them."""
    places = [path] if path is not None else [os.environ.get("WNSEARCHDIR", ""), *PLACES]
    for place in filter(None, places):
        if (Path(place) / "data.noun").is_file():
            return Path(place)
    where = f"{path} has no data.noun" if path is not None else f"there is no data.noun in {', '.join(PLACES)}"
    raise ValueError(
        f"synonyms need WordNet's data files, and {where}; install them with `apt-get install wordnet-base` (Debian, Ubuntu) or "
        "`brew install wordnet`, or name their folder in the transform's `wordnet`"
    )


@functools.cache
def synonyms(path: str | None) -> dict[str, tuple[str, ...]]:
    """Map each single word in lower case to the other words of its synonym sets, of any part of speech, in alphabetical order.

    Synonyms of several words are separated by spaces. A line of data.POS is `offset file type count word id word id ...`
    with `count` in hexadecimal (wndb(5WN)).
    """
    found: dict[str, set[str]] = {}
    root = folder(path)
    for part in PARTS:
        with (root / f"data.{part}").open(encoding="latin-1") as stream:
            for line in stream:
                if line.startswith("  "):  # the license
                    continue
                cells = line.split(" ", 4)
                words = cells[4].split(" ", 2 * int(cells[3], 16))[: 2 * int(cells[3], 16) : 2]
                if len(words) < 2:
                    continue
                plain = [MARKER.sub("", word).replace("_", " ") for word in words]
                for word in plain:
                    if " " not in word:
                        found.setdefault(word.lower(), set()).update(plain)
    return {word: tuple(sorted(other for other in others if other.lower() != word)) for word, others in found.items()}
