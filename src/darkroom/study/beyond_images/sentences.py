"""Sentences that every installation has: one-sentence summaries of functions, whose class is the library they document."""

from __future__ import annotations

import ast
import random
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom.augment.text.change import WORD
from darkroom.randomness import derive

LIBRARIES = ("matplotlib", "pandas", "scipy", "sklearn", "torch")
"""Import names of dependencies with enough docstrings; a sentence's class is its place here."""
SHORTEST, LONGEST = 6, 30
"""Words of a sentence."""
SPARE = 1.3
"""Sentences to read for each that is kept: some occur twice."""
MASK = "LIBRARY"
"""What replaces the name of a library, which would give its class away."""
_NAMES = re.compile(
    r"\b(?:matplotlib|pyplot|mpl|plt|pandas|pd|scipy|scikit[- ]learn|sklearn|pytorch|torch)\b", re.IGNORECASE
)
_MARKUP = re.compile(r":[\w:]+:(?=`)|[`*~]|\\s\b")
_SKIPPED = ("tests", "testing", "externals", "conftest")


class Corpus(NamedTuple):
    """Sentences (N,) and their classes (N,), as many of each class."""

    texts: tuple[str, ...]
    labels: NDArray[np.int64]


def corpus(count: int) -> Corpus:
    """Read `count` sentences of each library from its installed source, without importing it.

    Raises ValueError if a library has fewer.
    """
    found = {library: [*islice(read(library), round(SPARE * count))] for library in LIBRARIES}
    own = {library: distinct(library, found)[:count] for library in LIBRARIES}
    for library, texts in own.items():
        if len(texts) < count:
            raise ValueError(f"{library} has {len(texts)} summaries, expected {count}; lower `sentences` or `tested`")
    return Corpus(tuple(text for texts in own.values() for text in texts), np.repeat(np.arange(len(LIBRARIES)), count))


def distinct(library: str, found: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a library's sentences in order, each once, without those that another library has as well."""
    others = {text.lower() for name, texts in found.items() if name != library for text in texts}
    own: dict[str, str] = {}
    for text in found[library]:
        own.setdefault(text.lower(), text)
    return [text for lower, text in own.items() if lower not in others]


def read(library: str) -> Iterator[str]:
    """Yield the sentences of a library, file by file in random order, the same in every run."""
    spec = find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"the package {library} is not installed")
    root = Path(spec.submodule_search_locations[0])
    paths = [
        path for path in sorted(root.rglob("*.py")) if not set(_SKIPPED) & {*path.relative_to(root).parts, path.stem}
    ]
    random.Random(derive("files")).shuffle(paths)
    for path in paths:
        yield from summaries(path.read_text(encoding="utf-8"))


def summaries(source: str) -> Iterator[str]:
    """Yield the one-sentence summaries of the public functions in a module's source, without markup and names of libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in the source
        tree = ast.parse(source)
    for function in _functions(tree):
        summary = (ast.get_docstring(function) or "").partition("\n\n")[0]
        text = _NAMES.sub(MASK, " ".join(_MARKUP.sub("", summary).split()))
        if text.endswith(".") and ". " not in text and SHORTEST <= len(text.split()) <= LONGEST:
            yield text


def _functions(holder: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield the public functions of a module, and the public methods of its public classes."""
    for node in holder.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            if isinstance(node, ast.ClassDef):
                yield from _functions(node)
            else:
                yield node


def numbered(texts: Sequence[str], known: dict[str, int]) -> NDArray[np.int32]:
    """Return the words of texts as numbers (N, L), padded with 0; words that are not `known` yet are added to it.

    Number 1 stays free: networks on text take it for an unknown word. N-grams that no training text holds have no weight, so
    numbers for words of test texts tell nothing.
    """
    rows = [[known.setdefault(word.lower(), len(known) + 2) for word in WORD.findall(text)] for text in texts]
    found = np.zeros((len(rows), LONGEST * 2), np.int32)
    for row, own in zip(found, rows, strict=True):
        row[: len(own)] = own[: len(row)]
    return found
