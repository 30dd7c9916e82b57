"""Recordings in folders, or listed in a table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field

from darkroom.data import layouts, place
from darkroom.data.file_names import Template
from darkroom.data.item import Contents, Item, Unused, class_name, ordered, readable
from darkroom.data.options import Align, Channel, Columns, FileNames, Labels, Rate, Seconds
from darkroom.data.place import Listing
from darkroom.data.readers.audio import AudioReader
from darkroom.data.sound import ENDINGS
from darkroom.data.sources.manifest import Manifest
from darkroom.registry import register
from darkroom.settings import Sha256


@register("source", "audio_folder")
class AudioFolder:
    """A folder of wav, flac, ogg or mp3 files in class folders, on its own or below split folders such as train and test.

    `names` reads labels and groups, such as speakers, from the file names. Recordings of one group stay in one split.
    """

    KIND = "audio"

    def __init__(
        self,
        *,
        path: Annotated[str, Field(description="the folder, or a zip or tar of it: a local path or a URL")],
        sha256: Annotated[Sha256 | None, Field(description="of the archive, checked before unpacking")] = None,
        layout: Annotated[
            Literal["auto", "classes"],
            Field(description="`auto` recognizes usual layouts; `classes` reads each top folder as a class"),
        ] = "auto",
        names: Annotated[
            FileNames | None,
            Field(
                description="what the file names say, without extension: `{label}_{group}_{}` reads 7_theo_3 as the label 7 "
                "and the group theo"
            ),
        ] = None,
        rate: Rate = None,
        seconds: Seconds = None,
        align: Align = "center",
        channel: Channel = "mix",
    ) -> None:
        self.path, self.sha256, self.layout = path, sha256, layout
        self.names = None if names is None else Template(names)
        self._reader = AudioReader(rate=rate, seconds=seconds, align=align, channel=channel)

    def fetch(self, raw: Path) -> None:
        """Unpack the archive, or list the files of the folder."""
        place.bring(raw, self.path, self.sha256)

    def contents(self, raw: Path) -> Contents:
        """Return one item per sound file, sorted by path. Raises ValueError for an ambiguous layout."""
        listing = _sounds(place.listing(raw, self.path))
        if self.names is not None and "label" in self.names.fields:
            found = _flat(listing)
        elif self.layout == "classes":
            found = layouts.class_folders(listing)
        else:
            found = layouts.recognize(listing, self.path)
        return found if self.names is None else _named(found, self.names)

    def reader(self) -> AudioReader:
        """Return what decodes the recordings."""
        return self._reader


@register("source", "audio_table")
class AudioTable(Manifest):
    """A table (CSV, TSV, parquet) with one row per recording: the columns path and label, optionally split and group.

    As in `manifest`, path is relative to `root` or to the table's folder, and `labels` or `numbers` name columns to predict in
    place of label.
    """

    KIND = "audio"

    def __init__(
        self,
        *,
        path: Annotated[
            str, Field(description="the table, or a zip or tar with table and recordings: local path or URL")
        ],
        sha256: Annotated[Sha256 | None, Field(description="of the table or archive, checked first")] = None,
        root: Annotated[
            str | None,
            Field(description="local folder that the table's paths are relative to; default: the table's own"),
        ] = None,
        labels: Annotated[
            Labels | None,
            Field(
                description="to predict several labels per recording: columns of 0 and 1, one per label, or the `column` that "
                "lists the labels, and its `separator`"
            ),
        ] = None,
        numbers: Annotated[
            Columns | None, Field(description="to predict numbers: the columns that hold them, one output for each")
        ] = None,
        rate: Rate = None,
        seconds: Seconds = None,
        align: Align = "center",
        channel: Channel = "mix",
    ) -> None:
        super().__init__(path=path, sha256=sha256, root=root, labels=labels, numbers=numbers)
        self._reader = AudioReader(rate=rate, seconds=seconds, align=align, channel=channel)

    def reader(self) -> AudioReader:
        """Return what decodes the recordings."""
        return self._reader


def _sounds(listing: Listing) -> Listing:
    """Return the listing without files that have no sound file's extension, which are listed as unused."""
    named = tuple(name for name in listing.names if name.lower().endswith(ENDINGS))
    if not named:
        return listing  # the reader says of each file what is wrong with it
    others = (Unused(readable(name), "no sound file") for name in listing.names if name not in set(named))
    return replace(listing, names=named, unused=(*listing.unused, *others))


def _flat(listing: Listing) -> Contents:
    """Return every file as an item without a label."""
    items = [Item(id=readable(name), image=listing.path(name), origin=readable(name)) for name in listing.names]
    return Contents(items, (), listing.unused)


def _named(found: Contents, names: Template) -> Contents:
    """Take labels and groups from the file names; files that do not match are listed as unused."""
    items, unused = [], list(found.unused)
    for item in found.items:
        fields = names.read(PurePosixPath(item.origin).stem)
        if fields is None:
            unused.append(Unused(item.origin, f"its name does not match {names.text}"))
            continue
        label = class_name(fields["label"]) if "label" in fields else item.label
        items.append(replace(item, label=label, group=fields.get("group")))
    if found.items and not items:
        raise ValueError(
            f"data.source.names: no file name matches {names.text}; the first is {PurePosixPath(found.items[0].origin).stem}"
        )
    left = len(unused) - len(found.unused)
    warned = (f"files whose name does not match {names.text}, listed in excluded.csv: {left}",) if left else ()
    classes = ordered(item.label for item in items if item.label is not None)
    return replace(found, items=items, classes=classes, unused=tuple(unused), warnings=(*found.warnings, *warned))
