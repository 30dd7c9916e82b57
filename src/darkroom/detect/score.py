"""The command `detect score`: score new images with a fitted detector and write a table and heat maps.

    scores.csv     or .parquet: file, score, threshold, flagged, map, note: one row per file, sorted by name
    maps/          the images at their own size in gray, anomalous parts in color; the image's name with .png appended
    summary.json   the counts, and the threshold and weights they belong to

Images go through the data set's own preparation. A file that cannot be read has a note with the reason instead of a score; an
image whose shape is unlike those of the data set has a note beside its score.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from darkroom import files
from darkroom.data import incoming, new_rows, table
from darkroom.data.incoming import Incoming, Prepares, read_preparation
from darkroom.data.item import readable
from darkroom.data.kind import PLURAL, SINGULAR, SampleKind
from darkroom.data.place import Listing
from darkroom.detect.detector import Detector, read_detector
from darkroom.detect.evaluation.threshold import OperatingPoint, read_operating_point
from darkroom.fit.batches import as_tensor
from darkroom.fit.model import intact_weights, read_about, say_if_kept
from darkroom.overlay import Scale, overlay

SCORES, MAPS, SUMMARY = "scores", "maps", "summary.json"
COLUMNS: table.Columns = {
    "file": "text",
    "score": "number",
    "threshold": "number",
    "flagged": "flag",
    "map": "text",
    "note": "text",
}
LONGEST = 255
"""Most bytes of a file name on most file systems."""


def run(*, model: Path, samples: Path, format: str = "csv", out: Path | None = None) -> int:
    """Score the files in a folder and its subfolders; `model` is the folder of a detector's seed.

    Results go to `out`, by default `scores/FOLDER`; the table's `format` is csv or parquet. Return the exit code: 0, 3 if
    some files could not be read, 1 if none could. Raises ValueError if there are no files, or if `out` is not a result of this
    command.
    """
    name = table.file_name(SCORES, format)
    fitted = opened(model)
    listing = incoming.listed(samples)
    target = (out or Path("scores") / samples.resolve().name).resolve()
    reads = {"samples": samples.resolve(), "model": model.resolve()}
    incoming.check_out(target, table.file_names(SCORES), "detect score", reads)
    counts: Counter[str] = Counter(images=0, flagged=0, unread=0)
    unread = incoming.Unreadable()
    with files.folder(target) as fresh:
        rows = _counted(_rows(fitted, listing, fresh), fitted.point.value, counts, unread)
        table.write(fresh / name, COLUMNS, rows, total=new_rows.count(fitted.kind, listing))
        point = {"threshold": fitted.point.value, "threshold_rule": fitted.point.rule, "weights": fitted.point.weights}
        files.write_json(fresh / SUMMARY, counts | point)
    unit = (SINGULAR if counts["images"] == 1 else PLURAL)[fitted.kind]
    print(
        f"{counts['images']:,} {unit}: {counts['flagged']:,} flagged, {counts['unread']:,} could not be read; "
        f"{out or target.relative_to(Path.cwd())}/{name}"
    )
    return unread.tell(counts["images"])


class Fitted(NamedTuple):
    """The contents of a seed's folder."""

    detector: Detector
    preparation: Prepares | None
    """None of tables, whose columns are in the model's folder."""
    point: OperatingPoint
    folder: Path
    kind: SampleKind


@dataclass(frozen=True)
class Row:
    """A file's score and map, or a note with the reason why it has none."""

    file: str
    score: float | None = None
    map: str = ""
    note: str = ""

    def cells(self, threshold: float) -> tuple[Any, ...]:
        """Return the cells of `COLUMNS`."""
        if self.score is None:
            return self.file, None, threshold, None, None, self.note
        return self.file, self.score, threshold, self.score > threshold, self.map or None, self.note


