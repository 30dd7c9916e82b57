"""A comparison as lines for the terminal, and as a page with pictures of what changed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from darkroom.classify.figures import draw_turned
from darkroom.data import incoming
from darkroom.data.store import Store
from darkroom.measure.intervals import Difference
from darkroom.report.page import TEMPLATES, environment, inlined
from darkroom.report.parts.pictures import Album
from darkroom.report.parts.table import Cell, Figure, Row, Table
from darkroom.report.words import text
from darkroom.serve.compare.metrics import of_images
from darkroom.serve.compare.verdict import BETTER, UNCLEAR, WORSE, Compared, Measured, conclusion

OWN = Path(__file__).parent / "templates"
TONES = {BETTER: "good", WORSE: "bad"}


@dataclass(frozen=True)
class Shown:
    """What the page shows of a pair of models."""

    title: str
    same: bool
    images: int
    seeds: int
    metrics: Table
    parts: list[tuple[str, Table]]
    changes: dict[str, int]
    figures: list[Figure]


def lines(result: Compared) -> Iterator[str]:
    """Yield a line per metric; those that decide are marked."""
    if result.pair.same:
        yield f"{result.pair.name or 'A and B'}: the same evaluation in A and B"
        return
    if result.pair.name:
        yield f"{result.pair.name}:"
    for name, one in result.metrics.items():
        mark = "→" if name in result.gate else " "
        style = _style(one)
        a, b = (text.STYLES[style](value) + text.unit(style) for value in (one.a, one.b))
        yield f"{mark} {name:18} {a} → {b}, gain {text.points(one.gain, style)}: {one.verdict}"


def write(
    folder: Path,
    results: Sequence[Compared],
    store: Store | None,
    *,
    compared: tuple[str, str],
    unpaired: Sequence[str],
) -> None:
    """Write index.html, which names the results `compared` and what is `unpaired` in them, to a folder.

    Without the images there are no pictures.
    """
    with incoming.quiet(), tempfile.TemporaryDirectory() as scratch:  # letters that the font lacks become boxes
        shown = [_shown(result, store, Path(scratch) / f"{number}.png") for number, result in enumerate(results)]
        album = Album()
        for one in shown:
            for drawn in one.figures:
                album.add(drawn.path)
        album.embed()
        page = (
            environment(TEMPLATES, OWN)
            .get_template("compare.html")
            .render(
                style=inlined("style.css"),
                script="",
                shown=shown,
                compared=compared,
                unpaired=unpaired,
                verdict=conclusion(results),
                pictures=store is not None,
                album=album,
            )
        )
    (folder / "index.html").write_text(page, encoding="utf-8")


def _shown(result: Compared, store: Store | None, path: Path) -> Shown:
    counts = result.changed["turned"].value_counts()
    titles = {"class": "Class", "labels": "Label", "numbers": "", "anomalies": "Class"}
    parts = [(titles[result.pair.kind], result.classes), ("Group", result.groups)]
    style = "percent" if of_images(result.pair).share else "compact"
    return Shown(
        title=result.pair.name,
        same=result.pair.same,
        images=result.images,
        seeds=len(result.pair.seeds),
        metrics=_metrics(result),
        parts=[(title, _parts(title, given, style)) for title, given in parts if given],
        changes={kind: int(counts.get(kind, 0)) for kind in ("broken", "fixed")},
        figures=_figures(result, store, path),
    )


def _metrics(result: Compared) -> Table:
    rows = []
    for name, one in result.metrics.items():
        style = _style(one)
        values = [Cell(text.STYLES[style](value) + text.unit(style)) for value in (one.a, one.b)]
        verdict = Cell(one.verdict, tone=TONES.get(one.verdict, ""))
        rows.append(Row(name, [*values, _gain(one.gain, style, one.verdict), verdict], chosen=name in result.gate))
    return Table("Metric", ["A", "B", "B is better by", "Verdict"], rows)


def _parts(title: str, given: Mapping[str, tuple[int, Difference]], style: str) -> Table:
    rows = []
    for name, (images, gain) in given.items():
        verdict = UNCLEAR if not gain.clear else BETTER if gain.value > 0 else WORSE
        rows.append(Row(name, [Cell(text.count(images)), _gain(gain, style, verdict)]))
    return Table(title, ["Test images", "B is better by"], rows)


def _gain(gain: Difference, style: str, verdict: str) -> Cell:
    return Cell(text.signed(gain.value, style), text.span(gain, style), TONES.get(verdict, ""))


def _style(one: Measured) -> str:
    return "percent" if one.metric.share else "compact"


def _figures(result: Compared, store: Store | None, path: Path) -> list[Figure]:
    """Draw the images that changed most, if the store has them."""
    if store is None or store.kind != "image" or result.changed.empty:
        return []
    places = {item: row for row, item in enumerate(store.items["id"].tolist())}
    found = result.changed[result.changed["id"].isin(places)].rename(columns={"a": "plain", "b": "tta"})
    if found.empty:
        return []
    rows = np.array([places[item] for item in found["id"]])
    draw_turned(found.reset_index(drop=True), store.samples, rows, path)
    words = "Each image with its truth above, and the answers of A and B below."
    return [Figure(path, "Images that B fixes and breaks", words)]
