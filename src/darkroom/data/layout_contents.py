"""Turn a recognized layout into a source's contents: an item for every image, and everything else as unused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from darkroom.data.item import SPLIT_NAMES, Contents, Item, Unused, class_name, ordered, readable
from darkroom.data.place import Listing

NORMAL, GROUND_TRUTH = "good", "ground_truth"
NO_CLASS = "not in a class folder"
"""Why a loose image is not used."""


@dataclass(frozen=True)
class Part:
    """A folder that is read in one way: `prefix` is its path with a `/` at the end, or empty."""

    prefix: str
    split: str | None = None
    label: str | None = None
    """The label of everything inside; None if folders or file names inside give it."""
    masks: str | None = None
    """The prefix of its images' masks."""
    unlabeled: bool = False
    """Nothing inside has a label, whatever the folders and file names inside."""


def assign(
    listing: Listing, parts: Sequence[Part], again: Sequence[str], *, named: dict[str, str], flat: bool
) -> Contents:
    """Return an item for every file inside a part, and what is outside as unused. `flat` parts have no class folders."""
    by_prefix = {part.prefix: part for part in parts}
    masks: dict[tuple[str, str, str], str] = {}
    for part in parts:
        for name in listing.names if part.masks else ():
            if name.startswith(str(part.masks)):
                masks.setdefault((str(part.masks), *_mask_key(name[len(str(part.masks)) :])), name)
    are_masks = set(masks.values())
    items: list[Item] = []
    unused = list(listing.unused)
    for name in listing.names:
        if name.startswith(tuple(again)):
            unused.append(Unused(readable(name), "in a folder that holds the class folders once more"))
            continue
        within = _part_of(name, by_prefix)
        if within is None:
            if name not in are_masks:
                unused.append(Unused(readable(name), "outside of the folders that are read"))
            continue
        rest = name[len(within.prefix) :]
        top, slash, _ = rest.partition("/")
        label = within.label or (class_name(top) if slash and not flat else named.get(name))
        if within.unlabeled:
            label = None
        elif label is None and not (flat and not slash):
            unused.append(Unused(readable(name), NO_CLASS))
            continue
        mask = masks.pop((within.masks, *_mask_key(rest)), None) if within.masks else None
        found = _item(listing, name, label=label, split=within.split, mask=mask)
        items.append(replace(found, pinned=True) if within.unlabeled and within.split else found)
    unused += [Unused(readable(name), "a mask of no image") for name in masks.values()]
    folders = {
        class_name(name[len(part.prefix) :])
        for name in listing.folders
        for part in [_part_of(name, by_prefix)]
        if part and not part.label and not part.unlabeled and "/" not in name[len(part.prefix) :]
        if f"{name}/" not in by_prefix
    }
    skipped = {class_name(prefix.rstrip("/").rpartition("/")[2]) for prefix in again}
    known = {item.label for item in items if item.label is not None}
    return Contents(items, ordered(known if flat else known | (folders - skipped)), tuple(unused))


def anomaly_set(listing: Listing) -> Contents:
    """Read train/good, test/good, test/DEFECT and ground_truth/DEFECT; class `good` comes first."""
    masks: dict[tuple[str, str], str] = {}
    items: list[Item] = []
    unused = list(listing.unused)
    for name in listing.names:
        top, *rest = name.split("/")
        if top == GROUND_TRUTH and len(rest) == 2 and _mask_key(name) not in masks:
            masks[_mask_key(name)] = name  # sorted before test
            continue
        shown, split = readable(name), SPLIT_NAMES.get(top.lower())
        if split is None or len(rest) < 2:
            unused.append(Unused(shown, f"not in train/{NORMAL}, test/CLASS or {GROUND_TRUTH}/CLASS"))
            continue
        mask = masks.pop(_mask_key(name), None) if split == "test" and len(rest) == 2 else None
        items.append(_item(listing, name, label=class_name(rest[0]), split=split, mask=mask))
    unused += [Unused(readable(name), "a mask of no image") for name in masks.values()]
    folders = [name.split("/") for name in listing.folders]
    classes = {class_name(parts[1]) for parts in folders if len(parts) == 2 and parts[0].lower() in SPLIT_NAMES}
    names = tuple(sorted(ordered(classes), key=lambda name: name != NORMAL))
    trained = {item.label for item in items if item.split != "test"}
    only_test = frozenset(name for name in names if name not in trained)
    without = [item.id for item in items if item.label in only_test and item.mask is None]
    some = any(item.mask is not None for item in items)
    missing = [f"defect images without a mask: {len(without)}, such as {', '.join(without[:3])}"] if without else []
    notes = [
        *about_layout("an anomaly set, as MVTec AD", unused),
        *(["no masks: where the defects are is unknown"] if missing and not some else []),
        *about_skipped(listing.skipped),
    ]
    warnings = missing if some else []
    return Contents(items, names, tuple(unused), tuple(warnings), tuple(notes), only_test)


def _part_of(name: str, parts: dict[str, Part]) -> Part | None:
    """Return the part with the longest prefix of a name."""
    end = len(name)
    while (end := name.rfind("/", 0, end)) >= 0:
        if part := parts.get(name[: end + 1]):
            return part
    return parts.get("")


def _item(listing: Listing, name: str, *, label: str | None, split: str | None, mask: str | None) -> Item:
    shown = readable(name)
    return Item(
        id=shown,
        image=listing.path(name),
        label=label,
        split=split,
        mask=listing.path(mask) if mask else None,
        origin=shown,
        mask_origin=readable(mask or ""),
    )


def _mask_key(name: str) -> tuple[str, str]:
    """What an image and its mask have in common: the folder, and the name without extension and `_mask`."""
    path = PurePosixPath(name)
    return path.parent.name, path.stem.removesuffix("_mask")


def about_layout(words: str, aside: Sequence[Unused]) -> list[str]:
    """Return the notes on the layout in `words`, empty for plain class folders, and on what was ignored."""
    tops = Counter(unused.origin.partition("/")[0] if "/" in unused.origin else unused.origin for unused in aside)
    left = listed(f"{name} ({count} files)" if count > 1 else name for name, count in sorted(tops.items()))
    return ([f"recognized: {words}"] if words else []) + ([f"ignored: {left}"] if left else [])


def about_skipped(folders: Sequence[str]) -> list[str]:
    """Return the note on skipped folders, if there are any."""
    names = Counter(PurePosixPath(folder).name for folder in folders)
    if not names:
        return []
    return [f"skipped folders of systems and file managers: {listed(f'{n} ({c})' for n, c in sorted(names.items()))}"]


def listed(names: Iterable[str], limit: int = 5) -> str:
    """Join the first names for a sentence."""
    shown = list(names)
    return ", ".join(shown[:limit]) + (f" and {len(shown) - limit} more" if len(shown) > limit else "")
