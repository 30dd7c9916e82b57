"""The stage `data fetch`: download or unpack a source's images, or record which local files are read in place."""

from __future__ import annotations

from pathlib import Path

from darkroom import files, registry
from darkroom.data.config import FetchSpec
from darkroom.data.item import Source
from darkroom.log import Log


def run(spec: FetchSpec, *, out: Path, log: Log) -> None:
    """Fill `out` from the source.

    Archives are unpacked and downloads stored here. Local folders and files are read in place later; only the names and
    sha256 of their files are recorded. Raises ValueError or OSError naming the config key to change.
    """
    source: Source = registry.build(spec.source)
    with files.folder(out) as fresh:
        source.fetch(fresh)
        files.write_json(fresh / "source.json", spec.source.model_dump(mode="json"))
    log({"data/files": len(files.read_manifest(out))})
