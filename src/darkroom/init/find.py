"""Find the source plug-in that reads a path, and list its images.

A table beats the folders around it, and folders beat arrays. Nothing is decoded here; archives are unpacked into a temporary
folder.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from darkroom import registry
from darkroom.data import archives, decode, place
from darkroom.data.item import Contents, Item, Unused
from darkroom.data.layouts import IMAGE_ENDINGS
from darkroom.data.target_columns import TABLES
from darkroom.init import identify

ARRAYS = (".npz",)
HEADERS = 10_000
"""Up to this many files have their header read; in larger sets only the sampled images are opened."""
PREFIX = "data.source.path: "
"""How errors of sources start."""


@dataclass(frozen=True)
class Found:
    """A source and what it holds."""

    source: dict[str, Any]
    """The config's `data.source`."""
    contents: Contents
    """The samples; files without an image's header are in `unused`."""
    remarks: tuple[str, ...] = ()
    """Why another reading was rejected."""


@contextlib.contextmanager
def opened(path: str) -> Iterator[Found]:
    """Yield what a folder, archive, table or .npz file holds; its samples can be read inside the block.

    Raises ValueError if there is nothing that a source reads, or if the layout is ambiguous.
    """
    if "://" in path:
        raise ValueError(f"{path} is a URL; download it and pass the file")
    with _naming_no_key():
        local = place.existing(path)
    plain = (*TABLES, *identify.TABLES, *ARRAYS)
    if local.is_file() and not local.name.lower().endswith(plain) and archives.kind(local) is None:
        raise ValueError(
            f"{path} is neither a folder nor a zip or tar archive, a table ({', '.join(identify.TABLES)}) or arrays (.npz)"
        )
    with tempfile.TemporaryDirectory(prefix="darkroom-init-") as temporary:
        raw = Path(temporary)
        with _naming_no_key():
            if local.is_file() and not local.name.lower().endswith(plain):
                place.bring(raw, path, None)
            other = identify.source(path, raw)
            found = _without_other_files(_read(path, raw), path) if other is None else _source(raw=raw, **other)
        yield found


@contextlib.contextmanager
def _naming_no_key() -> Iterator[None]:
    """Raise errors of sources without the config key, since there is no config yet."""
    try:
        yield
    except ValueError as error:
        raise ValueError(str(error).removeprefix(PREFIX)) from None


def _read(path: str, raw: Path) -> Found:
    """Read a path with the first source that fits."""
    listing = place.listing(raw, path)
    names = [name.lower() for name in listing.names]
    tables = [name for name in listing.names if name.lower().endswith(TABLES)]
    images = any(name.endswith(IMAGE_ENDINGS) for name in names)
    remarks: tuple[str, ...] = ()
    if len(tables) == 1:
        alone = len(listing.names) == 1
        inside = (raw / place.KEPT).is_dir() or alone
        try:
            found = _source("manifest", path if inside else (Path(path) / tables[0]).as_posix(), raw)
            there = sum(isinstance(item.image, Path) and item.image.exists() for item in found.contents.items)
            if alone or 2 * there >= len(found.contents.items) > 0:
                return found
            remarks = (f"{tables[0]} is not used: {there} of the {len(found.contents.items)} images it names exist",)
        except ValueError as error:
            if alone:
                raise
            remarks = (f"{tables[0]} is not used: {str(error).removeprefix(PREFIX)}",)
    if not images and any(name.endswith(ARRAYS) for name in names):
        return _source("npz", path, raw)
    if not images and any("-ubyte" in name for name in names):
        return _source("idx", path, raw)
    return replace(_source("folder", path, raw), remarks=remarks)


def _source(name: str, path: str, raw: Path, **more: Any) -> Found:
    options = {"name": name, "path": path, **more}
    return Found(options, registry.build(registry.options("source", name).model_validate(options)).contents(raw))


def _without_other_files(found: Found, path: str) -> Found:
    """Move what has no image's header from the items to the unused files. Raises ValueError if nothing is left."""
    contents = found.contents
    check = len(contents.items) <= HEADERS
    good: list[Item] = []
    other: list[Unused] = []
    for item in contents.items:
        name = item.image.name.lower() if isinstance(item.image, Path) else ""
        named = name.endswith(IMAGE_ENDINGS)
        if not isinstance(item.image, Path) or (named and not check) or decode.head(item.image).format:
            good.append(item)
        else:
            other.append(Unused(item.origin, "cannot be opened as an image" if named else decode.NO_IMAGE))
    if not good:
        raise ValueError(_nothing([*contents.unused, *other], path))
    return replace(found, contents=replace(contents, items=good, unused=(*contents.unused, *other)))


def _nothing(unused: Sequence[Unused], path: str) -> str:
    if not unused:
        return f"{path} holds no files"
    kinds = sorted({Path(origin).suffix.lower() or "no extension" for origin, _ in unused})
    origin, reason = unused[0]
    return f"{path}: none of its {len(unused):,} files is an image ({', '.join(kinds[:5])}); {origin}: {reason}"
