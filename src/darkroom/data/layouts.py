"""Recognize how a folder of images is organized: class folders, given splits, images beside masks, anomaly sets.

`recognize` reads file and folder names only. It knows these layouts, in this order of precedence:

    train/good test/good test/DEFECT ground_truth/DEFECT    an anomaly set, as MVTec AD
    images/... masks/...                                    masks named like their images; inside, any layout below
    train/CLASS val/CLASS test/CLASS                        given splits; also seg_train/seg_train/CLASS, train/images/...
    train/cat.0.jpg test/dog.1.jpg                          given splits, labels in the file names
    CLASS/train CLASS/test                                  given splits inside class folders
    CLASS/...                                               class folders
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from darkroom.data.item import SPLIT_NAMES, Contents, Item, Unused, class_name, ordered, readable
from darkroom.data.place import Listing

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".jp2", ".avif")
IMAGES = {"images", "image", "imgs", "img", "jpegimages"}
MASKS = {"masks", "mask", "ground_truth", "segmentation", "segmentations", "segmentationclass"}
NORMAL, GROUND_TRUTH = "good", "ground_truth"
NUMBERED = re.compile(r"([^\W\d_]+(?:[ _-][^\W\d_]+)*)[ ._-]*\(?\d+\)?")
"""A file name that starts with its label: cat.0, great_dane_12, dog (3)."""


@dataclass(frozen=True)
class _Part:
    """A folder that is read in one way: `prefix` is its path with a `/` at the end, or empty."""

    prefix: str
    split: str | None = None
    label: str | None = None
    """The label of everything inside; None if folders or file names inside give it."""
    masks: str | None = None
    """The prefix of its images' masks."""


def recognize(listing: Listing, path: str) -> Contents:
    """Return the images of a folder, with the layout and what was left aside in `notes` and `unused`.

    `path` is the config's, for errors. Raises ValueError where a folder may be a class or a split.
    """
    before = len(listing.unused)
    listing = _entered(listing)
    images = _images(listing.names)
    tops, _ = _level(images, "")
    if _is_anomaly_set(tops, images):
        return anomaly_set(listing)
    base, masks = _container(tops)
    parts = [_opened(part, images) for part in _parts(images, _Part(base, masks=masks), path)]
    levels = [_level(images, part.prefix) for part in parts]
    flat = not any(folders for folders, _ in levels) and parts[0].label is None
    named = _labels_in_names(parts, images) if flat else {}
    flat = flat and (bool(named) or any(part.split or part.masks for part in parts))
    again = [f"{base}{top}/" for top in _again(images, base)] if parts[0].split is None else []
    found = _assign(listing, parts, again, named=named, flat=flat)
    words = _in_words(parts, flat=flat, named=bool(named))
    notes = [*_about_layout(words, found.unused[before:]), *_about_skipped(listing.skipped)]
    warnings = [
        f"the images have no labels: no class folders inside {_listed(part.prefix.strip('/') for part in parts)}, and no "
        "labels in the file names; with labels in a table, use the source manifest; if these folders are the classes, set "
        "data.source.layout: classes"
    ]
    return replace(found, notes=tuple(notes), warnings=tuple(warnings) if flat and not named else ())


def class_folders(listing: Listing) -> Contents:
    """Read every folder at the top as a class, whatever its name."""
    listing = _entered(listing)
    found = _assign(listing, [_Part("")], [], named={}, flat=False)
    return replace(found, notes=tuple(_about_skipped(listing.skipped)))


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
        *_about_layout("an anomaly set, as MVTec AD", unused),
        *(["no masks: where the defects are is unknown"] if missing and not some else []),
        *_about_skipped(listing.skipped),
    ]
    warnings = missing if some else []
    return Contents(items, names, tuple(unused), tuple(warnings), tuple(notes), only_test)


