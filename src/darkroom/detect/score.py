"""The command `detect score`: new images through a fitted detector, into a table and heat maps.

    scores.csv     file, score, threshold, flagged, map, note: a row for every file, in the order of their names
    maps/          the images at their own size, gray, with what is anomalous in color; named like the image, with .png
    summary.json   how many there were, and which detector and threshold judged them

Images go through the same preparation as the data set's. What cannot be read has
a note that says why in place of a score; so has an image of a shape that the data set had not, beside its score.
"""

from __future__ import annotations

import csv
import hashlib
import math
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from darkroom import files
from darkroom.data import place
from darkroom.data.decode import UnreadableError
from darkroom.data.item import readable
from darkroom.data.preparation import Preparation, read_preparation
from darkroom.detect.detector import Detector, read_detector
from darkroom.detect.evaluation.overlay import Scale, overlay
from darkroom.detect.evaluation.threshold import Judge, read_judge
from darkroom.fit.batches import as_float
from darkroom.fit.model import WEIGHTS, read_about, say_if_kept

SCORES, MAPS, SUMMARY = "scores.csv", "maps", "summary.json"
COLUMNS = ("file", "score", "threshold", "flagged", "map", "note")
BATCH, HELD = 64, 64_000_000
"""Images scored at a time, and bytes of images at their own size from which on there are fewer."""
LONGEST = 255
"""Bytes of a file's name at most, on most systems."""
NOT_ALL = 3
"""The exit code when some images could not be read."""


def run(*, model: Path, images: Path, out: Path | None = None) -> int:
    """Score the images in a folder, and those in its folders, with the detector of a seed: its folder of model/ and evaluation/.

    Without `out` the results are in `scores/` and the name of the folder. Gives the exit code: 0, or 3 when there were files
    that could not be read. Raises ValueError when there are none at all, or `out` is something else.
    """
    fitted = _open(model)
    found = place.local_listing(place.existing(str(images), "--images"))
    if not found.names:
        raise ValueError(f"--images: {images} holds no files")
    target = (out or Path("scores") / images.resolve().name).resolve()
    _refuse(target, images=images.resolve(), model=model.resolve())
    counts = {"images": 0, "flagged": 0, "unread": 0}
    with files.folder(target) as fresh:
        with (fresh / SCORES).open("w", encoding="utf-8", newline="") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is handled: large images, odd metadata
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(COLUMNS)
            for row in _rows(fitted, found, fresh):
                writer.writerow(row.cells(fitted.judge.value))
                counts["images"] += 1
                counts["flagged"] += row.score is not None and row.score > fitted.judge.value
                counts["unread"] += row.score is None
                if sys.stderr.isatty() and counts["images"] % BATCH == 0:
                    print(f"\r{counts['images']:,} of {len(found.names):,}", end="", file=sys.stderr, flush=True)
        judge = {"threshold": fitted.judge.value, "threshold_rule": fitted.judge.rule, "weights": fitted.judge.weights}
        files.write_json(fresh / SUMMARY, counts | judge)
    start = "\r" if sys.stderr.isatty() else ""
    print(
        f"{start}{counts['images']:,} images: {counts['flagged']:,} flagged, {counts['unread']:,} could not be read; "
        f"{out or target.relative_to(Path.cwd())}/{SCORES}"
    )
    return NOT_ALL if counts["unread"] else 0


class Fitted(NamedTuple):
    """What a seed's folder holds."""

    detector: Detector
    preparation: Preparation
    judge: Judge


@dataclass(frozen=True)
class Row:
    """What became of a file: its score, and the map's file where the detector makes one; or why there is none."""

    file: str
    score: float | None = None
    map: str = ""
    note: str = ""

    def cells(self, threshold: float) -> tuple[Any, ...]:
        """As `COLUMNS`."""
        if self.score is None:
            return self.file, "", threshold, "", "", self.note
        return self.file, self.score, threshold, str(self.score > threshold).lower(), self.map, self.note


