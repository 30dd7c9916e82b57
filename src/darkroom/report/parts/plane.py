"""Draw an embedding map: one image per point, placed by its features, with its thumbnail at the pointer.

The points are paths of an SVG, so that the map is seen and printed without a script. `templates/map.js` adds the
thumbnails, from the numbers in `data`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MARGIN, CROSS = 20, 11
"""Around the grid of coordinates, and half the side of the cross on a mistake, in its units."""
NAMED = 20
"""Classes up to this number have colors of their own."""


@dataclass(frozen=True)
class Plane:
    """One projection: a path of points per color, as (color, path), and the crosses on the mistakes."""

    title: str
    about: str
    points: list[tuple[str, str]]
    crosses: str


@dataclass(frozen=True)
class EmbeddingMap:
    """The planes of one classifier or clustering; `legend` has the classes or clusters with their colors, none if too many."""

    title: str
    planes: list[Plane]
    legend: list[tuple[str, str]]
    images: int
    mistakes: int
    of: int
    """Images, on the map or not."""
    data: str
    """JSON for the script: both planes' coordinates, and predictions with confidences or clusters with names."""


def embedding_map(
    title: str, about: dict[str, Any], labels: Sequence[int], classes: Sequence[str], of: int
) -> EmbeddingMap:
    """Draw the map that an explanation describes, of images with these labels."""
    predicted = about["predicted"]
    wrong = [place for place, label in enumerate(labels) if predicted[place] != label]
    numbers = {"predicted": predicted, "confidence": about["confidence"]}
    return _map(title, about, labels, classes, of, wrong, numbers)


def cluster_map(
    title: str, about: dict[str, Any], clusters: Sequence[int], names: Sequence[str], of: int
) -> EmbeddingMap:
    """Draw the map of images in these clusters, -1 for none, in the colors of the clusters."""
    return _map(title, about, clusters, names, of, [], {"groups": list(clusters), "names": list(names)})


def _map(
    title: str,
    about: dict[str, Any],
    labels: Sequence[int],
    classes: Sequence[str],
    of: int,
    wrong: Sequence[int],
    numbers: dict[str, Any],
) -> EmbeddingMap:
    colors = [color(number, len(classes)) for number in range(len(classes))] if len(classes) <= NAMED else []
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
                (tint, "".join(f"M{x} {y}h0" for (x, y), label in zip(spots, labels, strict=True) if label in members))
                for tint, members in _groups(colors, classes)
            ],
            "".join(_cross(*spots[place]) for place in wrong),
        )
        for name, note, spots in planes
    ]
    legend = list(zip(classes, colors, strict=True)) if colors else []
    data = json.dumps({"planes": [spots for *_, spots in planes], **numbers}, separators=(",", ":"), ensure_ascii=False)
    return EmbeddingMap(title, drawn, legend, len(labels), len(wrong), of, data)


def color(number: int, of: int) -> str:
    """Return one of several colors as far apart as they can be; every other one is darker."""
    return f"hsl({round(360 * number / of)},65%,{45 + 15 * (number % 2)}%)"


def _plane(name: str, note: str, places: Sequence[tuple[int, int]]) -> tuple[str, str, list[tuple[int, int]]]:
    """Shift the coordinates by the margin; y grows upwards in a map and downwards in an SVG."""
    return name, note, [(x + MARGIN, 1000 - y + MARGIN) for x, y in places]


def _groups(colors: Sequence[str], classes: Sequence[str]) -> list[tuple[str, set[int]]]:
    if not colors:
        return [("currentColor", {-1, *range(len(classes))})]
    return [("currentColor", {-1}), *((tint, {number}) for number, tint in enumerate(colors))]


def _cross(x: int, y: int) -> str:
    return f"M{x - CROSS} {y - CROSS}l{2 * CROSS} {2 * CROSS}m0 -{2 * CROSS}l-{2 * CROSS} {2 * CROSS}"
