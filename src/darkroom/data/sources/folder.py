"""Images in a folder for each class."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from darkroom.data import place
from darkroom.data.item import SPLIT_NAMES, Contents, Item, Unused, class_name, ordered, readable
from darkroom.data.place import Listing
from darkroom.registry import register

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".jp2", ".avif")


@register("source", "folder")
class Folder:
    """A folder of class folders, or of train, val and test folders with class folders in them.

    Folders train (or training), val (valid, validation, dev) and test (testing) at the top are taken as given splits
    when no other folder there holds files. Images deeper in a class folder belong to that class. Hidden files are
    passed over; all else that is no image is listed.
    """

    def __init__(
        self,
        *,
        path: Annotated[str, Field(description="the folder, or a zip or tar of it: a local path or a URL")],
        sha256: Annotated[
            str | None, Field(pattern="^[0-9a-fA-F]{64}$", description="of the archive, checked before it is unpacked")
        ] = None,
    ) -> None:
        self.path, self.sha256 = path, sha256

    def fetch(self, raw: Path) -> None:
        """Unpack the archive, or list the files of the folder."""
        place.bring(raw, self.path, self.sha256)

    def contents(self, raw: Path) -> Contents:
        """An item for every file in a class folder, sorted by its path."""
        listing = _entered(place.listing(raw, self.path))
        depth = 1 if _has_splits(listing) else 0
        items: list[Item] = []
        unused = list(listing.unused)
        for name in listing.names:
            parts = name.split("/")
            split = SPLIT_NAMES.get(parts[0].lower()) if depth else None
            if len(parts) < depth + 2 or (depth and split is None):
                unused.append(Unused(readable(name), "not in a class folder"))
                continue
            shown = readable(name)
            items.append(
                Item(id=shown, image=listing.path(name), label=class_name(parts[depth]), split=split, origin=shown)
            )
        folders = (name.split("/") for name in listing.folders)
        classes = [class_name(parts[depth]) for parts in folders if len(parts) == depth + 1]
        known = {item.label for item in items if item.label is not None}
        return Contents(items, ordered((*known, *classes)), tuple(unused))


def _entered(listing: Listing) -> Listing:
    """Below a folder that stands alone at the top and holds class folders, as archives are often packed."""
    tops = [name for name in listing.folders if "/" not in name]
    if len(tops) != 1 or tops[0].lower() in SPLIT_NAMES:
        return listing
    inside = [name.removeprefix(f"{tops[0]}/") for name in listing.names if name.startswith(f"{tops[0]}/")]
    has_images = any("/" not in name and name.lower().endswith(IMAGE_ENDINGS) for name in inside)
    has_folders = any("/" in name for name in inside)
    return _entered(listing.below(tops[0])) if has_folders and not has_images else listing


def _has_splits(listing: Listing) -> bool:
    """Whether all folders at the top that hold files are named like splits, and one holds folders with files."""
    holding = {name.split("/")[0].lower() for name in listing.names if "/" in name}
    return bool(holding) and holding <= SPLIT_NAMES.keys() and any(name.count("/") >= 2 for name in listing.names)
