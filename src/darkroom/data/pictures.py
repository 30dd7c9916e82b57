"""Draw the data card: counts for all kinds of samples, and mean images, examples and near-duplicates of images.

For one class or label or hundreds, with any names.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from darkroom import figures, sheets
from darkroom.data import sound_pictures, target_pictures
from darkroom.data.kind import PLURAL
from darkroom.data.store import SPLITS, Store
from darkroom.data.target_pictures import SPLIT_COLORS
from darkroom.data.text import excerpts
from darkroom.data.words import shown

NAMED_CLASSES = 40
"""Up to this many classes, class counts are drawn with names; beyond, as a curve."""
SHOWN_CLASSES = 48
"""How many classes the other pictures show."""
EXAMPLES = 10

Picture = NDArray[np.uint8]


def draw(root: Path, card: dict[str, Any], store: Store) -> None:
    """Write pictures of the target: class_counts.png, label_counts.png and label_pairs.png, or numbers.png.

    Images also get mean_images.png, contact_sheet.png, and near_duplicates.png if there are any; for recordings see
    `sound_pictures`, for texts `text.excerpts`.
    """
    table = store.items
    if store.target.kind == "class":
        rows = {name: np.flatnonzero(table["label"] == number) for number, name in enumerate(store.classes)}
    else:
        rows = target_pictures.groups(store)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # letters that the font lacks become boxes
        match store.target.kind:
            case "class":
                counts = card["counts"] or {"no class": _counts(table)}
                _draw_counts(root / "class_counts.png", counts, of=PLURAL[store.kind])
            case "labels":
                _draw_counts(root / "label_counts.png", card["counts"], of=PLURAL[store.kind], what="labels")
                target_pictures.draw_pairs(root / "label_pairs.png", store)
            case "numbers":
                target_pictures.draw_numbers(root / "numbers.png", store)
        rows = rows or {"no class": np.arange(len(table))}
        if store.kind == "image":
            _draw_images(root, card, store, rows)
        elif store.kind == "audio":
            sound_pictures.draw(root, store, dict(list(rows.items())[:SHOWN_CLASSES]))
        elif store.kind == "text":
            excerpts.write(root, store, [group["ids"] for group in card["near_duplicates"]["largest"]])


def _draw_images(root: Path, card: dict[str, Any], store: Store, rows: dict[str, NDArray[np.int64]]) -> None:
    """Draw means and examples of the images of each class, whose `rows` are given, and the near-duplicates."""
    table, images, first = store.items, store.samples, dict(list(rows.items())[:SHOWN_CLASSES])
    more = max(len(rows) - len(first), 0)
    _draw_means(root / "mean_images.png", first, table, images, more=more)
    if len(first) <= SHOWN_CLASSES // 2:
        _draw_examples(root / "contact_sheet.png", first, store)
    else:
        middles = [_example(int(members[len(members) // 2]), store) for members in first.values()]
        draw_grid(root / "contact_sheet.png", middles, list(first), more=more)
    if groups := card["near_duplicates"]["largest"]:
        number = {id_: row for row, id_ in enumerate(table["id"].tolist())}
        twins = [[number[id_] for id_ in group["ids"]] for group in groups]
        _draw_twins(root / "near_duplicates.png", twins, images)


def _counts(table: pd.DataFrame) -> dict[str, int]:
    return {part: int((table["split"] == part).sum()) for part in SPLITS}


def _draw_counts(path: Path, counts: dict[str, dict[str, int]], *, of: str, what: str = "classes") -> None:
    """Draw stacked bars: one per class with its name or, if there are too many, from the largest class to the smallest."""
    named = len(counts) <= NAMED_CLASSES
    order = list(counts) if named else sorted(counts, key=lambda name: -sum(counts[name].values()))
    drawn, axes = figures.figure(7, 1.1 + 0.26 * len(counts) if named else 3.2)
    position, start = np.arange(len(order)), np.zeros(len(order))
    for part in SPLITS:
        values = np.array([counts[name][part] for name in order])
        if named:
            axes.barh(position, values, left=start, color=SPLIT_COLORS[part], label=part, height=0.75)
        else:
            axes.bar(position, values, bottom=start, color=SPLIT_COLORS[part], label=part, width=1)
        start = start + values
    if named:
        for at, total in zip(position.tolist(), start.tolist(), strict=True):
            axes.text(total, at, f" {int(total):,}", va="center", fontsize=8)
        axes.set_yticks(position, [shown(name) for name in order], fontsize=8)
        axes.invert_yaxis()
        axes.set_xlim(0, start.max() * 1.1)
        axes.set_xlabel(of)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    else:
        most, least = (f"{shown(order[end])} ({int(start[end]):,})" for end in (0, -1))
        axes.set_xlabel(f"{len(order)} {what}, from {most} to {least}")
        axes.set_ylabel(of)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False)
    figures.save(drawn, path)


def _draw_means(
    path: Path, rows: dict[str, NDArray[np.int64]], table: pd.DataFrame, images: Picture, *, more: int
) -> None:
    """Draw the mean of each class's training images, or of all its images if it has none in train."""
    train = (table["split"] == "train").to_numpy()
    means = []
    for members in rows.values():
        chosen = members[train[members]] if train[members].any() else members
        total = np.zeros(images.shape[1:], np.float64)
        for row in chosen:
            total += images[row]
        means.append(np.rint(total / len(chosen)).astype(np.uint8))
    draw_grid(path, means, list(rows), more=more)


