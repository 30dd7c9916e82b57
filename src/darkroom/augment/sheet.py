"""The job `augment sheet`: draw a policy's contact sheet, training images next to their transformed copies."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import files, sheets
from darkroom.augment.config import SheetSpec
from darkroom.data.store import Store, open_store
from darkroom.log import Log

ORIGINALS, COPIES = 10, 8
"""Maximum number of training images on a sheet, and of copies of each."""


def run(spec: SheetSpec, *, data: Path, copies: Path, out: Path, log: Log) -> None:  # noqa: ARG001 - as every stage
    """Draw contact_sheet.png from the store at `data` and the store of its copies at `copies`."""
    with files.folder(out) as fresh:
        sheets.save_image(contact_sheet(open_store(data), open_store(copies)), fresh / "contact_sheet.png")
    log({})


def contact_sheet(store: Store, copies: Store) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3) with one row per image, classes alternating, and its copies on the right."""
    number = {id_: row for row, id_ in enumerate(store.items["id"].tolist())}
    origins = copies.items["parent"].map(number).to_numpy()
    parents = np.unique(origins)
    labels = pd.Series(store.labels[parents])
    turn = labels.groupby(labels).cumcount()
    chosen = np.lexsort((labels, turn))[:ORIGINALS]
    chosen = parents[chosen[np.argsort(labels.to_numpy()[chosen], kind="stable")]]
    columns = min(COPIES, int(copies.items["copy"].max()) + 1)
    blank = np.full(copies.samples.shape[1:], 255, np.uint8)
    variants = []
    for parent in chosen:
        made = [copies.samples[row] for row in np.flatnonzero(origins == parent)[:columns]]
        variants += [*made, *[blank] * (columns - len(made))]
    left = sheets.tile(store.samples[chosen], columns=1)
    right = sheets.tile(np.stack(variants), columns=columns)
    gap = np.full((len(left), 12, 3), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)
