"""Draw an embedding map: one image per point, placed by its features, with its thumbnail at the pointer.

The points are paths of an SVG, so that the map is seen and printed without a script. `templates/map.js` adds the
thumbnails, from the numbers in `data`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from darkroom.report.words import text

MARGIN, CROSS = 20, 11
"""Around the grid of coordinates, and half the side of the cross on a mistake, in its units."""
NAMED = 20
"""Classes up to this number have colors of their own."""
NINE_OF_TEN = 0.9
LIMITS = (-1.0, -0.6, -0.2, 0.2, 0.6, 1.0)
DIVERGING = (
    "hsl(225,75%,35%)",
    "hsl(212,70%,55%)",
    "hsl(205,60%,74%)",
    "hsl(0,0%,72%)",
    "hsl(20,75%,74%)",
    "hsl(10,75%,55%)",
    "hsl(0,80%,36%)",
)
"""Colors between and beyond the limits, from underestimates to overestimates."""


@dataclass(frozen=True)
class Plane:
    """One projection: a path of points per color, as (color, path), and the crosses on the mistakes."""

    title: str
    about: str
    points: list[tuple[str, str]]
    crosses: str


@dataclass(frozen=True)
class EmbeddingMap:
    """The planes of one model or clustering; `legend` has the classes, clusters or errors with their colors, none if too many."""

    title: str
    planes: list[Plane]
    legend: list[tuple[str, str]]
    colored: str
    """What the colors stand for, in words."""
    images: int
    mistakes: int | None
    """Crosses; None where nothing is marked."""
    of: int
    """Images, on the map or not."""
    data: str
    """JSON for the script: both planes' coordinates, and predictions with confidences, captions, or clusters with names."""


def embedding_map(
    title: str, about: dict[str, Any], labels: Sequence[int], classes: Sequence[str], of: int
) -> EmbeddingMap:
    """Draw the map that an explanation describes, of images with these labels."""
    predicted = about["predicted"]
    wrong = [place for place, label in enumerate(labels) if predicted[place] != label]
    numbers = {"predicted": predicted, "confidence": about["confidence"]}
    return _map(title, about, labels, _colors(classes), of, wrong, numbers, "class")


def label_map(
    title: str, about: dict[str, Any], truth: Sequence[Sequence[int]], names: Sequence[str], of: int
) -> EmbeddingMap:
    """Draw the map that an explanation describes, of images with these labels each, colored by the set of labels."""
    sets = sorted({tuple(labels) for labels in truth})
    groups = [sets.index(tuple(labels)) for labels in truth]
    wrong = [place for place, labels in enumerate(truth) if about["called"][place] != labels]
    captions = [
        f"{_joined(labels, names)}, called: {_joined(called, names)}"
        for labels, called in zip(truth, about["called"], strict=True)
    ]
    colors = _colors([_joined(labels, names) for labels in sets])
    return _map(title, about, groups, colors, of, wrong, {"captions": captions, "wrong": wrong}, "labels")


def number_map(
    title: str, about: dict[str, Any], truth: Sequence[Sequence[float]], name: str, output: int, of: int
) -> EmbeddingMap:
    """Draw the map that an explanation describes, of images with these numbers, colored by the error of one of them.

    The limits between colors are shares of the absolute error that nine of ten images stay below.
    """
    pairs = [(true[output], made[output]) for true, made in zip(truth, about["predicted"], strict=True)]
    errors = np.array([made - true for true, made in pairs])
    reach = float(np.quantile(np.abs(errors), NINE_OF_TEN)) or 1.0
    limits = [share * reach for share in LIMITS]
    shown = [text.signed(limit, "compact") for limit in limits]
    ends = [f"below {shown[0]}", *(f"{a} to {b}" for a, b in pairwise(shown)), f"above {shown[-1]}"]
    captions = [
        f"{name} {text.compact(true)}, predicted as {text.compact(made)} ({text.signed(made - true, 'compact')})"
        for true, made in pairs
    ]
    groups = np.digitize(errors, limits).tolist()
    colors = list(zip(ends, DIVERGING, strict=True))
    return _map(title, about, groups, colors, of, None, {"captions": captions, "wrong": []}, f"error in {name}")


def cluster_map(
    title: str, about: dict[str, Any], clusters: Sequence[int], names: Sequence[str], of: int
) -> EmbeddingMap:
    """Draw the map of images in these clusters, -1 for none, in the colors of the clusters."""
    numbers = {"groups": list(clusters), "names": list(names)}
    return _map(title, about, clusters, _colors(names), of, [], numbers, "cluster")


def _map(
    title: str,
    about: dict[str, Any],
    groups: Sequence[int],
    legend: Sequence[tuple[str, str]],
    of: int,
    wrong: Sequence[int] | None,
    numbers: dict[str, Any],
    colored: str,
) -> EmbeddingMap:
    first, second = (f"{100 * share:.0f}%" for share in about["explained"])
    planes = [
        _plane("t-SNE", "neighbors stay neighbors; distances between clusters mean little", about["tsne"]),
        _plane("PCA", f"{first} and {second} of the variance; distances are to scale", about["pca"]),
    ]
    drawn = [
        Plane(
            name,
            note,
            [
                (tint, "".join(f"M{x} {y}h0" for (x, y), group in zip(spots, groups, strict=True) if group in members))
                for tint, members in _groups([tint for _, tint in legend], groups)
            ],
            "".join(_cross(*spots[place]) for place in wrong or ()),
        )
        for name, note, spots in planes
    ]
    data = json.dumps({"planes": [spots for *_, spots in planes], **numbers}, separators=(",", ":"), ensure_ascii=False)
    marked = None if wrong is None else len(wrong)
    return EmbeddingMap(title, drawn, list(legend), colored, len(groups), marked, of, data)


def _colors(names: Sequence[str]) -> list[tuple[str, str]]:
    """Return each name with its color; none if there are too many."""
    return [(name, color(number, len(names))) for number, name in enumerate(names)] if len(names) <= NAMED else []


def _joined(labels: Sequence[int], names: Sequence[str]) -> str:
    return ", ".join(names[label] for label in labels) or "no label"


def color(number: int, of: int) -> str:
    """Return one of several colors as far apart as they can be; every other one is darker."""
    return f"hsl({round(360 * number / of)},65%,{45 + 15 * (number % 2)}%)"


def _plane(name: str, note: str, places: Sequence[tuple[int, int]]) -> tuple[str, str, list[tuple[int, int]]]:
    """Shift the coordinates by the margin; y grows upwards in a map and downwards in an SVG."""
    return name, note, [(x + MARGIN, 1000 - y + MARGIN) for x, y in places]


def _groups(colors: Sequence[str], groups: Sequence[int]) -> list[tuple[str, set[int]]]:
    if not colors:
        return [("currentColor", {-1, *groups})]
    return [("currentColor", {-1}), *((tint, {number}) for number, tint in enumerate(colors))]


def _cross(x: int, y: int) -> str:
    return f"M{x - CROSS} {y - CROSS}l{2 * CROSS} {2 * CROSS}m0 -{2 * CROSS}l-{2 * CROSS} {2 * CROSS}"
