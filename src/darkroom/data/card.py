"""The data card: what the set holds, what is odd about it, and pictures of it."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import figures
from darkroom.data import split
from darkroom.data.config import PrepareSpec
from darkroom.data.inspect import Copies
from darkroom.data.item import Contents
from darkroom.data.store import SPLITS

LARGE = 512
"""A side above this, taken from the images themselves, is worth a warning."""
NAMED_CLASSES = 40
"""Class counts are drawn with names up to so many classes, beyond as a curve."""
SHOWN_CLASSES = 48
EXAMPLES = 10
PART_COLORS = dict(zip(SPLITS, (figures.COLORS[0], figures.COLORS[2], figures.COLORS[1]), strict=True))


def summarize(
    spec: PrepareSpec,
    contents: Contents,
    table: pd.DataFrame,
    classes: tuple[str, ...],
    copies: Copies,
    shape: tuple[int, int, int],
    *,
    excluded: int,
    warnings: Sequence[str],
) -> dict[str, Any]:
    """The contents of card.json. `shape` is height, width, channels; `warnings` are those found before."""
    counts = {
        name: {part: int(((table["label"] == number) & (table["split"] == part)).sum()) for part in SPLITS}
        for number, name in enumerate(classes)
    }
    return {
        "name": spec.name,
        "source": spec.source.model_dump(mode="json"),
        "images": len(table),
        "shape": list(shape),
        "classes": list(classes),
        "counts": counts,
        "unlabelled": int((table["label"] < 0).sum()),
        "excluded": excluded,
        "duplicate_groups": copies.groups,
        "duplicates": len(copies.first),
        "masks": int((table["mask"] >= 0).sum()),
        "warnings": [*warnings, *_warnings(spec, contents, table, counts, copies, shape)],
    }


def draw(root: Path, card: dict[str, Any], table: pd.DataFrame) -> None:
    """Write class_counts.png, mean_images.png and contact_sheet.png beside the store in `root`."""
    images = np.load(root / "images.npy", mmap_mode="r", allow_pickle=False)
    masks = np.load(root / "masks.npy", mmap_mode="r", allow_pickle=False) if card["masks"] else None
    _draw_counts(root / "class_counts.png", card["counts"], card["unlabelled"])
    names = list(card["classes"]) or ["no class"]
    rows = [np.flatnonzero(table["label"] == number) for number in range(len(names))]
    if not card["classes"]:
        rows = [np.arange(len(table))]
    _draw_means(root / "mean_images.png", names, rows, table, images)
    _draw_examples(root / "contact_sheet.png", names, rows, table, images, masks)


def shown(name: str, length: int = 28) -> str:
    """A class name for a picture: on one line, without control characters, cut at `length`."""
    plain = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in name).strip() or "?"
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def listed(names: Sequence[str], limit: int = 5) -> str:
    """Some names for a sentence: `"a", "b" and 3 more`."""
    text = ", ".join(f'"{shown(name, 60)}"' for name in names[:limit])
    return text if len(names) <= limit else f"{text} and {len(names) - limit} more"


def _warnings(
    spec: PrepareSpec,
    contents: Contents,
    table: pd.DataFrame,
    counts: dict[str, dict[str, int]],
    copies: Copies,
    shape: tuple[int, int, int],
) -> list[str]:
    found: list[str] = []
    ids = table["id"].tolist()
    empty = [name for name in contents.classes if name not in counts]
    if empty:
        found.append(f"classes without a readable image, left out: {listed(empty)}")
    single = [name for name, parts in counts.items() if sum(parts.values()) == 1]
    if single:
        found.append(f"classes with one image alone, which no split can test: {listed(single)}")
    if len(table) > 1 and copies.groups == 1 and len(copies.first) == len(table) - 1:
        found.append(f"all {len(table)} images show the same picture")
    if copies.conflicting:
        found.append(
            f"{len(copies.conflicting)} pictures carry different labels in their copies: "
            + listed([ids[row] for row in copies.conflicting])
        )
    if torn := split.torn(table["group"].to_numpy(), table["split"].tolist()):
        found.append(
            f"{torn} groups (copies of one picture, or groups of the source) stand in more than one split, because the "
            "source's own splits were kept"
        )
    for part, share in (("train", 1.0), ("test", spec.split.test), ("val", spec.split.val)):
        absent = [name for name, parts in counts.items() if not parts[part]]
        if not (table["split"] == part).any():
            if share:
                found.append(f"no image is in {part}")
        elif absent and share:
            found.append(f"classes without an image in {part}: {listed(absent)}")
    if spec.size is None and max(shape[:2]) > LARGE:
        found.append(f"the images keep their size of {shape[0]}×{shape[1]}; data.size makes them smaller")
    return found


def _draw_counts(path: Path, counts: dict[str, dict[str, int]], unlabelled: int) -> None:
    rows = {shown(name): parts for name, parts in counts.items()}
    if len(counts) > NAMED_CLASSES:
        _draw_many_counts(path, counts)
        return
    drawn, axes = figures.figure(7, 1.1 + 0.26 * max(len(counts), 1))
    start = np.zeros(max(len(counts), 1))
    names = list(rows) or ["no class"]
    position = np.arange(len(names))
    for part in SPLITS:
        values = np.array([parts[part] for parts in counts.values()] or [unlabelled if part == "train" else 0])
        axes.barh(position, values, left=start, color=PART_COLORS[part], label=part, height=0.75)
        start = start + values
    for at, total in zip(position, start, strict=True):
        axes.text(total, at, f" {int(total):,}", va="center", fontsize=8)
    axes.set_yticks(position, [shown(name) for name in (counts or names)], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, max(start.max() * 1.1, 1))
    axes.set_xlabel("images")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
    figures.save(drawn, path)


def _draw_many_counts(path: Path, counts: dict[str, dict[str, int]]) -> None:
    """Too many classes for names: stacked counts from the largest class to the smallest."""
    order = sorted(counts, key=lambda name: -sum(counts[name].values()))
    drawn, axes = figures.figure(7, 3.2)
    start = np.zeros(len(order))
    for part in SPLITS:
        values = np.array([counts[name][part] for name in order])
        axes.bar(np.arange(len(order)), values, bottom=start, color=PART_COLORS[part], label=part, width=1)
        start = start + values
    axes.set_xlabel(
        f"{len(order)} classes, from {shown(order[0])} ({int(start[0]):,}) to {shown(order[-1])} ({int(start[-1]):,})"
    )
    axes.set_ylabel("images")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
    figures.save(drawn, path)


def _draw_means(
    path: Path, names: Sequence[str], rows: Sequence[NDArray[np.int64]], table: pd.DataFrame, images: NDArray[np.uint8]
) -> None:
    """The mean picture of each class over its train images, or over all it has where train has none."""
    train = (table["split"] == "train").to_numpy()
    shown_names, means = [], []
    for name, members in list(zip(names, rows, strict=True))[:SHOWN_CLASSES]:
        chosen = members[train[members]] if train[members].any() else members
        total = np.zeros(images.shape[1:], np.float64)
        for row in chosen:
            total += images[row]
        means.append(np.rint(total / len(chosen)).astype(np.uint8))
        shown_names.append(name)
    columns = min(len(means), 8)
    _draw_grid(path, means, [shown(name, 16) for name in shown_names], columns, len(names) - len(means))


def _draw_examples(
    path: Path,
    names: Sequence[str],
    rows: Sequence[NDArray[np.int64]],
    table: pd.DataFrame,
    images: NDArray[np.uint8],
    masks: NDArray[np.uint8] | None,
) -> None:
    """Examples of every class, spread evenly over its images: a row a class, or one picture each when there are many."""
    each = EXAMPLES if len(names) <= SHOWN_CLASSES // 2 else 1
    numbers = table["mask"].to_numpy()
    pictures, labels = [], []
    for name, members in list(zip(names, rows, strict=True))[:SHOWN_CLASSES]:
        count = min(each, len(members))
        chosen = members[np.linspace(0, len(members) - 1, count).round().astype(int)] if count else members
        for place in range(each):
            if place >= count:
                pictures.append(None)
                continue
            mask = masks[numbers[chosen[place]]] if masks is not None and numbers[chosen[place]] >= 0 else None
            pictures.append(_outlined(np.asarray(images[chosen[place]]), mask))
        labels.append(shown(name, 16 if each == 1 else 28))
    if each == 1:
        _draw_grid(path, [p for p in pictures if p is not None], labels, 8, len(names) - len(labels))
        return
    filler = np.full((*images.shape[1:3], 3), 255, np.uint8)
    sheet = figures.tile(
        np.stack([filler if p is None else np.broadcast_to(p, filler.shape) for p in pictures]), columns=each
    )
    row_height = 0.62
    drawn, axes = figures.figure(each * 0.62 * images.shape[2] / images.shape[1] + 1.8, row_height * len(labels) + 0.1)
    axes.imshow(sheet, interpolation="nearest", aspect="equal")
    step = (sheet.shape[0] + 2) / len(labels)
    axes.set_yticks(step * (np.arange(len(labels)) + 0.5) - 1, labels, fontsize=8)
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    figures.save(drawn, path)


def _draw_grid(
    path: Path, pictures: Sequence[NDArray[np.uint8]], labels: Sequence[str], columns: int, more: int
) -> None:
    """Pictures with a line of text above each."""
    rows = math.ceil(len(pictures) / columns)
    drawn = figures.Figure(figsize=(columns * 1.1 + 0.2, rows * 1.3 + (0.3 if more else 0.1)), layout="constrained")
    grid = drawn.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, picture, label in zip(grid.flat, pictures, labels, strict=False):
        axes.imshow(figures.enlarge(picture, 96), interpolation="nearest")
        axes.set_title(label, fontsize=7, pad=2)
    if more:
        drawn.supxlabel(f"and {more} classes more", fontsize=8)
    figures.save(drawn, path)


def _outlined(image: NDArray[np.uint8], mask: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """The image as RGB with a red line around what the mask marks."""
    rgb = np.array(np.broadcast_to(image, (*image.shape[:2], 3)))
    if mask is not None:
        inside = np.pad(mask > 0, 1)
        core = inside[1:-1, 1:-1] & inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
        rgb[inside[1:-1, 1:-1] & ~core] = (220, 38, 38)
    return rgb
