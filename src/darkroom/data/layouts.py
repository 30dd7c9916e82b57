"""Recognize how a folder of images is organized: class folders, given splits, images beside masks, anomaly sets.

`recognize` reads file and folder names only. It knows these layouts, in this order of precedence:

    train/good test/good test/DEFECT ground_truth/DEFECT    an anomaly set, as MVTec AD
    images/... masks/...                                    masks named like their images; inside, any layout below
    train/CLASS val/CLASS test/CLASS                        given splits; also seg_train/seg_train/CLASS, train/images/...
    train/cat.0.jpg test/dog.1.jpg                          given splits, labels in the file names
    CLASS/train CLASS/test                                  given splits inside class folders
    CLASS/...                                               class folders

A folder `unlabeled` (or `unlabelled`) beside class folders or splits, or inside a split, holds images without labels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from darkroom.data.item import SPLIT_NAMES, Contents, class_name
from darkroom.data.layout_contents import (
    GROUND_TRUTH,
    NORMAL,
    Part,
    about_layout,
    about_skipped,
    anomaly_set,
    assign,
    listed,
)
from darkroom.data.place import Listing

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".jp2", ".avif")
IMAGES = {"images", "image", "imgs", "img", "jpegimages"}
MASKS = {"masks", "mask", "ground_truth", "segmentation", "segmentations", "segmentationclass"}
UNLABELED = {"unlabeled", "unlabelled"}
NUMBERED = re.compile(r"([^\W\d_]+(?:[ _-][^\W\d_]+)*)[ ._-]*\(?\d+\)?")
"""A file name that starts with its label: cat.0, great_dane_12, dog (3)."""


class _Tree:
    """The folders that hold images: files with an image's extension, or all files if none has one."""

    def __init__(self, names: Sequence[str]) -> None:
        self.images = [name for name in names if name.lower().endswith(IMAGE_ENDINGS)] or list(names)
        self._inside: dict[str, set[str]] = {}
        for name in self.images:
            start = 0
            while (end := name.find("/", start)) >= 0:
                self._inside.setdefault(name[:start], set()).add(name[start:end])
                start = end + 1
            self._inside.setdefault(name[:start], set()).add("")

    def level(self, prefix: str) -> tuple[list[str], bool]:
        """Return the folders below `prefix` that hold images, and whether it holds images itself."""
        inside = self._inside.get(prefix, set())
        return sorted(inside - {""}), "" in inside


def recognize(listing: Listing, path: str) -> Contents:
    """Return the images of a folder, with the layout and what was ignored in `notes` and `unused`.

    `path` is the config's, for errors. Raises ValueError where a folder may be a class or a split.
    """
    before = len(listing.unused)
    listing = _entered(listing)
    tree = _Tree(listing.names)
    tops, _ = tree.level("")
    if _is_anomaly_set(tops, tree):
        return anomaly_set(listing)
    base, masks = _container(tops)
    parts = [_opened(part, tree) for part in _parts(tree, Part(base, masks=masks), path)]
    levels = [tree.level(part.prefix) for part in parts]
    flat = not any(_labeled(folders) for folders, _ in levels) and parts[0].label is None
    alone = flat and not any(loose for _, loose in levels)
    unlabeled = _unlabeled(tree, base, parts, split=None if alone else "train")
    prefixes = tuple(part.prefix for part in unlabeled)
    images = [name for name in tree.images if not name.startswith(prefixes)]
    named = _labels_in_names(parts, images) if flat else {}
    again = [f"{base}{top}/" for top in _again(tree, base)] if parts[0].split is None else []
    found = assign(listing, [*parts, *unlabeled], again, named=named, flat=flat)
    words = _in_words(parts, unlabeled, flat=flat, named=bool(named))
    notes = [*about_layout(words, found.unused[before:]), *about_skipped(listing.skipped)]
    inside = f" inside {listed(part.prefix.strip('/') for part in parts)}" if parts[0].prefix else ""
    warnings = [
        f"the images have no labels: no class folders{inside}, and no labels in the file names; with labels in a table, "
        f"use the source manifest{'; if these folders are the classes, set data.source.layout: classes' if inside else ''}"
    ]
    return replace(found, notes=tuple(notes), warnings=tuple(warnings) if flat and not named else ())


def class_folders(listing: Listing) -> Contents:
    """Read every folder at the top as a class, whatever its name."""
    listing = _entered(listing)
    found = assign(listing, [Part("")], [], named={}, flat=False)
    return replace(found, notes=tuple(about_skipped(listing.skipped)))


