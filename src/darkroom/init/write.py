"""Write a config as YAML with the reason for each key above it."""

from __future__ import annotations

import os
import re
import textwrap
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from darkroom import settings
from darkroom.config import load
from darkroom.init.choose import Choice

WIDTH = 110
FOLDER = Path("config")
"""Where configs are, in the folder that Snakemake is started in."""


def name_for(path: str) -> str:
    """Return the last part of a path as a name: letters, digits, - and _."""
    stem = re.sub(
        r"\.(zip|tar|tgz|npz|csv|tsv|jsonl|ndjson|xlsx|parquet|gz|bz2|xz)$", "", Path(path).absolute().name, flags=re.I
    )
    plain = unicodedata.normalize("NFKD", stem.removesuffix(".tar")).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9-]+", "_", plain).strip("_-")[:64] or "images"


def free(name: str) -> Path:
    """Return the file of a new config. Raises ValueError if it exists, or if another config in its folder has this name."""
    path = FOLDER / f"{name}.yaml"
    if path.exists():
        raise ValueError(f"{path} exists and is not overwritten; choose another name with --name")
    for other in sorted(FOLDER.glob("*.y*ml")):
        try:
            found = load.parse(other)
        except load.ConfigError:
            continue  # not for this command to judge
        if isinstance(found, dict) and found.get("name") == name:
            raise ValueError(f"{other} has the name {name}, and so the same results folder; choose another with --name")
    return path


def text(choices: Sequence[Choice], head: str) -> str:
    """Return the YAML of a config. `head` is a comment on top."""
    schema = ["# yaml-language-server: $schema=schema.json"] if (FOLDER / "schema.json").exists() else []
    lines = [*schema, *_comment(head, 0)]
    before: list[str] = []
    for choice in choices:
        *above, key = choice.key.split(".")
        shared = next((i for i, pair in enumerate(zip(above, before, strict=False)) if len({*pair}) > 1), len(above))
        if above and not shared:
            lines.append("")
        lines += [f"{'  ' * depth}{name}:" for depth, name in enumerate(above) if depth >= shared]
        depth = len(above)
        lines += _comment(choice.why, depth)
        lines.append(f"{'  ' * depth}{key}: {flow(choice.value)}".rstrip())
        before = [*above, key]
    return "\n".join(lines) + "\n"


def save(path: Path, written: str) -> None:
    """Write a config that passes the checks. Raises ConfigError, with nothing written, if it does not."""
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.write_text(written, encoding="utf-8")
        load.read(fresh)
        os.link(fresh, path)  # unlike a rename, it replaces nothing
    finally:
        fresh.unlink(missing_ok=True)


def printable(words: str) -> str:
    """Return words on one line; control characters in file names become escapes."""
    return settings.printable(words, 10_000)


class _Dumper(yaml.SafeDumper):
    """Quotes texts with line breaks and control characters, so that each stays on one line."""


def _quoted(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if value.isprintable() else '"')


_Dumper.add_representer(str, _quoted)


def flow(value: Any) -> str:
    """Return a value as YAML on one line; an empty mapping as nothing, which takes every default."""
    if value == {}:
        return ""
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6
    )
    return text.split("\n")[0]


def _comment(words: str, depth: int) -> list[str]:
    start = f"{'  ' * depth}# "
    return textwrap.wrap(printable(words), WIDTH, initial_indent=start, subsequent_indent=start, break_on_hyphens=False)
