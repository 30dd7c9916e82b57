"""Plain-language differences between a result's record and the current plan: settings, code, libraries, images."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from darkroom.settings import quoted

MOST_FILES = 4
"""Changed code files to list by name; any more are only counted."""
MOST_NAMES = 3
"""Changed functions to list by name for each file."""
ABSENT = object()


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """List the differences between two records (see `provenance.record`); empty if a result made now would be the same."""
    found = list(settings(old["spec"], new["spec"]))
    if old["code"] != new["code"]:
        found += code(old["definitions"], new["definitions"])
    return found + list(libraries(old["libraries"], new["libraries"]))


def settings(old: Any, new: Any, at: str = "") -> Iterator[str]:
    """Yield one line per changed value of a spec, such as `training.optimizer.lr 0.001 → 0.01`."""
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict) and (not at or old.get("name") == new.get("name")):
        for key in sorted(old.keys() | new.keys()):
            yield from settings(old.get(key, ABSENT), new.get(key, ABSENT), f"{at}.{key}" if at else key)
    elif isinstance(old, list) and isinstance(new, list) and _sections(old) and _sections(new):
        if len(old) == len(new):
            for index, (before, after) in enumerate(zip(old, new, strict=True)):
                yield from settings(before, after, f"{at}[{index}]")
        else:
            before, after = _by_name(old), _by_name(new)
            yield from (f"{at}: without {_shown(item)}" for name, item in before.items() if name not in after)
            yield from (f"{at}: with {_shown(item)}" for name, item in after.items() if name not in before)
            for name in (name for name in before if name in after):
                yield from settings(before[name], after[name], f"{at}.{name}")
    elif _nameless(old) and (new is ABSENT or new is None):
        yield f"{at} taken out"
    elif _nameless(new) and (old is ABSENT or old is None):
        yield f"{at} added"
    else:
        yield f"{at} {_shown(old)} → {_shown(new)}"


def code(old: Mapping[str, Mapping[str, str]], new: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return one line per changed code file, such as `nets/resnet.py: function ResNet.forward changed`."""
    lines = []
    for file in sorted(old.keys() | new.keys()):
        if file not in old:
            lines.append(f"{file}: now used")
        elif file not in new:
            lines.append(f"{file}: no longer used")
        elif old[file] != new[file]:
            lines.append(f"{file}: {_names(old[file], new[file])}")
    if len(lines) > MOST_FILES:
        lines[MOST_FILES:] = [f"{len(lines) - MOST_FILES} more files of code changed"]
    return lines


def libraries(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Yield one line per changed library, such as `torch 2.14.1 → 2.15.0`."""
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            yield f"{name} {old[name]} → {new[name]}"


def images(old: Mapping[str, str | None], new: Mapping[str, str | None]) -> list[str]:
    """Summarize the differences between two listings of a source's files and their sha256, as `3 new images, 1 removed`."""
    gone = Counter(old[name] for name in old.keys() - new.keys())
    fresh = Counter(new[name] for name in new.keys() - old.keys())
    counts = {
        "new": (fresh - gone).total(),
        "removed": (gone - fresh).total(),
        "renamed": (gone & fresh).total(),
        "replaced": sum(old[name] != new[name] for name in old.keys() & new.keys()),
    }
    words = [(count, word) for word, count in counts.items() if count]
    nouns = [f"{count} {word}{' image' if not at else ''}" for at, (count, word) in enumerate(words)]
    if words and words[0][0] > 1:
        nouns[0] += "s"
    return [", ".join(nouns)] if nouns else []


def _sections(values: list[Any]) -> bool:
    return all(isinstance(item, dict) for item in values)


def _nameless(value: Any) -> bool:
    """Whether it is a part of the config that no word can stand for."""
    return isinstance(value, dict) and "name" not in value


def _by_name(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Index sections by name, numbering repeated names."""
    found: dict[str, dict[str, Any]] = {}
    for item in items:
        name = str(item.get("name", item))
        earlier = sum(other.get("name", other) == item.get("name", item) for other in found.values())
        found[f"{name}[{earlier}]" if earlier else name] = item
    return found


def _names(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Describe what changed in one file; a file without functions, such as a template, has only the empty name."""
    if list(new) == list(old) == [""]:
        return "changed"
    parts: list[str] = []
    for word, names in (
        ("changed", [name for name in old if name in new and old[name] != new[name]]),
        ("added", sorted(new.keys() - old.keys())),
        ("removed", sorted(old.keys() - new.keys())),
    ):
        if names:
            shown = ", ".join(_kind(name) for name in names[:MOST_NAMES])
            more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
            parts.append(f"{shown}{more} {word}")
    return ", ".join(parts)


def _kind(name: str) -> str:
    if not name:
        return "what is outside of functions"
    return f"{'class' if name[0].isupper() and '.' not in name else 'function'} {name}"


def _shown(value: Any) -> str:
    """Format a setting on one line: a plug-in by its name, a hash by its first characters."""
    if value is ABSENT or value is None:
        return "nothing"
    if isinstance(value, dict) and "name" in value:
        return str(value["name"])
    if isinstance(value, str):
        return value[:8] if re.fullmatch("[0-9a-f]{64}", value) else quoted(value)[1:-1]
    return quoted(value)