def _entered(listing: Listing) -> Listing:
    """Enter a folder that alone holds images in folders, or alone holds given splits, as archives are often packed."""
    tree = _Tree(listing.names)
    tops, loose = tree.level("")
    if loose or any(split_name(top) or top.lower() in UNLABELED for top in tops):
        return listing
    inside = {top: tree.level(f"{top}/") for top in tops}
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


def _is_anomaly_set(tops: Collection[str], tree: _Tree) -> bool:
    if not {"train", "test"} <= set(tops):
        return False
    trained, tested = tree.level("train/")[0], tree.level("test/")[0]
    return trained == [NORMAL] and bool(tested) and (GROUND_TRUTH in tops or tested != [NORMAL])


def _container(tops: Sequence[str], prefix: str = "") -> tuple[str, str | None]:
    """Return the prefixes of the images and of their masks where folders are named for them, else `prefix` and None."""
    images = [top for top in tops if top.lower() in IMAGES]
    masks = [top for top in tops if top.lower() in MASKS]
    if len(images) != 1:
        return prefix, None
    return f"{prefix}{images[0]}/", f"{prefix}{masks[0]}/" if masks else None


def _labeled(folders: Sequence[str]) -> list[str]:
    """Return the folders but those for images without labels."""
    return [folder for folder in folders if folder.lower() not in UNLABELED]


def _unlabeled(tree: _Tree, base: str, parts: Sequence[Part], *, split: str | None) -> list[Part]:
    """Return the folders of images without labels at the top and in each part; at the top they belong to `split`."""
    splits = {base: split, **{part.prefix: part.split or split for part in parts if part.label is None}}
    return [
        Part(f"{prefix}{top}/", split=own, unlabeled=True)
        for prefix, own in splits.items()
        for top in tree.level(prefix)[0]
        if top.lower() in UNLABELED
    ]


def _parts(tree: _Tree, whole: Part, path: str) -> list[Part]:
    """Return the splits that the folders below a prefix stand for, or the whole as it is."""
    base = whole.prefix
    tops = _labeled(tree.level(base)[0])
    splits = {top: split for top in tops if (split := split_name(top))}
    exact = {top for top in splits if top.lower() in SPLIT_NAMES}
    nested = {top for top in splits if tree.level(f"{base}{top}/")[0]}
    others = [top for top in tops if top not in splits and not set(tree.level(f"{base}{top}/")[0]) & splits.keys()]
    if (exact or nested) and (len(set(splits.values())) > 1 or not others):
        return [replace(whole, prefix=f"{base}{top}/", split=split) for top, split in splits.items()]
    if exact:
        raise ValueError(
            f"data.source.path: {path}: {listed(sorted(exact))} is named like a split but is beside {listed(others)}; set "
            "data.source.layout: classes if each of these folders is a class, or else move the others away"
        )
    inside = {top: tree.level(f"{base}{top}/") for top in tops}
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


def _opened(part: Part, tree: _Tree) -> Part:
    """Enter a split folder that is packed in itself, as seg_train/seg_train, or holds its images beside their masks."""
    if part.split is None or part.label is not None:
        return part
    tops, loose = tree.level(part.prefix)
    if len(tops) == 1 and not loose and (split_name(tops[0]) == part.split):
        return _opened(replace(part, prefix=f"{part.prefix}{tops[0]}/"), tree)
    if not loose and tops and {top.lower() for top in tops} <= IMAGES | MASKS:
        inner, masks = _container(tops, part.prefix)
        return replace(part, prefix=inner, masks=masks)
    masks = f"{part.masks}{part.prefix.rstrip('/').rpartition('/')[2]}/" if part.masks else None
    return replace(part, masks=masks)


def _again(tree: _Tree, base: str) -> list[str]:
    """Return the folders among class folders that hold the same class folders once more."""
    tops = _labeled(tree.level(base)[0])
    inside = {top: tree.level(f"{base}{top}/") for top in tops}
    return [top for top, (folders, loose) in inside.items() if not loose and len(set(folders) & set(tops)) > 1]


def _labels_in_names(parts: Sequence[Part], images: Sequence[str]) -> dict[str, str]:
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


def _in_words(parts: Sequence[Part], unlabeled: Sequence[Part], *, flat: bool, named: bool) -> str:
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
    if unlabeled:
        words.append(f"images without labels in {', '.join(part.prefix for part in unlabeled)}")
    return "; ".join(words)
