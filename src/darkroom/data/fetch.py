"""The stage `data fetch`: bring a source's images here, or write down what was seen where they are."""

from __future__ import annotations

from pathlib import Path

from darkroom import files, registry
from darkroom.data.config import FetchSpec
from darkroom.data.item import Source
from darkroom.log import Log


def run(spec: FetchSpec, *, out: Path, log: Log) -> None:
    """Fill `out` from the source.

    Archives are unpacked and downloads kept here; a local folder or file is read in place later, and only the names and
    sha256 of its files are written down. Raises ValueError or OSError naming the config key that is wrong.
    """
    source: Source = registry.build(spec.source)
    with files.folder(out) as fresh:
        source.fetch(fresh)
        files.write_json(fresh / "source.json", spec.source.model_dump(mode="json"))
    log({"data/files": len(files.read_manifest(out))})
