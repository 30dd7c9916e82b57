"""The command `watch`: tell whether new images are like the test images of a classifier or detector.

    watch.json    every test with its p-value, and the shares of flagged images and of classes with intervals
    images.csv    one row per new image, the oddest first: what the model sees in it and its attributes
    index.html    the same as a page, with pictures of the oddest images

The exit code is 1 if the images differ clearly, else 0: of 20 folders with images like the test images, one is expected to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkroom import files, settings
from darkroom.data import beside, incoming, table
from darkroom.data.store import open_store
from darkroom.randomness import derive
from darkroom.serve.watch import images as samples
from darkroom.serve.watch import page
from darkroom.serve.watch.images import Sample, Unread
from darkroom.serve.watch.observer import Observer, observer
from darkroom.serve.watch.verdict import LEVEL, Compared, compared, oddness

RESULT, ROWS = "watch.json", "images.csv"


def run(*, model: Path, images: Path, data: Path | None = None, out: Path | None = None) -> int:
    """Compare, print a line per test, and write the results to `out`, by default `watch/FOLDER`.

    `data` is the prepared store of the model, by default `data/NAME/prepared` beside `results/NAME`. Raises ValueError if the
    images cannot be compared.
    """
    witness = observer(model)
    root = beside.prepared(data, model, "whose test images are the reference")
    store, preparation = open_store(root), witness.preparation
    shape = (preparation.channels, preparation.height, preparation.width)
    if store.shape != shape:
        raise ValueError(f"--data: the images of {root} have the shape {store.shape}; the model takes {shape}")
    listing = incoming.listed(images, "--images")
    target = (out or Path("watch") / images.resolve().name).resolve()
    reads = {"images": images.resolve(), "model": model.resolve(), "data": root.resolve()}
    incoming.check_out(target, {RESULT}, "watch", reads)
    draws = np.random.default_rng(derive(0, "watch"))
    new, unread = samples.new(witness, listing, draws)
    if new is None:
        raise ValueError(
            f"--images: no file of {images} can be read: {settings.printable(unread[0].file, 60)}: {unread[0].reason}"
        )
    known = samples.reference(witness, store, _sizes(root), draws)
    result = compared(known, new, witness.names, draws)
    odd = oddness(known, new)
    order = np.argsort(-odd, kind="stable")
    with files.folder(target) as fresh:
        files.write_json(fresh / RESULT, described(result, unread, witness))
        _write_rows(fresh / ROWS, new, unread, odd, order, witness)
        shown = [new.names[row] for row in order[: page.ODDEST]]
        pictures = samples.prepared(witness, listing, shown)
        page.write(fresh, result, known, new, order, pictures, unread, witness, given=(model, images))
    print(*page.lines(result), sep="\n")
    where = out or target.relative_to(Path.cwd())
    print(f"{page.conclusion(result)} ({page.counted(result, unread)}); {where}/index.html")
    return 0 if result.alike else 1


def described(result: Compared, unread: list[Unread], witness: Observer) -> dict[str, Any]:
    """Return watch.json."""
    return {
        "alike": result.alike,
        "level": LEVEL,
        "images": {"new": result.new, "reference": result.reference, "unread": len(unread)},
        "tests": {
            name: test._asdict()
            | {"clear": name in result.clear}
            | (
                dict(zip(("reference_median", "new_median"), result.medians[name], strict=True))
                if name in result.medians
                else {}
            )
            for name, test in result.tests.items()
        },
        "flagged": result.flagged,
        "flagged_means": witness.flag,
        "predictions": result.answers,
        "weights": files.sha256(witness.model / "weights.pt"),
    }


def _sizes(root: Path) -> pd.DataFrame | None:
    """Return the sizes of the original images, which `data attributes` records beside a store; None without it."""
    path = root.parent / "attributes" / "attributes.parquet"
    return pd.read_parquet(path, columns=["id", *samples.SIZES]) if path.is_file() else None


def _write_rows(
    path: Path, new: Sample, unread: list[Unread], odd: np.ndarray, order: np.ndarray, witness: Observer
) -> None:
    values = new.seen.scores | new.attributes
    numeric: table.Columns = dict.fromkeys(values, "number")
    columns: table.Columns = {
        "file": "text",
        "oddness": "number",
        "predictions": "names",
        "flagged": "flag",
        **numeric,
        "note": "text",
    }
    rows: list[list[Any]] = []
    for row in order:
        flagged = None if new.seen.flagged is None else new.seen.flagged[row]
        numbers = [float(each[row]) for each in values.values()]
        rows.append([new.names[row], float(odd[row]), page.answers(new, row, witness), flagged, *numbers, ""])
    rows += [[one.file, *[None] * (len(columns) - 2), one.reason] for one in unread]
    table.write(path, columns, rows, total=len(rows))