def _draw_examples(path: Path, rows: dict[str, NDArray[np.int64]], store: Store) -> None:
    """Draw one row of examples per class, spread evenly over its images."""
    columns = min(EXAMPLES, max(len(members) for members in rows.values()))
    cells = np.full((len(rows), columns, *store.samples.shape[1:3], 3), 255, np.uint8)
    for line, members in enumerate(rows.values()):
        places = np.linspace(0, len(members) - 1, min(columns, len(members))).round().astype(int)
        for column, row in enumerate(members[places].tolist()):
            cells[line, column] = _example(row, store)
    _draw_rows(path, cells, [shown(name) for name in rows])


def _draw_twins(path: Path, groups: Sequence[Sequence[int]], images: Picture) -> None:
    """Draw one row per group: up to ten of its images."""
    columns = min(EXAMPLES, max(map(len, groups)))
    cells = np.full((len(groups), columns, *images.shape[1:3], 3), 255, np.uint8)
    for line, members in enumerate(groups):
        for column, row in enumerate(members[:columns]):
            cells[line, column] = images[row]
    _draw_rows(path, cells, [f"{len(members)} images" for members in groups])


def _draw_rows(path: Path, cells: Picture, labels: Sequence[str]) -> None:
    """Draw pictures (rows, columns, H, W, 3) with a label at each row."""
    sheet = sheets.tile(cells.reshape(-1, *cells.shape[2:]), columns=cells.shape[1])
    margin = 0.3 + 0.08 * max(len(label) for label in labels)  # inches, as all below
    aspect = sheet.shape[1] / sheet.shape[0]
    height = min(0.62 * len(labels), 10 / aspect)
    drawn, axes = figures.figure(height * aspect + margin, max(height, 0.2 * len(labels)) + 0.1)
    axes.imshow(sheet, interpolation="nearest")
    step = (sheet.shape[0] + 2) / len(labels)
    axes.set_yticks(step * (np.arange(len(labels)) + 0.5) - 1.5, labels, fontsize=8)
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    figures.save(drawn, path)


def draw_grid(path: Path, pictures: Sequence[Picture], names: Sequence[str], *, more: int = 0) -> None:
    """Draw pictures with a name above each, in rows of equal length if possible."""
    rows = math.ceil(len(pictures) / 8)
    columns = math.ceil(len(pictures) / rows)
    side, gap, line = 1.06, 0.06, 0.2  # inches
    aspect = min(max(pictures[0].shape[0] / pictures[0].shape[1], 0.2), 5)
    width, height = columns * (side + gap) + gap, rows * (side * aspect + line) + gap + (line if more else 0)
    drawn = Figure(figsize=(width, height))
    axes = drawn.add_axes((0, 0, 1, 1))
    for index, (picture, name) in enumerate(zip(pictures, names, strict=True)):
        left, top = gap + index % columns * (side + gap), index // columns * (side * aspect + line) + line
        place = (left, left + side, top + side * aspect, top)
        axes.imshow(sheets.enlarge(picture, 96), interpolation="nearest", extent=place, aspect="auto")
        axes.text(left + side / 2, top - 0.04, shown(name, 16), fontsize=7, ha="center", va="bottom")
    if more:
        axes.text(gap, height - gap, f"and {more} more", fontsize=8, va="bottom")
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    figures.save(drawn, path)


def _example(row: int, store: Store) -> Picture:
    """Return an image as RGB with a red outline around what its mask marks."""
    image = np.asarray(store.samples[row])
    rgb = np.array(np.broadcast_to(image, (*image.shape[:2], 3)))
    number = int(store.items["mask"].iloc[row])
    if store.masks is not None and number >= 0:
        marked = np.pad(store.masks[number] > 0, 1)
        inside = marked[1:-1, 1:-1]
        core = inside & marked[:-2, 1:-1] & marked[2:, 1:-1] & marked[1:-1, :-2] & marked[1:-1, 2:]
        rgb[inside & ~core] = (220, 38, 38)
    return rgb
