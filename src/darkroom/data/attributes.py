"""The stage `data attributes`: record what the original files say of themselves, before `prepare` gives all one size.

attributes.parquet has one row per prepared image: id, width and height in pixels, upright; format, camera and bytes of its
file, where there is one; and group, as the source names it. What the source does not know is missing.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pandas as pd

from darkroom import files, registry
from darkroom.data import decode
from darkroom.data.config import AttributesSpec
from darkroom.data.item import Item, Source
from darkroom.data.store import open_store
from darkroom.log import Log

TYPES = {
    "id": "str",
    "width": "Int64",
    "height": "Int64",
    "format": "str",
    "camera": "str",
    "bytes": "Int64",
    "group": "str",
}


def run(spec: AttributesSpec, *, data: Path, raw: Path, out: Path, log: Log) -> None:
    """Record the attributes of the images in `data`, which were prepared from `raw`."""
    source: Source = registry.build(spec.source)
    items = {item.id: item for item in source.contents(raw).items}
    ids = open_store(data).items["id"].tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about odd metadata
        table = pd.DataFrame([_attributes(items[id_]) for id_ in ids], columns=list(TYPES)).astype(TYPES)
    with files.folder(out) as fresh:
        table.to_parquet(fresh / "attributes.parquet", index=False)
    log({"data/formats": table["format"].nunique(), "data/cameras": table["camera"].nunique()})


def _attributes(item: Item) -> dict[str, Any]:
    head = decode.head(item.image)
    size = item.image.stat().st_size if isinstance(item.image, Path) else None
    return {
        "id": item.id,
        "width": head.width,
        "height": head.height,
        "format": head.format,
        "camera": head.camera,
        "bytes": size,
        "group": item.group,
    }
