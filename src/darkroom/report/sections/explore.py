"""Explore: clusters of all images, their typical and odd members, a map, outliers, and how far they agree with labels."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.measure.intervals import Number, number
from darkroom.report.parts import strips
from darkroom.report.parts.curves import Curves, curves
from darkroom.report.parts.pictures import Sheet
from darkroom.report.parts.plane import EmbeddingMap, cluster_map
from darkroom.report.parts.table import Cell, Table, cell, rows
from darkroom.report.results import Results
from darkroom.report.section import Answer, Section
from darkroom.report.words import text
from darkroom.report.words.finding import Finding
from darkroom.report.words.text import say

ABOUT = "clusters.json"
TITLES = {"kmeans": "k-means", "gaussian_mixture": "a Gaussian mixture", "hdbscan": "HDBSCAN"}
AGREEMENT = {"nmi": "NMI", "ari": "Adjusted Rand index", "hungarian": "Hungarian accuracy, %"}


@dataclass(frozen=True)
class Picture:
    """One image: its sheet, the view box in it, its id, and its label if it has one."""

    sheet: str
    box: str
    id: str
    label: str


@dataclass(frozen=True)
class Strip:
    """Images in one row or several."""

    title: str
    pictures: list[Picture]
    sheets: list[Sheet]
    small: bool


@dataclass(frozen=True)
class Cluster:
    """One cluster: its most typical images, then its oddest ones, the oddest first."""

    title: str
    images: int
    strips: list[Strip]


@dataclass(frozen=True)
class Clusters:
    """The clusters of one embedding. `measured` says by what images and neighbors agreement was measured."""

    title: str
    method: str
    clusters: list[Cluster]
    unclustered: int
    outliers: Strip
    number: Curves | None
    map: EmbeddingMap | None
    points: str
    thumbnails: list[Sheet]
    key: str
    """Starts the ids of its elements on the page."""
    file: str


@dataclass(frozen=True)
class Explored:
    """The section's content."""

    images: int
    labeled: int
    table: Table
    notes: list[str]
    clusterings: list[Clusters]
    near_duplicates: int
    sizes: list[int]
    agreement: Number


def read(results: Results) -> Explored | None:
    """Read the clusterings; None if there are none."""
    if not results.clusterings:
        return None
    found = {name: files.read_json(folder / ABOUT) for name, folder in results.clusterings.items()}
    first: dict[str, Any] = next(iter(found.values()))
    labeled = max(about["agreement"]["images"] for about in found.values())
    card = files.read_json(results.data / "card.json")
    return Explored(
        images=first["images"],
        labeled=labeled,
        table=_table(found, labeled=labeled > 0),
        notes=_notes(found),
        clusterings=[
            _clusters(name, f"explore-{place}", found[name], results.clusterings[name])
            for place, name in enumerate(found)
        ],
        near_duplicates=int((card.get("near_duplicates") or {}).get("pairs", 0)),
        sizes=[one["images"] for one in first["clusters"]],
        agreement=number(first, "agreement", "hungarian"),
    )


def answer(content: Explored) -> Answer:
    """Head the page if nothing was trained, and say what was found."""
    first = content.clusterings[0]
    clusters = text.plural(len(first.clusters), "cluster")
    headline = say("<b>{}</b> form <b>{}</b>", text.plural(content.images, "image"), clusters)
    words = say("The {} features form {} ({})", first.title, clusters, first.method)
    if content.sizes:
        words += say(", of {} to {}", min(content.sizes), text.plural(max(content.sizes), "image"))
    if content.agreement.value is not None:
        words += say(
            "; matched one to one with the classes, they agree with <b>{}</b> of the labels",
            text.full(content.agreement, "percent"),
        )
    basis = say("Clustered by {} features, without labels. No model was trained to predict any.", first.title)
    finding = Finding("Explore", "clusters", "note", words + say("."))
    return Answer(headline, basis, findings=[finding])


SECTION = Section("explore", "Explore", read, answer, rank=8)


