"""Cut the images of a strip from the sheets that a stage saved with `sheets.save_strip`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from darkroom.report.parts.pictures import Sheet

SMALL = 48
"""Panels lower than this many pixels are enlarged pixel by pixel, others smoothly."""


class Cut(NamedTuple):
    """One image: the sheet that it lies on, and its panels as (what it shows, view box in the sheet)."""

    sheet: str
    boxes: list[tuple[str, str]]


def sheets(about: Mapping[str, Any], folder: Path, key: str, *, images: int, shown: int) -> list[Sheet]:
    """Return the sheets that hold the first `shown` of a strip's `images`; `key` starts their ids on the page."""
    size, found = about["columns"] * about["rows"], []
    for number, name in enumerate(about["sheets"][: -(-shown // size)]):
        lines = min(about["rows"], -(-(images - number * size) // about["columns"]))
        width = about["columns"] * about["width"] * len(about["panels"])
        found.append(Sheet(folder / name, f"{key}-{number}", width, lines * about["height"]))
    return found


def cuts(about: Mapping[str, Any], key: str, *, shown: int) -> Iterator[Cut]:
    """Yield where the first `shown` images of a strip lie."""
    height, width, panels = about["height"], about["width"], about["panels"]
    columns, size = about["columns"], about["columns"] * about["rows"]
    for place in range(shown):
        top, left = place % size // columns * height, place % columns * width * len(panels)
        boxes = [(panel, _box(left + k * width, top, width, height)) for k, panel in enumerate(panels)]
        yield Cut(f"{key}-{place // size}", boxes)


def _box(left: int, top: int, width: int, height: int) -> str:
    """Frame a panel in its sheet; a large one without the outermost half pixel, into which its neighbors bleed."""
    inset = 0 if height < SMALL else 0.5
    return f"{left + inset:g} {top + inset:g} {width - 2 * inset:g} {height - 2 * inset:g}"