def opened(folder: Path) -> Fitted:
    """Open the folder of a seed. Raises ValueError or FileNotFoundError if it is no detector's, or its parts do not match."""
    model, evaluation = folder / "model", folder / "evaluation"
    if not (model.is_dir() and evaluation.is_dir()):
        raise ValueError(
            f"--model: {folder} has no model/ and evaluation/ in it; give the folder of a seed, such as "
            "results/NAME/detect/TASK/DETECTOR/seed-0"
        )
    about = read_about(model)
    if about.kind != "detector":
        raise ValueError(
            f"--model: {folder} holds {about.what} ({about.plugin['name']}), which has no anomaly scores; give the folder "
            "of a detector's seed, such as results/NAME/detect/TASK/DETECTOR/seed-0"
        )
    point = read_operating_point(evaluation, intact_weights(model))
    say_if_kept(model)
    preparation = None if about.samples == "table" else read_preparation(model)
    return Fitted(read_detector(model), preparation, point, model, about.samples)


def _rows(fitted: Fitted, listing: Listing, out: Path) -> Iterator[Row]:
    if fitted.preparation is None:
        yield from _of_tables(fitted, listing)
        return
    for batch in incoming.batches(listing, fitted.preparation):
        yield from scored(fitted, batch, fitted.preparation, listing.folders, out)


@torch.inference_mode()
def _of_tables(fitted: Fitted, listing: Listing) -> Iterator[Row]:
    """Score every row of every file."""
    for batch in new_rows.batches(fitted.kind, fitted.folder, listing):
        if batch.samples is None:
            yield Row(batch.names[0], note=batch.note)
            continue
        scores = fitted.detector.score(as_tensor(batch.samples)).scores.double().tolist()
        for name, score in zip(batch.names, scores, strict=True):
            finite = math.isfinite(score)
            yield Row(name, score if finite else None, note="" if finite else f"its score is not finite: {score}")


def _counted(
    rows: Iterable[Row], threshold: float, counts: Counter[str], unread: incoming.Unreadable
) -> Iterator[tuple[Any, ...]]:
    """Yield the cells of rows, and count them."""
    for row in rows:
        counts["images"] += 1
        counts["flagged"] += row.score is not None and row.score > threshold
        if row.score is None:
            counts["unread"] += 1
            unread.add(row.file, row.note)
        yield row.cells(threshold)


@torch.inference_mode()
def scored(
    fitted: Fitted,
    batch: Sequence[Incoming],
    preparation: Prepares,
    folders: Iterable[str] = (),
    out: Path | None = None,
) -> Iterable[Row]:
    """Score the readable images of a batch, and write their heat maps to `out` if it is given."""
    images = [each.image for each in batch if each.image is not None]
    scored: Iterator[tuple[float, NDArray[np.float32] | None]] = iter(())
    if images:
        scores, maps = fitted.detector.score(as_tensor(incoming.prepared(images, preparation)))
        each_map = [None] * len(images) if maps is None else maps.float().numpy()
        scored = zip(scores.double().tolist(), each_map, strict=True)
    for each in batch:
        if each.image is None:
            yield Row(each.file, note=each.note)
            continue
        score, values = next(scored)
        if not math.isfinite(score):
            yield Row(each.file, note=f"its score is not finite: {score}")
            continue
        drawn = ""
        if out is not None and values is not None and fitted.point.colors is not None:
            drawn = map_name(each.name, folders)
            _draw(
                fitted.detector.pictures(each.image[None])[0],
                values,
                preparation,
                fitted.point.colors,
                out / drawn,
            )
        yield Row(each.file, score, drawn, each.note)


def _draw(
    image: NDArray[np.uint8], values: NDArray[np.float32], preparation: Prepares, colors: Scale, path: Path
) -> None:
    laid = preparation.lay_back(values, (image.shape[0], image.shape[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = Image.fromarray(overlay(image, laid, colors))
    drawn.save(path, "PNG", compress_level=1)  # ten times as fast as 9, and little larger


def map_name(name: str, folders: Iterable[str]) -> str:
    """Return the path of an image's map in the results: the image's own name with .png, or a hash of it.

    The hash replaces names that become too long, that equal one of the `folders` beside the image, or that the manifest
    cannot store. `name` is relative and without `..`, as in a listing.
    """
    wanted = f"{name}.png"
    if len(os.fsencode(PurePosixPath(wanted).name)) > LONGEST or wanted in folders or readable(name) != name:
        wanted = f"{hashlib.sha256(os.fsencode(name)).hexdigest()}.png"
    return f"{MAPS}/{wanted}"
