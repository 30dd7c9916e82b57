"""The job `report build`: one page with the answer first, then every table and picture, and a gallery; no network needed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from darkroom import files
from darkroom.log import Log
from darkroom.report.config import BuildSpec
from darkroom.report.parts.examples import Sheet
from darkroom.report.parts.pictures import BUDGET, THUMBNAILS, Album
from darkroom.report.parts.table import Cell, Figure, Row, Table
from darkroom.report.results import Results, read
from darkroom.report.sections import (
    audit,
    card,
    classifiers,
    codes,
    contamination,
    detectors,
    gallery,
    generators,
    over_tasks,
    synthetic,
)
from darkroom.report.sections.answer import answer
from darkroom.report.unfinished import Unfinished, problems
from darkroom.report.words import text

TEMPLATES = Path(__file__).parent / "templates"
GALLERY = 8_000_000
"""Bytes of all pictures of the gallery page."""


def run(spec: BuildSpec, *, data: Path, results: Path, unfinished: Path | None = None, out: Path, log: Log) -> None:
    """Write `index.html` from the prepared data and the results of every method that the spec names, and `gallery.html`.

    A method without results is listed as missing on the page. `unfinished` is a JSON file that says what the run did not
    bring to its end and why (see `Unfinished`): then the page is no whole result, and has no manifest. Raises
    FileNotFoundError when the data was not prepared.
    """
    left = Unfinished.model_validate(files.read_json(unfinished)) if unfinished else Unfinished()
    found = read(spec, data, results, left)
    page = _render(spec, found, left)
    with files.folder(out, whole=unfinished is None) as fresh:
        (fresh / "index.html").write_text(page, encoding="utf-8")
        if found.gallery:
            (fresh / "gallery.html").write_text(_gallery(spec.name, found.gallery), encoding="utf-8")
    log({"report/megabytes": len(page.encode()) / 1e6, "report/missing": len(found.missing)})


def _render(spec: BuildSpec, results: Results, left: Unfinished) -> str:
    data = card.data_card(results)
    found, made, tasks = classifiers.section(results), generators.section(results), detectors.section(results)
    drawn = synthetic.subsection(results)
    clean = [(task.normal_text, task.ranked) for task in tasks if not task.contamination]
    overall = over_tasks.overall(clean)
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
    failed, unknown = problems(left, results.missing)
    album = _album(list(sections.values()), Figure)
    thumbnails = _album(tasks, Sheet, THUMBNAILS)
    return _filled(
        "page.html",
        **sections,
        overall=overall,
        name=spec.name,
        answer=answer(data, found, made, tasks, overall, audit.answer(sections["audits"]), drawn),
        failed=failed,
        missing=unknown,
        models=_models(results),
        policy_settings={name: text.settings(value) for name, value in dict(spec.config.get("augment") or {}).items()},
        settings={
            section: text.settings(value) for section, value in spec.config.items() if isinstance(value, dict | list)
        },
        gallery=results.gallery is not None,
        album=album,
        thumbnails=thumbnails,
    )


def _gallery(name: str, folder: Path) -> str:
    """The page beside it that shows every augmentation technique."""
    shown = gallery.gallery(folder)
    album = _album(shown.families, Figure, GALLERY)
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


def _album(content: Any, kind: type[Figure | Sheet], budget: int = BUDGET) -> Album:
    """All pictures of a kind in some sections, however deep, embedded."""
    album = Album(budget)
    for picture in _within(content, kind):
        album.add(picture.path)
    album.embed()
    return album


def _within(value: Any, kind: type[Figure | Sheet]) -> Iterator[Figure | Sheet]:
    if isinstance(value, kind):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _within(item, kind)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _within(getattr(value, name), kind)


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
