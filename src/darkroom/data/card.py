"""The stage `data card`: draw the pictures of a prepared data set. Its numbers are in the store's card.json."""

from __future__ import annotations

from pathlib import Path

from darkroom import files
from darkroom.data import pictures
from darkroom.data.config import CardSpec
from darkroom.data.store import open_store
from darkroom.log import Log


def run(spec: CardSpec, *, data: Path, out: Path, log: Log) -> None:  # noqa: ARG001 - as every stage
    """Draw class counts, mean images, examples and near-duplicates of the store at `data`."""
    store = open_store(data)
    with files.folder(out) as fresh:
        pictures.draw(fresh, files.read_json(data / "card.json"), store)
    log({})
