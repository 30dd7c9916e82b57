"""Images in class folders, with or without given splits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from darkroom.data import layouts, place
from darkroom.data.item import Contents
from darkroom.registry import register
from darkroom.settings import Sha256


@register("source", "folder")
class Folder:
    """A folder of class folders, on its own or below split folders such as train, val and test.

    A folder `unlabeled` beside them holds images without labels, to train on.
    Also recognized: labels in file names (train/cat.0.jpg), images/ beside masks/, MVTec AD. The data card reports the
    recognized layout and what was ignored. Images deeper in a class folder belong to that class. Hidden files are
    skipped; anything else that is not an image is listed.
    """

    def __init__(
        self,
        *,
        path: Annotated[str, Field(description="the folder, or a zip or tar of it: a local path or a URL")],
        sha256: Annotated[Sha256 | None, Field(description="of the archive, checked before unpacking")] = None,
        layout: Annotated[
            Literal["auto", "classes"],
            Field(description="`auto` recognizes usual layouts; `classes` reads each top folder as a class"),
        ] = "auto",
    ) -> None:
        self.path, self.sha256, self.layout = path, sha256, layout

    def fetch(self, raw: Path) -> None:
        """Unpack the archive, or list the files of the folder."""
        place.bring(raw, self.path, self.sha256)

    def contents(self, raw: Path) -> Contents:
        """Return one item per file in a class folder, sorted by path. Raises ValueError for an ambiguous layout."""
        listing = place.listing(raw, self.path)
        return layouts.class_folders(listing) if self.layout == "classes" else layouts.recognize(listing, self.path)
