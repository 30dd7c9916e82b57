"""The job `report build`: one page with the answer first, then every table and picture, and a gallery; no network needed."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from darkroom import files
from darkroom.log import Log
from darkroom.report import (
    audit,
    card,
    classifiers,
    codes,
    contamination,
    detectors,
    gallery,
    generators,
    synthetic,
    text,
)
from darkroom.report.answer import answer
from darkroom.report.config import BuildSpec
from darkroom.report.pictures import Album
from darkroom.report.results import Results, read
from darkroom.report.table import Cell, Figure, Row, Table

TEMPLATES = Path(__file__).parent
GALLERY = 8_000_000
"""Bytes of all pictures of the gallery page."""


def run(spec: BuildSpec, *, data: Path, results: Path, out: Path, log: Log) -> None:
    """Write `index.html` from the prepared data and the results of every method that the spec names, and `gallery.html`.

    A method without results is listed as missing on the page. Raises FileNotFoundError when the data was not prepared.
    """
    found = read(spec, data, results)
    album = Album()
    page = _render(spec, found, album)
    with files.folder(out) as fresh:
        (fresh / "index.html").write_text(page, encoding="utf-8")
        if found.gallery:
            (fresh / "gallery.html").write_text(_gallery(spec.name, found.root / "gallery"), encoding="utf-8")
    log({"report/megabytes": len(page.encode()) / 1e6, "report/missing": len(found.missing)})


def _render(spec: BuildSpec, results: Results, album: Album) -> str:
    data = card.data_card(results)
    found, made, tasks = classifiers.section(results), generators.section(results), detectors.section(results)
    drawn = synthetic.subsection(results)
    sections: dict[str, Any] = {
        "card": data,
        "policies": card.policies(results),
        "audits": audit.section(results),
        "classifiers": found,
        "generators": made,
        "synthetics": drawn,
        "tasks": tasks,
        "codes": codes.section(results),
        "mixtures": contamination.section(results),
    }
    _collect(list(sections.values()), album)
    album.embed()
    return _filled(
        "page.html",
        **sections,
        name=spec.name,
        answer=answer(data, found, made, tasks, audit.answer(sections["audits"]), drawn),
        missing=results.missing,
        models=_models(results),
        policy_settings={name: text.settings(value) for name, value in dict(spec.config.get("augment") or {}).items()},
        settings={
            section: text.settings(value) for section, value in spec.config.items() if isinstance(value, dict | list)
        },
        gallery=results.gallery,
        album=album,
    )


def _gallery(name: str, folder: Path) -> str:
    """The page beside it that shows every augmentation technique."""
    shown, album = gallery.gallery(folder), Album(GALLERY)
    _collect(shown.families, album)
    album.embed()
    return _filled("gallery.html", name=name, gallery=shown, where=gallery.WHERE, album=album)


def _filled(template: str, **content: Any) -> str:
    """A page from its template, with the style in it."""
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return environment.get_template(template).render(**content, style=Markup(style), style_hash=digest)


def _collect(value: Any, album: Album) -> None:
    """Ask the album for every figure in the sections, however deep."""
    if isinstance(value, Figure):
        album.add(value.path)
    elif isinstance(value, list | tuple):
        for item in value:
            _collect(item, album)
    elif hasattr(value, "__dataclass_fields__"):
        _collect([getattr(value, name) for name in value.__dataclass_fields__], album)


def _options(plugin: dict[str, Any]) -> str:
    """`side 224, of padim (side 64), patchcore (side 64)`."""
    return ", ".join(f"{key} {_told(value)}" for key, value in plugin.items() if key != "name")


def _told(value: Any) -> str:
    if isinstance(value, dict) and "name" in value:
        return f"{value['name']} ({_options(value)})" if len(value) > 1 else str(value["name"])
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return ", ".join(map(_told, value))
    return str(value)


def _models(results: Results) -> list[tuple[str, Table]]:
    """The options of every plug-in that was trained, as its own `model.json` tells them."""
    kinds = (("Classifier", results.classifiers), ("Generator", results.generators), ("Detector", results.detectors))
    shown = []
    for kind, methods in kinds:
        rows = []
        for method in methods:
            plugin = dict(method.first.model.get("plugin", {}))
            options = _options(plugin)
            seeds = ", ".join(str(run.seed) for run in method.runs)
            rows.append(
                Row(method.title, [Cell(str(plugin.get("name", ""))), Cell(options or "defaults"), Cell(seeds)])
            )
        if rows:
            shown.append((kind, Table(kind, ["Family", "Options", "Seeds"], rows)))
    return shown
