"""Strict YAML: repeated keys, Python tags, exploding anchors and undecodable bytes are one-line errors."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from darkroom import settings

MOST_BYTES = 1_000_000
MOST_VALUES = 20_000
DEEPEST = 40


class YamlError(ValueError):
    """Invalid YAML; the message is one line and includes the line number if known."""


def read(path: Path) -> Any:
    """Read a YAML or JSON file. Raises YamlError."""
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise YamlError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(data) > MOST_BYTES:
        raise YamlError(f"larger than {MOST_BYTES:,} bytes; is this a config?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise YamlError(f"line {line}: not UTF-8 text; save the file as UTF-8") from None
    return parse(text)


def parse(text: str) -> Any:
    """Parse YAML text. Raises YamlError."""
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _size(node, {})
        return loader.construct_document(node)
    except YamlError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        hint = "; YAML reads backslashes in double quotes as escapes: write / or use single quotes"
        escape = "escape" in f"{error.problem} {error.context}"
        raise YamlError(f"{where}not valid YAML: {_line(error.problem or error.context)}{hint * escape}") from None
    except RecursionError:
        raise YamlError("nested too deeply") from None
    except Exception as error:  # PyYAML leaks others, for the date 2020-99-99, `!!int x`, or a number with 5,000 digits
        raise YamlError(f"not valid YAML: {_line(error)}") from None


def faults(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield the places of a loaded value that no config may contain, each with an explanation."""
    for seen, (place, item) in enumerate(_walk(value, path)):
        if seen > MOST_VALUES:
            yield (), f"more than {MOST_VALUES:,} values; does an anchor repeat itself?"
            return
        if len(place) > DEEPEST:
            yield place[:DEEPEST], "nested too deeply"
            return
        if text := _fault(item):
            yield place, text


def _walk(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield every value with its path, depth first; non-text keys come as `_Key`. Lazy, as a value may contain itself."""
    yield path, value
    if isinstance(value, Mapping):
        for key, item in value.items():
            if fault := not isinstance(key, str) or _fault(key):
                yield path, _Key(key, fault if isinstance(fault, str) else "")
            else:
                yield from _walk(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _walk(item, (*path, index))


class _Key:
    """A key that no section can have; for text, with the reason."""

    def __init__(self, key: Any, fault: str) -> None:
        self.key, self.fault = key, fault


def _fault(item: Any) -> str:
    match item:
        case _Key(fault=fault) if fault:
            return f"a key is {fault}"
        case _Key(key=bool(key)):
            others = "on and yes" if key else "off and no"
            return f"a key is {str(key).lower()} (YAML also reads {others} this way); put it in quotes"
        case _Key(key=None):
            return "a key is empty or null; put it in quotes"
        case _Key(key=int() | float() | date() as key) if not isinstance(key, int) or key.bit_length() < 64:
            return f"the key {key} is not text; put it in quotes"
        case _Key():
            return "a key is not text; put it in quotes"
        case float() if not math.isfinite(item):
            return f"got {item}; expected a finite number"
        case int() if not -(2**63) <= item < 2**63:
            return f"got a whole number of {item.bit_length()} bits; expected at most 63"
        case str() if "\0" in item or any("\ud800" <= c <= "\udfff" for c in item):
            return f"{settings.quoted(item)} contains characters that are not valid in text"
        case date():
            return f"got the date {item}; for text, put it in quotes"
        case Mapping() | list() | tuple() | str() | int() | float() | None:
            return ""
    return f"got a value of type {type(item).__name__}; expected text, numbers, lists or keys"


def _size(node: yaml.Node, sizes: dict[yaml.Node, int]) -> int:
    """Count the values in a node with aliases expanded. Raises YamlError for a bad anchor or a repeated key."""
    line = node.start_mark.line + 1
    if node in sizes:
        if not sizes[node]:
            raise YamlError(f"line {line}: an anchor contains itself")
        return sizes[node]
    sizes[node] = 0  # counting in progress
    size = 1
    if isinstance(node, yaml.ScalarNode) and (meant := _surprising(node)):
        raise YamlError(f"line {line}: {node.value} is {meant}; write out the number, or put it in quotes for text")
    if isinstance(node, yaml.MappingNode):
        lines: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                this, first = key.start_mark.line + 1, lines.get((key.tag, key.value))
                if first is not None:
                    raise YamlError(f"line {this}: the key {settings.quoted(key.value)} is already on line {first}")
                lines[key.tag, key.value] = this
            size += _size(key, sizes) + _size(value, sizes)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_size(item, sizes) for item in node.value)
    if size > MOST_VALUES:
        raise YamlError(f"line {line}: more than {MOST_VALUES:,} values; does an anchor repeat itself?")
    sizes[node] = size
    return size


def _surprising(node: yaml.ScalarNode) -> str:
    """Return how YAML 1.1 reads a number that looks like another one."""
    if not node.tag.endswith((":int", ":float")) or node.style:
        return ""
    if re.fullmatch("[-+]?0[0-7_]+", node.value):
        return f"{int(node.value.replace('_', ''), 8)} in YAML, where a leading 0 means octal"
    if ":" in node.value:
        return f"{yaml.safe_load(node.value):g} in YAML, where colons mean base 60"
    return ""


def _line(text: Any) -> str:
    return settings.printable(" ".join(str(text).split()), longest=200)