def _entered(listing: Listing) -> Listing:
    """Enter a folder that alone holds images in folders, or alone holds given splits, as archives are often packed."""
    images = _images(listing.names)
    tops, loose = _level(images, "")
    if loose or any(split_name(top) for top in tops):
        return listing
    inside = {top: _level(images, f"{top}/") for top in tops}
    if len(tops) > 1:
        tops = [top for top, (folders, _) in inside.items() if len({split_name(name) for name in folders} - {None}) > 1]
    if len(tops) != 1 or inside[tops[0]][1] or not inside[tops[0]][0]:
        return listing
    return _entered(listing.below(tops[0]))


def split_name(folder: str) -> str | None:
    """Return the split that a folder's name stands for: train, Validation, seg_test, test1, val2017, training_set."""
    words = [re.sub(r"\d+$|set$", "", word) for word in re.split(r"[^a-z0-9]+", folder.lower())]
    found = [SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES]
    return found[0] if len(found) == 1 else None


def _images(names: Sequence[str]) -> list[str]:
    """Return the names with an image's extension, or all if none has one."""
    return [name for name in names if name.lower().endswith(IMAGE_ENDINGS)] or list(names)


def _level(images: Iterable[str], prefix: str) -> tuple[list[str], bool]:
    """Return the folders below `prefix` that hold images, and whether it holds images itself."""
    inside = [name[len(prefix) :] for name in images if name.startswith(prefix)]
    return sorted({name.partition("/")[0] for name in inside if "/" in name}), any("/" not in name for name in inside)


def _is_anomaly_set(tops: Collection[str], images: Sequence[str]) -> bool:
    if not {"train", "test"} <= set(tops):
        return False
    trained, tested = _level(images, "train/")[0], _level(images, "test/")[0]
    return trained == [NORMAL] and bool(tested) and (GROUND_TRUTH in tops or tested != [NORMAL])


def _container(tops: Sequence[str], prefix: str = "") -> tuple[str, str | None]:
    """Return the prefixes of the images and of their masks where folders are named for them, else `prefix` and None."""
    images = [top for top in tops if top.lower() in IMAGES]
    masks = [top for top in tops if top.lower() in MASKS]
    if len(images) != 1:
        return prefix, None
    return f"{prefix}{images[0]}/", f"{prefix}{masks[0]}/" if masks else None


def _parts(images: Sequence[str], whole: _Part, path: str) -> list[_Part]:
    """Return the splits that the folders below a prefix stand for, or the whole as it is."""
    base = whole.prefix
    tops, _ = _level(images, base)
    splits = {top: split for top in tops if (split := split_name(top))}
    exact = {top for top in splits if top.lower() in SPLIT_NAMES}
    nested = {top for top in splits if _level(images, f"{base}{top}/")[0]}
    others = [top for top in tops if top not in splits and not set(_level(images, f"{base}{top}/")[0]) & splits.keys()]
    if (exact or nested) and (len(set(splits.values())) > 1 or not others):
        return [replace(whole, prefix=f"{base}{top}/", split=split) for top, split in splits.items()]
    if exact:
        raise ValueError(
            f"data.source.path: {path}: {_listed(sorted(exact))} is named like a split but is beside {_listed(others)}; set "
            "data.source.layout: classes if each of these folders is a class, or else move the others away"
        )
    inside = {top: _level(images, f"{base}{top}/") for top in tops}
    below = {name for folders, _ in inside.values() for name in folders}
    if {SPLIT_NAMES.get(name.lower()) for name in below} >= {"train", "test"} and all(
        not loose and all(name.lower() in SPLIT_NAMES for name in folders) for folders, loose in inside.values()
    ):
        return [
            replace(whole, prefix=f"{base}{top}/{name}/", split=SPLIT_NAMES[name.lower()], label=class_name(top))
            for top, (folders, _) in inside.items()
            for name in folders
        ]
    return [whole]


