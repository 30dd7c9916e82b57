"""The job `augment gallery`: draw every transform on images of the data set, at weak, default and high strength."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional

from darkroom import figures, files, registry, sheets
from darkroom.augment.config import GallerySpec
from darkroom.augment.pipeline import Pipeline
from darkroom.augment.strength import is_binary, reach, scaled
from darkroom.data.store import Store, open_store
from darkroom.log import Log

STRENGTHS = (0.5, 1.0, 2.0)
EXAMPLES = 4
"""Number of training images shown, from as many classes as possible."""
DRAWS, ONLY_DRAWS = 2, 6
"""Draws per strength, and draws of a transform without a strength."""
SEEN = 0.1
"""Minimum share of each image in a mixed pair to show."""
FAMILIES = {"affine": "geometric", "tones": "photometric", "noise": "noise and blur"}
"""Families whose modules have a different name."""

Batch = NDArray[np.uint8]  # (n, H, W, C)


@dataclass(frozen=True)
class Examples:
    """Training images (n, H, W, C), alternating between classes."""

    images: Batch
    labels: NDArray[np.int64]  # (n,)
    classes: tuple[str, ...]


def run(spec: GallerySpec, *, data: Path, out: Path, log: Log) -> None:
    """Draw every transform of the spec on training images of the store at `data`, and describe them in `gallery.json`.

    Transforms are always applied here, whatever their `p`, and with the same random numbers at every strength. Raises
    ValueError if there is no training image.
    """
    examples = _examples(open_store(data))
    with files.folder(out) as fresh:
        entries = []
        for options in (*spec.offline, *spec.online):
            kind, name = options.__class__.plugin  # type: ignore[attr-defined]
            place = "offline" if kind == "transform" else "online"
            found = registry.entry(kind, name)
            pictures = list(_pictures(place, options, examples))
            shown = []
            for number, (pixels, caption) in enumerate(pictures):
                file = f"{place}-{name}{f'-{number}' if len(pictures) > 1 else ''}.png"
                Image.fromarray(pixels).save(fresh / file)
                shown.append({"file": file, "caption": caption})
            family = found.module.rsplit(".", 1)[-1]
            entries.append(
                {
                    "name": name,
                    "kind": place,
                    "family": FAMILIES.get(family, family),
                    "summary": found.summary,
                    "options": options.model_dump(mode="json", exclude={"name"}, exclude_none=True),
                    "amounts": reach(options),
                    "strengths": [1.0] if is_binary(options) else list(STRENGTHS),
                    "pictures": shown,
                }
            )
        files.write_json(fresh / "gallery.json", {"images": len(examples.images), "techniques": entries})
    log({"gallery/techniques": len(entries)})


def _examples(store: Store) -> Examples:
    """Return the first training images of evenly spread classes; with few classes, several images of each."""
    rows = store.rows("train")
    if not len(rows):
        raise ValueError(f"{store.name} has no training images to show; see data.split in the config")
    by_class = [rows[store.labels[rows] == label] for label in np.unique(store.labels[rows])]
    spread = [by_class[round(place)] for place in np.linspace(0, len(by_class) - 1, min(EXAMPLES, len(by_class)))]
    turns = [found[turn] for turn in range(EXAMPLES) for found in spread if turn < len(found)]
    chosen = np.array(turns[:EXAMPLES])
    return Examples(np.array(store.samples[chosen]), np.asarray(store.labels[chosen]), store.classes)


def _pictures(place: str, options: Any, examples: Examples) -> Iterator[tuple[Batch, str]]:
    """Yield the pictures (H, W, 3) of a transform with captions: one, or one per mixed pair."""
    if "p" in options.__class__.model_fields:
        options = options.model_copy(update={"p": 1.0})
    if place == "online" and (pairs := _pairs(options, examples)):
        yield from pairs
        return
    alone = is_binary(options)
    groups = [("training image", examples.images[:, None])]
    for strength in (1.0,) if alone else STRENGTHS:
        number = ONLY_DRAWS if alone else DRAWS
        if place == "offline":
            drawn = _offline(scaled(options, strength), examples.images, number)
        else:
            drawn = np.stack([_online(options, examples, strength, draw)[0] for draw in range(number)], axis=1)
        groups.append(("transformed" if alone else f"strength {strength:g}", _different(drawn) if alone else drawn))
    yield _strip(groups), ""


def _offline(options: Any, images: Batch, draws: int) -> Batch:
    """Return draws (n, draws, H, W, C) of an offline transform."""
    drawing = Pipeline([options], (images.shape[1], images.shape[2]), seed=0)
    copies = range(draws)
    return np.stack(
        [
            np.stack([drawing.draw(image, item=str(n), copy=copy).image for copy in copies])
            for n, image in enumerate(images)
        ]
    )


def _online(options: Any, examples: Examples, strength: float, draw: int) -> tuple[Batch, NDArray[np.float64]]:
    """Return one draw (n, H, W, C) of an online transform, and the resulting class probabilities (n, K)."""
    images = torch.from_numpy(examples.images).permute(0, 3, 1, 2).float() / 255
    targets = functional.one_hot(torch.from_numpy(examples.labels).clamp(min=0), max(1, len(examples.classes)))
    draws = torch.Generator().manual_seed(draw)
    made, mixed = registry.build(options)(images, targets.float(), torch.full((len(images),), strength), draws)
    pixels = (made.permute(0, 2, 3, 1) * 255).round().clamp(0, 255).to(torch.uint8).contiguous()
    return pixels.numpy(), mixed.double().numpy()


def _pairs(options: Any, examples: Examples) -> list[tuple[Batch, str]]:
    """Return pairs of images with their mixture, captioned by its label; empty if the transform does not mix images."""
    distinct = np.unique(examples.labels, return_index=True)[1]
    if len(distinct) < 2:
        return []
    some = Examples(examples.images[distinct], examples.labels[distinct], examples.classes)
    found: list[tuple[Batch, str]] = []
    for draw in range(8 * EXAMPLES):
        made, mixed = _online(options, some, 1.0, draw)
        for row in np.roll(np.arange(len(some.labels)), -draw):
            label = some.labels[row]
            shares = mixed[row, some.labels]
            other = int(np.argmax(np.where(some.labels == label, -1, shares)))
            if min(shares[row], shares[other]) < SEEN:
                continue
            images = np.stack([some.images[row], some.images[other]])[None]
            words = (f"{shares[n]:.2f} {examples.classes[some.labels[n]]}" for n in (row, other))
            found.append((_strip([("two images", images), ("mixed", made[row][None, None])]), " + ".join(words)))
            break  # one pair per batch, so that pairs differ
        if len(found) == 2 * EXAMPLES:
            break
    return found


def _different(drawn: Batch) -> Batch:
    """Drop columns (n, k, H, W, C) that repeat an earlier one; flips, for example, have only one outcome."""
    columns = [drawn[:, draw].tobytes() for draw in range(drawn.shape[1])]
    return drawn[:, [draw for draw, column in enumerate(columns) if columns.index(column) == draw]]


def _strip(groups: Sequence[tuple[str, Batch]]) -> Batch:
    """Arrange groups of columns (n, columns, H, W, C) side by side, each under its title."""
    height, margin, gap = (84 if groups[0][1].shape[2] < 112 else 112), 20, 14
    grids = [sheets.tile(g.reshape(-1, *g.shape[2:]), columns=g.shape[1], height=height) for _, g in groups]
    font = ImageFont.load_default(13)
    least = [int(font.getlength(title)) + 1 for title, _ in groups]
    widths = [max(sheet.shape[1], width) for sheet, width in zip(grids, least, strict=True)]
    canvas = np.full((margin + len(grids[0]), sum(widths) + gap * (len(groups) - 1), 3), 255, np.uint8)
    left, places = 0, []
    for sheet, width in zip(grids, widths, strict=True):
        canvas[margin:, left : left + sheet.shape[1]] = sheet
        places.append(left)
        left += width + gap
    titled = Image.fromarray(canvas)
    pen = ImageDraw.Draw(titled)
    for place, (title, _) in zip(places, groups, strict=True):
        pen.text((place, 0), title, fill=figures.INK, font=font)
    return np.asarray(titled)