def _table(found: dict[str, Any], *, labeled: bool) -> Table:
    columns = ["Clusters", "In no cluster", "Silhouette"]
    columns += [*AGREEMENT.values(), "k-NN accuracy, %"] if labeled else []
    lines = []
    for about in found.values():
        score = about["silhouette"]
        line = [
            Cell(text.count(len(about["clusters"]))),
            Cell(text.count(about["unclustered"])),
            Cell(text.decimal(score)) if score is not None else Cell(text.DASH, "fewer than two clusters", "none"),
        ]
        if labeled:
            agreed = about["agreement"]
            line += [cell(number(agreed, key), "percent" if key == "hungarian" else "decimal") for key in AGREEMENT]
            line.append(cell(number(agreed, "knn"), "percent"))
        lines.append(line)
    return Table("Features", columns, rows(list(found), lines))


def _notes(found: dict[str, Any]) -> list[str]:
    """Say on which images agreement was measured, once for embeddings that have it in common."""
    notes: dict[str, list[str]] = {}
    for name, about in found.items():
        agreed, knn = about["agreement"], about["agreement"]["knn"]
        if not agreed["images"]:
            continue
        which = "labeled test image" if agreed["on"] == "test" else "labeled image"
        why = ", since its features were learned from the labels of the others" if agreed["on"] == "test" else ""
        asked = (
            f"the 20 nearest training images vote on {text.plural(knn['images'], 'test image')}"
            if knn["on"] == "test"
            else f"the 20 nearest other images vote on each of {text.plural(knn['images'], 'image')}"
        )
        notes.setdefault(
            f"agreement with labels on {text.plural(agreed['images'], which)}{why}; k-NN: {asked}", []
        ).append(name)
    return [f"{text.listed(names)}: {note}." for note, names in notes.items()]


def _clusters(name: str, key: str, about: dict[str, Any], folder: Path) -> Clusters:
    classes = about["classes"]
    names = [f"cluster {place + 1}" for place in range(len(about["clusters"]))]
    found = []
    for place, one in enumerate(about["clusters"]):
        shown = {"Most typical": one["typical"], "Oddest": one["odd"]}
        lines = [
            _strip(title, strip, folder, f"{key}-{place}-{number}", classes)
            for number, (title, strip) in enumerate(shown.items())
            if strip
        ]
        found.append(Cluster(names[place].capitalize(), one["images"], lines))
    mapped = about["map"]
    shared = ("ids", "labels", "columns", "rows", "width", "height")
    points = {**{part: mapped[part] for part in shared}, "classes": classes, "key": f"{key}-map"} if mapped else {}
    count = len(mapped["ids"]) if mapped else 0
    return Clusters(
        title=name,
        method=TITLES.get(about["clustering"]["name"], about["clustering"]["name"]),
        clusters=found,
        unclustered=about["unclustered"],
        outliers=_strip("Outliers", about["outliers"], folder, f"{key}-outliers", classes),
        number=_number_of_clusters(about["tried"]),
        map=cluster_map(name, mapped, mapped["clusters"], names, about["images"]) if mapped else None,
        points=json.dumps(points, separators=(",", ":"), ensure_ascii=False),
        thumbnails=strips.sheets(mapped, folder, f"{key}-map", images=count, shown=count) if mapped else [],
        key=key,
        file=f"{folder.as_posix()}/clusters.csv",
    )


def _number_of_clusters(tried: Sequence[dict[str, Any]]) -> Curves | None:
    """Draw stability and silhouette by the number of clusters."""
    if len(tried) < 2:
        return None
    lines = {
        title: {float(one["clusters"]): Number(one[key]) for one in tried if one[key] == one[key]}
        for title, key in (("stability", "stability"), ("silhouette", "silhouette"))
    }
    ticks = {float(one["clusters"]): str(one["clusters"]) for one in tried}
    return curves("Stability and silhouette", "clusters", lines, ticks)


def _strip(title: str, about: dict[str, Any], folder: Path, key: str, classes: Sequence[str]) -> Strip:
    count = len(about["ids"])
    labels = [classes[label] if label >= 0 else "" for label in about["labels"]]
    cuts = strips.cuts(about, key, shown=count)
    found = [
        Picture(cut.sheet, cut.boxes[0][1], id_, label)
        for cut, id_, label in zip(cuts, about["ids"], labels, strict=True)
    ]
    return Strip(
        title, found, strips.sheets(about, folder, key, images=count, shown=count), about["height"] < strips.SMALL
    )
