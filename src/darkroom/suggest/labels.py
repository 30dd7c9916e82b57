"""The command `suggest labels`: rank unlabeled images by a rule, those first that a classifier would learn most from.

    suggestions.csv   id, rank, score, predicted, probability, label: one row per suggested image, `label` to be filled in
    suggestions.png   the images in the same order, row by row

The images are the unlabeled training images of a prepared set, or those of a folder, which go through the data set's own
preparation. A completed table is a file for `data.corrections`.
"""

from __future__ import annotations

import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from darkroom import files, registry, settings, sheets
from darkroom.classify.answers import ClassAnswers
from darkroom.classify.trained import Trained, read_trained
from darkroom.data import incoming
from darkroom.data.incoming import Incoming
from darkroom.data.store import labeled, new_array, open_store
from darkroom.randomness import derive
from darkroom.suggest.network import Images, NetworkPool
from darkroom.suggest.pool import Ranked, Rule

SUGGESTIONS, SHEET = "suggestions.csv", "suggestions.png"
COLUMNS = ("id", "rank", "score", "predicted", "probability", "label")
PER_ROW = 10
MOST = 100
"""Images that are suggested by default."""


def run(
    *,
    model: Path,
    data: Path | None = None,
    images: Path | None = None,
    by: str = "margin",
    n: int | None = None,
    seed: int = 0,
    out: Path,
) -> int:
    """Rank the unlabeled training images of the prepared set `data`, or the `images` of a file or folder.

    With both, the images are ranked, and the labeled training images of `data` are those that `k_center` keeps away from.
    `model` is the folder of a classifier's seed. The default for `n` is 100, or all if there are fewer. Prints the files that
    could not be read, and returns the exit code: 0, or 3 if there were any. Raises ValueError if there are fewer than `n`
    images to choose from, or the model is no classifier of the set's classes.
    """
    registry.known("rule --by", by, sorted(registry.entries("acquisition")))
    rule: Rule = registry.build(registry.options("acquisition", by)())
    classifier = _open(model)
    answers = classifier.answers()
    assert isinstance(answers, ClassAnswers)
    if data is None and images is None:
        raise ValueError("give --data, a prepared set with unlabeled images, or --images, a folder of images")
    given = {"model": model, "images": images, "data": data}
    reads = {name: path.resolve() for name, path in given.items() if path is not None}
    incoming.check_out(out.resolve(), {SUGGESTIONS}, "suggest labels", reads)
    with tempfile.TemporaryDirectory() as scratch:
        pool, known, unread = _collected(classifier, data, images, Path(scratch))
        n = min(MOST, len(pool.ids)) if n is None else n
        if n < 1 or n > len(pool.ids):
            raise ValueError(f"--n is {n}; there are {len(pool.ids):,} unlabeled images, so give 1 to {len(pool.ids)}")
        seen = NetworkPool(
            classifier.network,
            pool.images,
            known,
            derive(seed, "dropout"),
            classifier.about.link,
            answers.temperature,
        )
        found = rule.rank(seen, n, np.random.default_rng(derive(seed, "acquisition")))
        probabilities = seen.probabilities()[found.rows]
        with files.folder(out.resolve()) as fresh:
            _write(fresh, found, pool, probabilities, classifier.about.classes)
    print(f"{n:,} of {len(pool.ids):,} unlabeled images by {by}: {out}/{SUGGESTIONS} and {SHEET}")
    for one in unread:
        print(f"could not be read: {one.file}: {one.note}")
    return incoming.NOT_ALL if unread else 0


@dataclass(frozen=True)
class Candidates:
    """Unlabeled images and their ids, in the same order."""

    ids: list[str]
    images: Images


def _open(folder: Path) -> Trained:
    """Raise ValueError or FileNotFoundError if the folder is not a classifier's seed."""
    found = read_trained(folder)
    if found.about.target.kind != "class":
        raise ValueError(
            f"--model: {folder} holds a model of {found.about.target.kind}, which has no classes; give the folder of a "
            "classifier's seed, such as results/NAME/classify/POLICY/MODEL/seed-0"
        )
    return found


def _collected(
    classifier: Trained, data: Path | None, images: Path | None, scratch: Path
) -> tuple[Candidates, Images, list[Incoming]]:
    """Return the unlabeled images, the labeled ones, and the files that could not be read; `scratch` takes the former."""
    store = open_store(data) if data is not None else None
    if store is not None and store.shape != classifier.about.shape:
        raise ValueError(
            f"--data: {data} holds images of shape {store.shape}, but the model takes {classifier.about.shape}; give the set "
            "that it was trained on"
        )
    if store is not None and store.classes != classifier.about.classes:
        theirs, own = (", ".join(map(settings.quoted, names)) for names in (store.classes, classifier.about.classes))
        raise ValueError(
            f"--data: {data} has the classes {theirs}, but the model {own}; give the set that it was trained on"
        )
    none = Images(np.empty((0, 1, 1, 1), np.uint8), np.empty(0, np.int64))
    known = none if store is None else Images(store.samples, labeled(store, "train"))
    if images is None:
        assert store is not None
        rows = np.setdiff1d(store.rows("train"), known.rows)
        if not len(rows):
            raise ValueError(f"--data: {data} has no unlabeled training images; give others by --images")
        return Candidates(store.items["id"].iloc[rows].tolist(), Images(store.samples, rows)), known, []
    pool, unread = _read(classifier, images, scratch / "images.npy")
    return pool, known, unread


def _read(classifier: Trained, images: Path, into: Path) -> tuple[Candidates, list[Incoming]]:
    """Read the images of a file or folder into an array on disk; also return what cannot be read."""
    listing, preparation = incoming.listed(images, "--images"), classifier.preparation
    channels, height, width = classifier.about.shape
    array = new_array(into, (len(listing.names), height, width, channels))
    ids: list[str] = []
    unread: list[Incoming] = []
    for batch in incoming.batches(listing, preparation):
        unread += [one for one in batch if one.image is None]
        whole = [(one.file, one.image) for one in batch if one.image is not None]
        if whole:
            fitted = incoming.prepared([image for _, image in whole], preparation)
            array[len(ids) : len(ids) + len(whole)] = fitted
            ids += [name for name, _ in whole]
    if not ids:
        raise ValueError(f"--images: none of the {len(unread)} files in {images} is a readable image")
    return Candidates(ids, Images(array, np.arange(len(ids)))), unread


def _write(folder: Path, found: Ranked, pool: Candidates, probabilities: np.ndarray, classes: tuple[str, ...]) -> None:
    best = probabilities.argmax(1)
    with (folder / SUGGESTIONS).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        for rank, (row, score) in enumerate(zip(found.rows.tolist(), found.scores.tolist(), strict=True)):
            label = int(best[rank])
            writer.writerow(
                [pool.ids[row], rank + 1, f"{score:.6g}", classes[label], f"{probabilities[rank, label]:.4f}", ""]
            )
    sheet = sheets.tile(pool.images.images[pool.images.rows[found.rows]], columns=PER_ROW)
    sheets.save_image(sheet, folder / SHEET)
