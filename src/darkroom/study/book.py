"""The job `study book`: one page per study and an index, in a folder that needs no network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from darkroom import files, registry
from darkroom.log import Log
from darkroom.report.page import inlined
from darkroom.study import contents, findings
from darkroom.study.booklet.page import OWN, Page, rendered, templates
from darkroom.study.config import BookSpec


class Setting(NamedTuple):
    """A number that a reader can change."""

    key: str
    value: str
    about: str


def run(spec: BookSpec, *, results: Path, out: Path, log: Log) -> None:
    """Write the booklet of the studies that have run; the index lists the others.

    Raises ValueError, naming the page, for a page that asks for what its experiment did not find.
    """
    made = {name: _page(name, results / name) for name in spec.pages if (results / name / files.MANIFEST).is_file()}
    style = inlined("style.css") + inlined("study.css", OWN)
    filled = templates()
    order = [made[name] for name in contents.studies() if name in made]
    neighbors = [None, *(page for page, _ in order), None]
    with files.folder(out) as fresh:
        for index, (page, settings) in enumerate(order):
            written = filled.get_template("study.html").render(
                page=page,
                number=contents.studies().index(page.name) + 1,
                chapter=_chapter(page.name),
                settings=settings,
                before=neighbors[index],
                after=neighbors[index + 2],
                style=style,
                script="",
            )
            (fresh / f"{page.name}.html").write_text(written, encoding="utf-8")
        listed = [(title, [(name, made.get(name)) for name in names]) for title, names in contents.CHAPTERS.items()]
        written = filled.get_template("booklet.html").render(chapters=listed, style=style, script="")
        (fresh / "index.html").write_text(written, encoding="utf-8")
    log({"study/pages": float(len(made))})


def _page(name: str, folder: Path) -> tuple[Page, list[Setting]]:
    found = findings.read(folder)
    page = rendered(name, contents.page(name).read_text(encoding="utf-8"), found, folder)
    return page, list(_settings(name, found["settings"]))


def _settings(name: str, chosen: dict[str, Any]) -> Iterator[Setting]:
    for key, field in registry.options("study", name).model_fields.items():
        if key in chosen:
            value = chosen[key]
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield Setting(key, shown, field.description or "")


def _chapter(name: str) -> str:
    return next(title for title, names in contents.CHAPTERS.items() if name in names)
