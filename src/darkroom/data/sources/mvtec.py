"""Anomaly sets laid out like MVTec AD: good images to train on, defects to find, and masks of where they are."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import Field

from darkroom.data import place
from darkroom.data.item import SPLIT_NAMES, Contents, Item, Unused, class_name, ordered, readable
from darkroom.registry import register

NORMAL = "good"
MASKS = "ground_truth"


@register("source", "mvtec")
class Mvtec:
    """train/good, test/good and test/DEFECT with images, ground_truth/DEFECT with masks named like the image + _mask.

    One object of such a collection at a time. Validation images come from validation/good where that is there, else
    from train/good. A defect image without a mask stays, with a warning.
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
        """The images sorted by path; class `good` first. Raises ValueError when the layout is another."""
        listing = place.listing(raw, self.path).descend(stop=(*SPLIT_NAMES, MASKS))
        tops = sorted({name.split("/")[0] for name in listing.folders})
        if "train" not in tops or "test" not in tops:
            found = ", ".join(readable(top) for top in tops[:20]) or "no folders"
            raise ValueError(
                f"data.source.path: {self.path}: expected the folders train, test and {MASKS}, found {found}. "
                "Point the path at the folder of one object"
            )
        masks: dict[tuple[str, str], str] = {}
        items: list[Item] = []
        unused = list(listing.unused)
        without: list[str] = []
        for name in listing.names:
            top, *rest = name.split("/")
            if top == MASKS and len(rest) == 2 and _key(name) not in masks:
                masks[_key(name)] = name  # sorted before test
                continue
            shown, split = readable(name), SPLIT_NAMES.get(top.lower())
            if split is None or len(rest) < 2:
                unused.append(Unused(shown, f"not in train/{NORMAL}, test/CLASS or {MASKS}/CLASS"))
                continue
            mask = masks.pop(_key(name), None) if split == "test" and len(rest) == 2 else None
            if mask is None and rest[0] != NORMAL:
                without.append(shown)
            items.append(
                Item(
                    id=shown,
                    image=listing.path(name),
                    label=class_name(rest[0]),
                    split=split,
                    mask=listing.path(mask) if mask else None,
                    origin=shown,
                    mask_origin=readable(mask or ""),
                )
            )
        unused += [Unused(readable(name), "a mask of no image") for name in masks.values()]
        folders = [name.split("/") for name in listing.folders]
        classes = {class_name(parts[1]) for parts in folders if len(parts) == 2 and parts[0].lower() in SPLIT_NAMES}
        names = tuple(sorted(ordered(classes), key=lambda name: name != NORMAL))
        trained = {item.label for item in items if item.split != "test"}
        only_test = frozenset(name for name in names if name not in trained)
        return Contents(items, names, tuple(unused), _missing(without), only_test)


def _key(name: str) -> tuple[str, str]:
    """What an image and its mask have in common: the defect's folder and the name without ending and `_mask`."""
    path = PurePosixPath(name)
    return path.parent.name, path.stem.removesuffix("_mask")


def _missing(names: list[str]) -> tuple[str, ...]:
    if not names:
        return ()
    examples = ", ".join(names[:3])
    return (f"defect images without a mask: {len(names)}, such as {examples}",)
