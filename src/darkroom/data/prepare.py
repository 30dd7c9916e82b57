"""The stage `data prepare`: turn a source's images into a store of one size, with splits and the data card's numbers."""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import files, registry
from darkroom.data import corrections, cut, decode, held_out, hide, inspect, masks, stratification, summary, twins
from darkroom.data.canvas import Canvas, fit
from darkroom.data.config import PrepareSpec
from darkroom.data.item import Contents, Item, Source, Unused
from darkroom.data.levels import KINDS, Levels
from darkroom.data.preparation import Preparation
from darkroom.data.store import describe_store
from darkroom.data.target import Target
from darkroom.data.words import listed
from darkroom.log import Log


def run(spec: PrepareSpec, *, raw: Path, out: Path, log: Log) -> None:
    """Decode, fit, inspect, split and describe the images that `fetch` stored in `raw`.

    Unreadable files are listed in excluded.csv. Raises ValueError if no image is left.
    """
    files.read_manifest(raw)
    source: Source = registry.build(spec.source)
    contents = source.contents(raw)
    with files.folder(out) as fresh:
        read = _read(contents, spec, fresh)
        found = {item.label for item in read.items}
        classes = tuple(name for name in contents.classes if name in found)
        numbers: dict[str | None, int] = {name: number for number, name in enumerate(classes)}
        labels = np.array([numbers.get(item.label, -1) for item in read.items], dtype=np.int64)
        values = _values(contents.target, read.items)
        known = labels.tolist() if contents.target is None else [item.target for item in read.items]
        copies = inspect.find_copies(read.fingerprints, known)
        found_twins = _twins(fresh, copies, len(labels)) if spec.split.near_duplicates else twins.NONE
        strata = labels if contents.target is None else stratification.strata(contents.target, values)
        parts, groups = held_out.parts(spec.split, read.items, strata, copies.first | found_twins.links())
        given, ids = labels, [item.id for item in read.items]
        labels, kept = corrections.apply(spec.corrected, ids, given, classes)
        read.excluded += [Unused(ids[row], f"dropped by {corrections.KEY}") for row in np.flatnonzero(~kept)]
        if spec.corrected:
            copies = inspect.find_copies(read.fingerprints, labels.tolist())
        table = pd.DataFrame(
            {
                "id": ids,
                "label": labels,
                "split": parts,
                "group": groups,
                "mask": np.array(read.masks, dtype=np.int64),
                "origin": [item.origin or item.id for item in read.items],
                "sha256": read.fingerprints,
                "twin_in_train": _twin_in_train(parts, copies.first, found_twins),
                **({"given_label": given} if spec.corrected else {}),
                **(dict(zip(contents.target.columns, values.T, strict=True)) if contents.target else {}),
            }
        )
        stays, left_out = cut.choose(spec.split, classes, table)
        stays &= kept
        if not stays.all():
            table, found_twins = cut.remove(fresh, table, stays), found_twins.among(stays)
            copies = inspect.find_copies(table["sha256"].tolist(), table["label"].tolist())
        budget = None
        if spec.labels is not None:
            table, budget = hide.hide(spec.labels, classes, table, kept=spec.corrected)
        describe_store(fresh, name=spec.name, classes=classes, items=table, target=contents.target)
        height, width, channels = read.shape
        way = Preparation(height, width, channels, spec.resize, spec.color, read.shapes, read.levels)
        way.save(fresh)
        _write_lists(fresh, read, table["id"].tolist(), copies, found_twins)
        card = summary.summarize(
            spec,
            contents,
            table,
            classes,
            copies,
            found_twins,
            read.shape,
            excluded=len(read.excluded),
            left_out=left_out,
            corrected=(int((labels != given)[kept].sum()), int((~kept).sum())),
            budget=budget,
            warnings=read.warnings,
        )
        files.write_json(fresh / "card.json", card)
    counts = {f"data/{key}": card[key] for key in ("images", "excluded", "duplicates")}
    log({**counts, "data/near_duplicate_pairs": card["near_duplicates"]["pairs"]})


def _values(target: Target | None, items: Sequence[Item]) -> NDArray[np.float32]:
    """Return the labels or numbers (N, K) of the items, NaN for items without; (N, 0) if the target is a class."""
    missing = (math.nan,) * (len(target.names) if target else 0)
    return np.array([item.target or missing for item in items], dtype=np.float32)


def _twins(root: Path, copies: inspect.Copies, count: int) -> twins.Twins:
    """Find the near-duplicates among the images just written, using the first copy of each picture."""
    images = np.load(root / "images.npy", mmap_mode="r", allow_pickle=False)
    return twins.find(images, np.array([row for row in range(count) if row not in copies.first], dtype=np.int64))


def _write_lists(root: Path, read: _Read, ids: Sequence[str], copies: inspect.Copies, found: twins.Twins) -> None:
    _write_rows(root / "excluded.csv", ("origin", "reason"), read.excluded)
    duplicates = [(ids[row], ids[first]) for row, first in sorted(copies.first.items())]
    _write_rows(root / "duplicates.csv", ("id", "duplicate_of"), duplicates)
    pairs = zip(found.pairs.tolist(), found.similarity.tolist(), strict=True)
    _write_rows(
        root / "near_duplicates.csv",
        ("id", "twin", "similarity"),
        [(ids[row], ids[twin], f"{similarity:.4f}") for (row, twin), similarity in pairs],
    )


