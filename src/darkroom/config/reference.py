"""Generate `config/README.md`, the reference of all keys, and `config/schema.json`, for editors, from models and plug-ins.

python -m darkroom.config.reference            write both
python -m darkroom.config.reference --check    report outdated files; exit code 1 if there are any
"""

from __future__ import annotations

import argparse
import difflib
import functools
import json
import sys
import typing
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import PydanticUndefined, core_schema

from darkroom import files, registry
from darkroom.config.explain import Kind, plural, words
from darkroom.config.model import Config
from darkroom.generate.options import Sampling
from darkroom.settings import Section

GUIDE = Path(__file__).with_name("reference.md")
"""The hand-written introduction to the reference."""
SHORTEST = 300
"""Characters of a part of the schema from which on it is worth a definition."""
OF_JOBS = frozenset({"copy maker", "drawn samples", "generator evaluation", "study"})
"""Kinds of plug-ins that no config names: they follow from it, or have nothing to do with it."""


def main(arguments: list[str] | None = None) -> int:
    """Write both files, or check them."""
    parser = argparse.ArgumentParser(
        prog="python -m darkroom.config.reference", description=str(__doc__).split("\n")[0]
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("config"), help="folder of the two files (default: config)"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit with code 1 if a file is outdated")
    given = parser.parse_args(arguments)
    if given.check:
        drifted = list(drift(given.folder))
        sys.stdout.writelines(f"{line}\n" for line in drifted)
        return 1 if drifted else 0
    for name, text in texts().items():
        (given.folder / name).write_text(text, encoding="utf-8")
    return 0


def texts() -> dict[str, str]:
    """Return the expected contents by file name."""
    return {"README.md": readme(), "schema.json": json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"}


def drift(folder: Path) -> Iterator[str]:
    """Yield one line per difference between the files and their expected contents."""
    for name, expected in texts().items():
        path = folder / name
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        if found != expected:
            yield f"{path} is outdated; run: python -m darkroom.config.reference"
            lines = difflib.unified_diff(found.splitlines(), expected.splitlines(), n=0, lineterm="")
            yield from (f"  {line[:160]}" for line in lines if line[:3] not in ("---", "+++") and line[:2] != "@@")


def schema() -> dict[str, Any]:
    """Return the JSON schema of a config file, which accepts all that `config.load` does, short forms and bare keys included."""
    made = _shared(Config.model_json_schema(schema_generator=_EditorSchema))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "A Darkroom config"}


def _shared(schema: dict[str, Any]) -> dict[str, Any]:
    """Move what a schema says several times, such as the options of a plug-in that many keys take, to its definitions."""
    definitions: dict[str, Any] = {}
    names: dict[str, str] = {}
    times: Counter[str] = Counter()

    def count(part: dict[str, Any]) -> dict[str, Any]:
        times[files.canonical(part)] += 1
        return _within(part, count)

    def share(part: dict[str, Any]) -> dict[str, Any]:
        text, inner = files.canonical(part), _within(part, share)
        if times[text] == 1 or len(text) < SHORTEST:
            return inner
        if text not in names:
            title = str(part.get("title", "Shared"))
            number = sum(name.partition(".")[0] == title for name in {*definitions, *schema["$defs"]})
            names[text] = f"{title}.{number}" if number else title
            definitions[names[text]] = inner
        return {"$ref": f"#/$defs/{names[text]}"}

    sections = {**schema["$defs"], "": {key: value for key, value in schema.items() if key != "$defs"}}
    for section in sections.values():
        _within(section, count)
    for name, section in sections.items():
        definitions[name] = _within(section, share)
    return {**definitions.pop(""), "$defs": dict(sorted(definitions.items()))}


def _within(schema: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Return a schema with every schema directly inside it changed."""

    def changed(key: str, value: Any) -> Any:
        if key == "properties":
            return {name: change(part) for name, part in value.items()}
        if key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            return [change(part) for part in value]
        if key in ("items", "additionalProperties", "propertyNames") and isinstance(value, dict):
            return change(value)
        return value

    return {key: changed(key, value) for key, value in schema.items()}


def readme() -> str:
    """Return the reference as Markdown."""
    parts = [GUIDE.read_text(encoding="utf-8").rstrip(), "", "## Sections", ""]
    parts += [line for model, paths in models().items() for line in _section(model, paths)]
    for kind, heading in _kinds().items():
        parts += [f"## {heading}", ""]
        for name, entry in registry.entries(kind).items():
            fields = {k: v for k, v in registry.options(kind, name).model_fields.items() if k != "name"}
            parts += [f"### {kind} `{name}`", "", entry.summary, "", *(_table(fields) if fields else ["No keys.", ""])]
            if entry.training:
                parts += [f"Its own defaults of `training`: `{json.dumps(entry.training)}`.", ""]
            for key, reason in entry.constants.get("REFUSES", {}).items():
                what = "a `schedule` that waits for the validation loss" if key == "schedule" else f"`{key}`"
                parts += [f"Does not take {what}: {reason}.", ""]
    return "\n".join(parts).rstrip() + "\n"


class _EditorSchema(GenerateJsonSchema):
    """Allow a bare key (null in YAML) wherever all keys have defaults."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        for name, field in schema["cls"].model_fields.items():
            plugin = Kind.of_field(field).plugin
            if plugin and plugin.named_by_entry:
                made["required"].remove(name)
        if not made.get("required"):
            made.pop("required", None)
            made["type"] = ["object", "null"]
        return made

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        return {**super().dict_schema(schema), "type": ["object", "null"]}


@functools.cache
def _kinds() -> dict[str, str]:
    """Return the headings of plug-in kinds in the order of the config, followed by those that only plug-ins use."""
    fields = (field for model in models() for field in model.model_fields.values())
    used = (kind.plugin.kind for field in fields for kind in _flat(Kind.of_field(field)) if kind.plugin)
    return {
        kind: plural(kind).capitalize() for kind in dict.fromkeys((*used, *sorted(registry.kinds().keys() - OF_JOBS)))
    }


def _flat(kind: Kind) -> Iterator[Kind]:
    """Return a type and its item types."""
    yield kind
    for inner in typing.get_args(kind.hint):
        yield from _flat(Kind.of(inner))


def _anchor(kind: str) -> str:
    """Return the Markdown anchor of a kind's heading."""
    return _kinds()[kind].lower().replace(" ", "-")


def models() -> dict[type[BaseModel], list[str]]:
    """Return every section model below Config with the paths that use it, in reading order."""
    found: dict[type[BaseModel], list[str]] = {}

    def visit(model: type[BaseModel], path: str) -> None:
        first = model not in found
        found.setdefault(model, []).append(path)
        for name, field in model.model_fields.items() if first else ():
            for inner, place in _nested(Kind.of_field(field), f"{path}.{name}" if path else name):
                visit(inner, place)

    visit(Config, "")
    return found


def _nested(kind: Kind, path: str) -> Iterator[tuple[type[BaseModel], str]]:
    """Yield the section models in a key's value, except plug-ins."""
    for part in [] if kind.plugin else kind.parts:
        if isinstance(part.hint, type) and issubclass(part.hint, Section):
            yield part.hint, path
        elif getattr(part.hint, "__origin__", None) is dict:
            yield from _nested(Kind.of(part.hint.__args__[1]), f"{path}.NAME")


def _section(model: type[BaseModel], paths: list[str]) -> list[str]:
    used = [f"As {', '.join(f'`{path}`' for path in paths)}.", ""] if len(paths) > 1 else []
    return [
        f"### {_heading(paths)}",
        "",
        " ".join((model.__doc__ or "").split()),
        "",
        *used,
        *_table(model.model_fields),
    ]


def _heading(paths: list[str]) -> str:
    if paths == [""]:
        return "The file"
    return f"`{paths[0]}`" if len(paths) == 1 else f"`{paths[0].rsplit('.', 1)[-1]}`"


def _table(fields: dict[str, FieldInfo]) -> list[str]:
    rows = [(f"`{name}`", _takes(field), _default(field), _sentence(field)) for name, field in fields.items()]
    cells = [" | ".join(cell.replace("|", "\\|") for cell in row) for row in rows]
    return ["| key | takes | default | |", "|---|---|---|---|", *(f"| {row} |" for row in cells), ""]


def _takes(field: FieldInfo) -> str:
    kind = Kind.of_field(field)
    if kind.plugin:
        return f"{_article(kind.plugin.kind)} [{kind.plugin.kind}](#{_anchor(kind.plugin.kind)})"
    several = getattr(kind.hint, "__origin__", None) in (list, tuple)
    item = Kind.of(kind.hint.__args__[0]) if several else None
    if item and item.plugin:
        return f"list of [{plural(item.plugin.kind)}](#{_anchor(item.plugin.kind)})"
    if inner := [one for one in _nested(kind, "") if one[0] in models()]:  # not the models of a plug-in's own options
        model, suffix = inner[0]
        heading = _heading(models()[model])
        link = f"[{heading}](#{''.join(c for c in heading.lower() if c.isalnum() or c in '-_')})"
        return f"names, each with the keys of {link}" if suffix else f"the keys of {link}"
    return words(kind)


def _default(field: FieldInfo) -> str:
    plugin = Kind.of_field(field).plugin
    if plugin and plugin.named_by_entry:
        return "named like the entry"
    if field.default is PydanticUndefined:
        return "**required**"
    if isinstance(field.default, BaseModel):
        return "its defaults"
    return "none" if field.default in (None, {}) else f"`{_brief(field.default)}`"


def _brief(value: Any) -> str:
    if isinstance(value, dict) and list(value) == ["name"]:
        return str(value["name"])
    if isinstance(value, list | tuple):
        return f"[{', '.join(_brief(item) for item in value)}]"
    return json.dumps(value) if not isinstance(value, str) else value or '""'


def _sentence(field: FieldInfo) -> str:
    text = " ".join((field.description or "").split())
    sentence = text[:1].upper() + text[1:] + ("" if text[-1:] in ".!?" else ".")
    return (
        f"{sentence} Only affects sampling: changing it retrains nothing." if Sampling() in field.metadata else sentence
    )


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


if __name__ == "__main__":
    raise SystemExit(main())