def _open(folder: Path) -> Fitted:
    """Raises ValueError or FileNotFoundError for a folder that is no seed's, or whose parts do not belong together."""
    model, evaluation = folder / "model", folder / "evaluation"
    if not (model.is_dir() and evaluation.is_dir()):
        raise ValueError(
            f"--model: {folder} has no model/ and evaluation/ in it; give the folder of a seed, such as "
            "results/NAME/detect/TASK/DETECTOR/seed-0"
        )
    read_about(model)
    weights = files.sha256(model / WEIGHTS)
    if (model / files.MANIFEST).exists() and files.read_manifest(model)[WEIGHTS] != weights:
        raise ValueError(f"--model: {model / WEIGHTS} is not the file that detect fit wrote; copy or fit it again")
    judge = read_judge(evaluation)
    if judge.weights != weights:
        raise ValueError(
            f"--model: the threshold in {evaluation} was set for other weights than those in {model}; run detect evaluate again"
        )
    say_if_kept(model)
    return Fitted(read_detector(model), read_preparation(model), judge)


def _refuse(target: Path, *, images: Path, model: Path) -> None:
    """Raises ValueError where writing would replace what is not an earlier result, or mix it with what is read."""
    for what, other in (("images", images), ("model", model)):
        if target == other or target in other.parents or other in target.parents:
            raise ValueError(f"--out: {target} and the folder of the {what}, {other}, lie in each other; name another")
    if target.exists() and not (target.is_dir() and (_made_here(target) or not any(target.iterdir()))):
        raise ValueError(f"--out: {target} is there already and is no result of detect score; name another")


def _made_here(target: Path) -> bool:
    return (target / files.MANIFEST).exists() and SCORES in files.read_manifest(target)


def _rows(fitted: Fitted, found: place.Listing, out: Path) -> Iterator[Row]:
    """The rows of all files in order, some images in memory at a time."""
    batch: list[tuple[str, NDArray[np.uint8] | str]] = []
    held = 0
    for name in found.names:
        try:
            image: NDArray[np.uint8] | str = fitted.preparation.decode(found.path(name))
        except UnreadableError as problem:
            image = str(problem)
        batch.append((name, image))
        held += 0 if isinstance(image, str) else image.nbytes
        if len(batch) == BATCH or held >= HELD:
            yield from _judged(fitted, batch, found, out)
            batch, held = [], 0
    yield from _judged(fitted, batch, found, out)
    yield from (Row(unused.origin, note=unused.reason) for unused in found.unused)


@torch.inference_mode()
def _judged(
    fitted: Fitted, batch: Sequence[tuple[str, NDArray[np.uint8] | str]], found: place.Listing, out: Path
) -> Iterable[Row]:
    """Score the images of a batch (name, image or why there is none) and write their heat maps."""
    images = {name: image for name, image in batch if not isinstance(image, str)}
    rows = {name: Row(readable(name), note=image) for name, image in batch if isinstance(image, str)}
    if images:
        prepared = np.stack([fitted.preparation.apply(image) for image in images.values()])
        scores, maps = fitted.detector.score(as_float(prepared))
        colors = fitted.judge.colors
        for index, (name, image) in enumerate(images.items()):
            score = float(scores[index].double())
            if not math.isfinite(score):
                rows[name] = Row(readable(name), note=f"its score is no finite number: {score}")
                continue
            drawn = ""
            if maps is not None and colors is not None:
                drawn = map_name(name, found.folders)
                _draw(image, maps[index].float().numpy(), fitted.preparation, colors, out / drawn)
            rows[name] = Row(readable(name), score, drawn, fitted.preparation.remark(image))
    return [rows[name] for name, _ in batch]


def _draw(
    image: NDArray[np.uint8], values: NDArray[np.float32], preparation: Preparation, colors: Scale, path: Path
) -> None:
    laid = preparation.lay_back(values, (image.shape[0], image.shape[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(overlay(image, laid, colors)).save(
        path, "PNG", compress_level=1
    )  # ten times as fast as 9, little larger


def map_name(name: str, folders: Iterable[str]) -> str:
    """Where the map of an image lies in the results: at its own name with .png, or at a hash of it.

    The hash is for names that are too long then, are those of `folders` beside the image, or cannot be written in the
    manifest. `name` is relative, without any `..`, as a listing gives it.
    """
    wanted = f"{name}.png"
    if len(os.fsencode(PurePosixPath(wanted).name)) > LONGEST or wanted in folders or readable(name) != name:
        wanted = f"{hashlib.sha256(os.fsencode(name)).hexdigest()}.png"
    return f"{MAPS}/{wanted}"