@dataclass
class _Read:
    """The items that could be read, in order, and what was found while reading."""

    items: list[Item] = field(default_factory=list)
    fingerprints: list[str] = field(default_factory=list)
    masks: list[int] = field(default_factory=list)
    excluded: list[Unused] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    shape: tuple[int, int, int] = (0, 0, 0)
    shapes: tuple[float, float] = (math.inf, 0.0)
    """The smallest and largest height over width of an image."""
    levels: dict[str, tuple[float, float]] = field(default_factory=dict)
    lossy: list[str] = field(default_factory=list)
    """Masks thresholded because of traces of lossy compression."""
    turned: list[str] = field(default_factory=list)
    """Masks turned upright with their image though their shape fits both ways."""
    empty: list[tuple[str, str | None]] = field(default_factory=list)
    """Masks that mark nothing, with their image's label."""
    marked: set[str | None] = field(default_factory=set)
    """Labels of images whose mask marks something."""


def _read(contents: Contents, spec: PrepareSpec, root: Path) -> _Read:
    """Decode every item and write it to `images.npy`, its mask to `masks.npy`."""
    read = _Read(excluded=list(contents.unused), warnings=list(contents.warnings))
    levels = Levels([item.image for item in contents.items], contents.levels)
    size = (spec.size, spec.size) if isinstance(spec.size, int) else spec.size
    canvas = Canvas(root, size=size, how=spec.resize, color=spec.color)
    with canvas, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about large images and odd metadata, which are handled here
        frames = 0
        for item in contents.items:
            try:
                image = levels.pixels(item.image)
                frames += decode.head(item.image).frames
            except decode.UnreadableError as problem:
                read.excluded.append(Unused(item.origin or item.id, str(problem)))
                continue
            aspect = image.shape[0] / image.shape[1]
            read.shapes = min(read.shapes[0], aspect), max(read.shapes[1], aspect)
            read.items.append(item)
            read.fingerprints.append(inspect.fingerprint(image))
            read.masks.append(canvas.add(image, _mask(item, image, read)))
    if not read.items:
        raise ValueError(_nothing(contents, read.excluded))
    assert canvas.size is not None
    read.shape = (*canvas.size, canvas.channels)
    read.levels = levels.used if levels.known is None else dict.fromkeys(KINDS, levels.known)
    if canvas.vanished:
        size_now = "×".join(map(str, canvas.size))
        read.warnings.append(
            f"masks that mark nothing after resizing to {size_now} pixels: {canvas.vanished}; try a larger data.size"
        )
    read.warnings += _about_masks(read, contents)
    read.warnings += _about_images(read, contents)
    if frames:
        read.warnings.append(f"files with several images (frames, pages), of which the first is used: {frames}")
    for black, white in levels.used.values():
        if (black, white) not in ((0, 255), (0, 1)):
            read.warnings.append(f"images deeper than 8 bits: {black:g} is black and {white:g} is white in all of them")
    return read


def _mask(item: Item, image: NDArray[np.uint8], read: _Read) -> NDArray[np.uint8] | None:
    """Return the item's mask in its image's size; a mask that cannot be used is listed."""
    if item.mask is None:
        return None
    try:
        mask = masks.read(item.mask)
    except decode.UnreadableError as problem:
        read.excluded.append(Unused(item.mask_origin, f"mask: {problem}"))
        return None
    height, width = image.shape[:2]
    orientation = decode.head(item.image).orientation if decode.head(item.mask).orientation == 1 else 1
    stored = (width, height) if orientation >= 5 else (height, width)
    marked, unsure = masks.turn(mask.marked, orientation, stored)
    if marked is None:
        size = "×".join(map(str, mask.marked.shape))
        read.excluded.append(
            Unused(item.mask_origin, f"mask of {size} pixels for an image of {height}×{width}: the shapes differ")
        )
        return None
    read.lossy += [item.mask_origin] if mask.lossy else []
    read.turned += [item.mask_origin] if unsure and marked.any() else []
    if marked.any():
        read.marked.add(item.label)
    else:
        read.empty.append((item.mask_origin, item.label))
    return fit(marked, (height, width), how="stretch", mask=True)


def _about_masks(read: _Read, contents: Contents) -> list[str]:
    """Return the warnings about masks: those of defects that mark nothing, those thresholded, those turned."""
    defects = {label for label in read.marked if label is not None} | contents.only_test
    empty = [origin for origin, label in read.empty if label in defects or not read.marked]
    known = (
        (empty, "masks of defects that mark nothing"),
        (read.lossy, "masks with traces of lossy compression, thresholded at half their maximum"),
        (
            read.turned,
            "masks turned upright with their image by its EXIF orientation, though their shape fits both ways",
        ),
    )
    return [f"{words}: {len(origins)}: {listed(origins)}" for origins, words in known if origins]


def _about_images(read: _Read, contents: Contents) -> list[str]:
    """Return the warning about images that the source names but that cannot be used."""
    named = {item.origin or item.id for item in contents.items}
    broken = [unused.origin for unused in read.excluded if unused.origin in named and unused.reason != decode.NO_IMAGE]
    return [f"images that cannot be used, listed in excluded.csv: {len(broken)}: {listed(broken)}"] if broken else []


def _twin_in_train(parts: Sequence[str], first: dict[int, int], found: twins.Twins) -> list[bool]:
    """Return for every row outside of train whether train holds a copy or near-duplicate of it."""
    groups = inspect.group_numbers([None] * len(parts), first | found.links())
    trained = {group for group, part in zip(groups.tolist(), parts, strict=True) if part == "train"}
    return [part != "train" and group in trained for group, part in zip(groups.tolist(), parts, strict=True)]


def _nothing(contents: Contents, excluded: Sequence[Unused]) -> str:
    if not excluded:
        return "data.source: holds no images"
    origin, reason = excluded[0]
    return f"data.source: none of its {max(len(contents.items), len(excluded))} files is a readable image; {origin!r}: {reason}"


def _write_rows(path: Path, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