def _opened(part: _Part, images: Sequence[str]) -> _Part:
    """Enter a split folder that is packed in itself, as seg_train/seg_train, or holds its images beside their masks."""
    if part.split is None or part.label is not None:
        return part
    tops, loose = _level(images, part.prefix)
    if len(tops) == 1 and not loose and (split_name(tops[0]) == part.split):
        return _opened(replace(part, prefix=f"{part.prefix}{tops[0]}/"), images)
    if not loose and tops and {top.lower() for top in tops} <= IMAGES | MASKS:
        inner, masks = _container(tops, part.prefix)
        return replace(part, prefix=inner, masks=masks)
    masks = f"{part.masks}{part.prefix.rstrip('/').rpartition('/')[2]}/" if part.masks else None
    return replace(part, masks=masks)


def _again(images: Sequence[str], base: str) -> list[str]:
    """Return the folders among class folders that hold the same class folders once more."""
    tops, _ = _level(images, base)
    inside = {top: _level(images, f"{base}{top}/") for top in tops}
    return [top for top, (folders, loose) in inside.items() if not loose and len(set(folders) & set(tops)) > 1]


def _labels_in_names(parts: Sequence[_Part], images: Sequence[str]) -> dict[str, str]:
    """Return the label at the start of each image's name, if all training images have one and labels repeat."""
    found: dict[str, str] = {}
    training = [part for part in parts if part.split == "train"] or parts
    for name in images:
        if any(name.startswith(part.prefix) for part in parts):
            match = NUMBERED.fullmatch(PurePosixPath(name).stem)
            if match:
                found[name] = class_name(match[1])
            elif any(name.startswith(part.prefix) for part in training):
                return {}
    trained = Counter(label for name, label in found.items() if any(name.startswith(part.prefix) for part in training))
    if len(trained) < 2 or min(trained.values()) < 2:
        return {}
    return {name: label for name, label in found.items() if label in trained}


def _assign(
    listing: Listing, parts: Sequence[_Part], again: Sequence[str], *, named: dict[str, str], flat: bool
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
        if label is None and not (flat and not slash):
            unused.append(Unused(readable(name), "not in a class folder"))
            continue
        mask = masks.pop((within.masks, *_mask_key(rest)), None) if within.masks else None
        items.append(_item(listing, name, label=label, split=within.split, mask=mask))
    unused += [Unused(readable(name), "a mask of no image") for name in masks.values()]
    folders = {
        class_name(name[len(part.prefix) :])
        for name in listing.folders
        for part in [_part_of(name, by_prefix)]
        if part and not part.label and "/" not in name[len(part.prefix) :]
    }
    skipped = {class_name(prefix.rstrip("/").rpartition("/")[2]) for prefix in again}
    known = {item.label for item in items if item.label is not None}
    return Contents(items, ordered(known if flat else known | (folders - skipped)), tuple(unused))


def _part_of(name: str, parts: dict[str, _Part]) -> _Part | None:
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


def _in_words(parts: Sequence[_Part], *, flat: bool, named: bool) -> str:
    """The layout for the card; empty for plain class folders."""
    words = []
    if parts[0].label is not None:
        words.append("given splits inside class folders")
    elif parts[0].split is not None:
        words.append("given splits in " + ", ".join(f"{part.prefix.rstrip('/')} ({part.split})" for part in parts))
    if any(part.masks for part in parts):
        words.append("masks beside images")
    if flat:
        words.append("labels in the file names" if named else "images without labels")
    return "; ".join(words)


def _about_layout(words: str, aside: Sequence[Unused]) -> list[str]:
    tops = Counter(unused.origin.partition("/")[0] if "/" in unused.origin else unused.origin for unused in aside)
    left = _listed(f"{name} ({count} files)" if count > 1 else name for name, count in sorted(tops.items()))
    return ([f"recognized: {words}"] if words else []) + ([f"left aside: {left}"] if left else [])


def _about_skipped(folders: Sequence[str]) -> list[str]:
    names = Counter(PurePosixPath(folder).name for folder in folders)
    if not names:
        return []
    return [f"skipped folders of systems and file managers: {_listed(f'{n} ({c})' for n, c in sorted(names.items()))}"]


def _listed(names: Iterable[str], limit: int = 5) -> str:
    shown = list(names)
    return ", ".join(shown[:limit]) + (f" and {len(shown) - limit} more" if len(shown) > limit else "")
