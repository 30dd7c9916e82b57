"""What `watch` found as lines for the terminal, and as a page with the oddest images."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom import figures
from darkroom.data import incoming
from darkroom.data.pictures import draw_grid
from darkroom.measure.intervals import Number
from darkroom.report.page import TEMPLATES, environment, inlined
from darkroom.report.parts.pictures import Album
from darkroom.report.parts.table import Cell, Figure, Row, Table, cell
from darkroom.report.words import text
from darkroom.serve.watch.images import Sample, Unread
from darkroom.serve.watch.observer import Observer
from darkroom.serve.watch.two_samples import Tested
from darkroom.serve.watch.verdict import FLAGGED, Compared

OWN = Path(__file__).parent / "templates"
ODDEST = 24
"""Pictures of odd images."""
MOST_CLASSES = 30
"""Classes in the table of answers, those that changed most."""
DIFFERENT, ALIKE = "different", "no clear difference"


def conclusion(result: Compared) -> str:
    """Say in words what all tests found."""
    if result.alike:
        return "No clear difference from the test images"
    return f"The images differ from the test images: {text.listed(result.clear[:4])}"


def counted(result: Compared, unread: Sequence[Unread]) -> str:
    """Say how many images were compared."""
    bad = f", {text.plural(len(unread), 'unreadable file')}" if unread else ""
    return f"{text.plural(result.new, 'new image')}{bad}, {text.plural(result.reference, 'test image')}"


def lines(result: Compared) -> Iterator[str]:
    """Yield a line per test; those that found a difference are marked."""
    for name, test in result.tests.items():
        mark = "→" if name in result.clear else " "
        style, unit = (text.percent, "%") if name == FLAGGED else (text.compact, "")
        changed = " → ".join(style(value) + unit for value in _shown(result, name))
        verdict = DIFFERENT if name in result.clear else ALIKE
        yield f"{mark} {name:20} {changed:22} p {_p(test)}: {verdict}"


def answers(sample: Sample, row: int, witness: Observer) -> list[str] | None:
    """Return the predicted class or labels of an image."""
    if sample.seen.answers is None:
        return None
    return [witness.names[k] for k in np.flatnonzero(sample.seen.answers[row])]


def write(
    folder: Path,
    result: Compared,
    known: Sample,
    new: Sample,
    order: NDArray[np.int64],
    pictures: Sequence[NDArray[np.uint8]],
    unread: Sequence[Unread],
    witness: Observer,
    *,
    given: tuple[Path, Path],
) -> None:
    """Write index.html; `pictures` are of the first images of `order`, `given` the folders of the model and the images."""
    with incoming.quiet(), tempfile.TemporaryDirectory() as scratch:  # letters that the font lacks become boxes
        odd, values = Path(scratch) / "odd.png", Path(scratch) / "values.png"
        draw_grid(odd, pictures, [Path(new.names[row]).name for row in order[: len(pictures)]])
        shown = [Figure(odd, "The oddest new images", "The new images least like the test images, the oddest first.")]
        if drawn := [name for name in result.clear if name in result.medians]:
            _draw_values(values, drawn, known, new)
            about = "Distributions of what differs; the numbers are the values of single images."
            shown.insert(0, Figure(values, f"Distributions of {text.listed(drawn)}", about))
        album = Album()
        for each in shown:
            album.add(each.path)
        album.embed()
        made = environment(TEMPLATES, OWN).get_template("watch.html")
        html = made.render(
            style=inlined("style.css"),
            script="",
            verdict=conclusion(result),
            given=[str(place) for place in given],
            result=result,
            tests=_tests(result, witness),
            answers=_answers(result),
            left_out=max(0, len(result.answers) - MOST_CLASSES),
            unread=unread,
            figures_shown=shown,
            album=album,
        )
    (folder / "index.html").write_text(html, encoding="utf-8")


def _tests(result: Compared, witness: Observer) -> Table:
    rows = []
    for name, test in result.tests.items():
        changed = [Cell(text.compact(value)) for value in _shown(result, name)]
        if name == FLAGGED and result.flagged is not None:
            changed = [cell(_number(result.flagged[part]), "percent", after="%") for part in ("reference", "new")]
        clear = name in result.clear
        verdict = Cell(DIFFERENT if clear else ALIKE, tone="bad" if clear else "")
        title = witness.flag if name == FLAGGED else name
        first, second = changed or [Cell(text.DASH), Cell(text.DASH)]
        rows.append(
            Row(title, [first, second, Cell(text.decimal(test.statistic)), Cell(_p(test)), verdict], chosen=clear)
        )
    return Table("Compared", ["Test images", "New images", "Statistic", "p, for all tests", "Verdict"], rows)


def _answers(result: Compared) -> Table | None:
    if not result.answers:
        return None
    largest = sorted(result.answers.items(), key=lambda item: -abs(item[1]["change"]["value"]))[:MOST_CLASSES]
    rows = []
    for name, shares in largest:
        change = shares["change"]
        clear = change["low"] > 0 or change["high"] < 0
        low, high = (text.signed(change[bound], "percent") for bound in ("low", "high"))
        own = [cell(_number(shares[part]), "percent", after="%") for part in ("reference", "new")]
        moved = Cell(text.signed(change["value"], "percent"), f"{low} to {high}", "bad" if clear else "")
        rows.append(Row(name, [*own, moved]))
    return Table("Predicted", ["Test images", "New images", "Change in points"], rows)


def _shown(result: Compared, name: str) -> list[float]:
    """Return the values of both samples beside a test, if it is of one value per image or a share."""
    if name == FLAGGED and result.flagged is not None:
        return [result.flagged[part]["value"] for part in ("reference", "new")]
    return list(result.medians.get(name, ()))


def _p(test: Tested) -> str:
    return text.compact(round(test.adjusted, 4))


def _number(share: dict[str, Any]) -> Number:
    return Number(share["value"], share["low"], share["high"])


def _draw_values(path: Path, names: Sequence[str], known: Sample, new: Sample) -> None:
    """Draw histograms of attributes and scores of both samples over the same bins."""
    columns = min(4, len(names))
    drawn, lines_ = figures.grid(
        math.ceil(len(names) / columns), columns, 2.6 * columns, 1.9 * math.ceil(len(names) / columns)
    )
    places = [place for line in lines_ for place in line]
    for place, name in zip(places, names, strict=False):
        both = [(sample.attributes | sample.seen.scores)[name] for sample in (known, new)]
        bins = np.histogram_bin_edges(np.concatenate(both), 24).tolist()
        for values, label, color in zip(both, ("test images", "new images"), figures.COLORS, strict=False):
            weights = np.full(len(values), 100 / len(values))
            place.hist(values, bins, weights=weights, label=label, color=color, histtype="step", linewidth=1.4)
        place.set_title(name, fontsize=9)
        place.tick_params(labelsize=7)
    for place in places[len(names) :]:
        place.set_visible(False)
    places[0].set_ylabel("% of images", fontsize=8)
    places[0].legend(fontsize=7, frameon=False)
    figures.save(drawn, path)
