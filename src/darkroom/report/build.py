"""The job `report build`: one page with the answer first, then every table and picture; it opens with no network."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from darkroom import files
from darkroom.log import Log
from darkroom.report import card, classifiers, detectors, generators
from darkroom.report.answer import answer
from darkroom.report.config import BuildSpec
from darkroom.report.pictures import Album
from darkroom.report.results import Results, read
from darkroom.report.table import Cell, Figure, Row, Table

TEMPLATES = Path(__file__).parent


def run(spec: BuildSpec, *, data: Path, results: Path, out: Path, log: Log) -> None:
    """Write `index.html` from the prepared data and the results of every method that the spec names.

    A method without results is listed as missing on the page. Raises FileNotFoundError when the data was not prepared.
    """
    found = read(spec, data, results)
    album = Album()
    page = _render(spec, found, album)
    with files.folder(out) as fresh:
        (fresh / "index.html").write_text(page, encoding="utf-8")
    log({"report/megabytes": len(page.encode()) / 1e6, "report/missing": len(found.missing)})


def _render(spec: BuildSpec, results: Results, album: Album) -> str:
    data = card.data_card(results)
    found, made, tasks = classifiers.section(results), generators.section(results), detectors.section(results)
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    sections: dict[str, Any] = {
        "card": data,
        "policies": card.policies(results),
        "classifiers": found,
        "generators": made,
        "tasks": tasks,
    }
    _collect(list(sections.values()), album)
    album.embed()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        **sections,
        name=spec.name,
        answer=answer(data, found, made, tasks),
        missing=results.missing,
        models=_models(results),
        policy_settings={name: _yaml(value) for name, value in dict(spec.config.get("augment") or {}).items()},
        settings={section: _yaml(value) for section, value in spec.config.items() if isinstance(value, dict | list)},
        album=album,
        style=Markup(style),
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii"),
    )


def _collect(value: Any, album: Album) -> None:
    """Ask the album for every figure in the sections, however deep."""
    if isinstance(value, Figure):
        album.add(value.path)
    elif isinstance(value, list | tuple):
        for item in value:
            _collect(item, album)
    elif hasattr(value, "__dataclass_fields__"):
        _collect([getattr(value, name) for name in value.__dataclass_fields__], album)


def _models(results: Results) -> list[tuple[str, Table]]:
    """The options of every plug-in that was trained, as its own `model.json` tells them."""
    kinds = (("Classifier", results.classifiers), ("Generator", results.generators), ("Detector", results.detectors))
    shown = []
    for kind, methods in kinds:
        rows = []
        for method in methods:
            plugin = dict(method.first.model.get("plugin", {}))
            options = ", ".join(f"{key} {value}" for key, value in plugin.items() if key != "name")
            seeds = ", ".join(str(run.seed) for run in method.runs)
            rows.append(
                Row(method.title, [Cell(str(plugin.get("name", ""))), Cell(options or "defaults"), Cell(seeds)])
            )
        if rows:
            shown.append((kind, Table(kind, ["Family", "Options", "Seeds"], rows)))
    return shown


def _yaml(value: Any) -> str:
    """A part of the config as a person would write it, short lists on one line."""
    dumped: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100)
    return re.sub(r"\n+$", "", dumped)
