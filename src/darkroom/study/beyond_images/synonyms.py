"""Synonyms of words that docstrings are made of, in the format of WordNet's files, which no Python package brings along."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from darkroom.augment.text.wordnet import PARTS

SETS = (
    "return, give back, hand back",
    "compute, calculate, work out, evaluate",
    "create, make, build, construct, generate",
    "get, obtain, fetch, retrieve",
    "set, assign, put",
    "check, test, verify, examine",
    "convert, transform, turn",
    "apply, use, employ",
    "add, append, attach",
    "remove, delete, drop, discard",
    "find, locate, determine",
    "draw, plot, sketch",
    "show, display, present",
    "read, load, parse",
    "write, save, store",
    "replace, substitute, exchange",
    "fill, pad, complete",
    "fit, adjust, adapt",
    "predict, forecast, estimate",
    "select, choose, pick",
    "split, divide, separate",
    "merge, join, combine, unite",
    "call, invoke, run",
    "change, modify, alter",
    "update, renew, refresh",
    "raise, throw",
    "start, begin",
    "stop, end, finish",
    "copy, duplicate, replica",
    "register, record, enter",
    "perform, carry out, execute",
    "describe, characterize",
    "wrap, enclose",
    "given, specified, stated",
    "function, routine, procedure",
    "method, way, technique",
    "value, amount, quantity",
    "array, table",
    "list, enumeration",
    "index, position, place",
    "element, item, entry, member",
    "object, thing, entity",
    "name, label, title",
    "type, kind, sort",
    "number, count, figure",
    "shape, form",
    "size, extent, magnitude",
    "axis, direction",
    "data, information",
    "input, argument",
    "output, result, outcome",
    "error, mistake, fault",
    "parameter, setting, option",
    "sample, specimen, example",
    "model, scheme",
    "matrix, grid",
    "string, text",
    "sequence, series, succession",
    "range, interval, span",
    "difference, gap",
    "sum, total",
    "mean, average",
    "boundary, border, edge, limit",
    "dimension, measure",
    "group, set, cluster",
    "new, fresh, recent",
    "current, present, existing",
    "same, identical, equal",
    "different, distinct, other",
    "default, standard, usual",
    "valid, legal, permitted",
    "single, sole, individual",
    "random, arbitrary, chance",
    "whole, entire, complete",
    "first, initial",
    "last, final",
    "maximum, highest, greatest",
    "minimum, lowest, least",
    "optional, voluntary",
    "empty, blank, void",
)
"""Sets of words that can stand for each other."""


@contextmanager
def wordnet(folder: str | None) -> Iterator[str]:
    """Give the folder of WordNet's files: this one, or without one a temporary one with the sets above."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory() as own:
        for part in PARTS:
            lines = map(line, SETS) if part == PARTS[0] else ()
            (Path(own) / f"data.{part}").write_text("".join(lines), encoding="latin-1")
        yield own


def line(words: str) -> str:
    """Write words, separated by commas, as WordNet writes a synonym set: a word's spaces are `_`, their number hexadecimal."""
    own = [word.replace(" ", "_") for word in words.split(", ")]
    return f"00000000 00 n {len(own):02x} {' '.join(f'{word} 0' for word in own)} 000 | \n"
