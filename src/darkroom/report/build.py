"""The job `report build`: one page that opens with the answer, then shows every table and figure; it needs no network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from markupsafe import Markup

from darkroom import files
from darkroom.log import Log
from darkroom.report.config import BuildSpec
from darkroom.report.page import filled, inlined
from darkroom.report.parts.pictures import BUDGET, THUMBNAILS, Album, Sheet
from darkroom.report.parts.plane import EmbeddingMap
from darkroom.report.parts.table import Figure
from darkroom.report.results import Results, read
from darkroom.report.section import Answer, Section
from darkroom.report.sections import (
    audit,
    augment,
    codes,
    contamination,
    data,
    explore,
    gallery,
    ladder,
    made,
    pretrain,
    suggest,
    suspects,
    synthetic,
)
from darkroom.report.sections.classify import section as classify
from darkroom.report.sections.detect import section as detect
from darkroom.report.sections.generate import rows as generated_rows
from darkroom.report.sections.generate import section as generate
from darkroom.report.sections.suspects import Corrections
from darkroom.report.sections.tuning import section as tuning
from darkroom.report.unfinished import Unfinished, problems
from darkroom.report.words.nouns import IMAGE, naming

SECTIONS: tuple[Section, ...] = (
    data.SECTION,
    explore.SECTION,
    augment.SECTION,
    audit.SECTION,
    pretrain.SECTION,
    suspects.SECTION,
    suggest.SECTION,
    classify.SECTION,
    tuning.SECTION,
    ladder.SECTION,
    generate.SECTION,
    generated_rows.SECTION,
    synthetic.SECTION,
    detect.SECTION,
    codes.SECTION,
    contamination.SECTION,
    made.SECTION,
)
"""In the order of the page."""
T = TypeVar("T")
GALLERY = 8_000_000
"""Bytes of all images on the gallery page."""


def run(spec: BuildSpec, *, data: Path, results: Path, unfinished: Path | None = None, out: Path, log: Log) -> None:
    """Write `index.html`, and `gallery.html` if there is a gallery, from the prepared data and the results in `spec`.

    The page lists methods without results as missing. `unfinished` is a JSON file that says what the run did not finish
    and why (see `Unfinished`); the page is then incomplete and gets no manifest. Raises FileNotFoundError if the data was
    not prepared.
    """
    left = Unfinished.model_validate(files.read_json(unfinished)) if unfinished else Unfinished()
    found = read(spec, data, results, left)
    card = data / "card.json"
    with naming(*(files.read_json(card).get("nouns", IMAGE) if card.is_file() else IMAGE)):
        page = _page(found, left)
    with files.folder(out, whole=unfinished is None) as fresh:
        (fresh / "index.html").write_text(page, encoding="utf-8")
        if found.gallery:
            (fresh / "gallery.html").write_text(_gallery(spec.name, found.gallery), encoding="utf-8")
    log({"report/megabytes": len(page.encode()) / 1e6, "report/missing": len(found.missing)})


@dataclass(frozen=True)
class Part:
    """A section with what it found."""

    section: Section
    content: Any


def _page(results: Results, left: Unfinished) -> str:
    parts = [Part(section, content) for section in SECTIONS if (content := section.read(results)) is not None]
    failed, unknown = problems(left, results.missing)
    contents = [part.content for part in parts]
    scripts = {"map.js": EmbeddingMap, "corrections.js": Corrections}
    used = [inlined(name) for name, kind in scripts.items() if any(True for _ in _within(contents, kind))]
    return filled(
        "page.html",
        name=results.name,
        parts=parts,
        answer=_answer(parts),
        failed=failed,
        missing=unknown,
        album=_album(contents, Figure, BUDGET),
        thumbnails=_album(contents, Sheet, THUMBNAILS),
        script=Markup("").join(used),
    )


def _answer(parts: list[Part]) -> Answer:
    """Join what the sections contribute, by rank; the first with a headline heads the page."""
    ranked = sorted(parts, key=lambda part: part.section.rank)
    given = [part.section.answer(part.content) for part in ranked if part.section.answer]
    first = next((answer for answer in given if answer.headline), Answer())
    return Answer(
        first.headline,
        first.basis,
        first.chart,
        first.measure,
        [tile for answer in given for tile in answer.tiles],
        [finding for answer in given for finding in answer.findings],
    )


def _gallery(name: str, folder: Path) -> str:
    """Render the second page, which shows every augmentation technique."""
    shown = gallery.gallery(folder)
    album = _album(shown.families, Figure, GALLERY)
    return filled("gallery.html", name=name, gallery=shown, where=gallery.WHERE, album=album)


def _album(content: Any, kind: type[Figure | Sheet], budget: int) -> Album:
    """Embed all images of a kind that the content holds, however deep."""
    album = Album(budget)
    for picture in _within(content, kind):
        album.add(picture.path)
    album.embed()
    return album


def _within(value: Any, kind: type[T]) -> Iterator[T]:
    if isinstance(value, kind):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _within(item, kind)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _within(getattr(value, name), kind)
