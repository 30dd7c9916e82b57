"""The stage `data prepare`: turn a source's samples into a store, with splits and the data card's numbers."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import files, registry
from darkroom.data import corrections, cut, held_out, hide, inspect, stratification, summary, twins
from darkroom.data.config import PrepareSpec
from darkroom.data.item import Item, Source, Unused
from darkroom.data.reader import Read, Reader
from darkroom.data.readers.image import ImageReader
from darkroom.data.store import GROUP_NAME, describe_store
from darkroom.data.target import Target
from darkroom.log import Log


def run(spec: PrepareSpec, *, raw: Path, out: Path, log: Log) -> None:
    """Decode, fit, inspect, split and describe the samples that `fetch` stored in `raw`.

    Unreadable files are listed in excluded.csv. Raises ValueError if no sample is left.
    """
    files.read_manifest(raw)
    source: Source = registry.build(spec.source)
    contents = source.contents(raw)
    reader: Reader = source.reader() if hasattr(source, "reader") else ImageReader(spec)
    with files.folder(out) as fresh:
        read = reader.read(contents, fresh)
        found = {item.label for item in read.items}
        classes = tuple(name for name in contents.classes if name in found)
        numbers: dict[str | None, int] = {name: number for number, name in enumerate(classes)}
        labels = np.array([numbers.get(item.label, -1) for item in read.items], dtype=np.int64)
        values = _values(contents.target, read.items)
        known = _known(labels) if contents.target is None else [item.target for item in read.items]
        copies = inspect.find_copies(read.fingerprints, known)
        firsts = np.array([row for row in range(len(labels)) if row not in copies.first], dtype=np.int64)
        found_twins = reader.twins(fresh, firsts) if spec.split.near_duplicates else twins.NONE
        strata = labels if contents.target is None else stratification.strata(contents.target, values)
        parts, groups = held_out.parts(spec.split, read.items, strata, copies.first | found_twins.links())
        given, ids = labels, [item.id for item in read.items]
        labels, kept = corrections.apply(spec.corrected, ids, given, classes)
        read.excluded += [Unused(ids[row], f"dropped by {corrections.KEY}") for row in np.flatnonzero(~kept)]
        if spec.corrected:
            copies = inspect.find_copies(read.fingerprints, _known(labels))
        table = pd.DataFrame(
            {
                "id": ids,
                "label": labels,
                "split": parts,
                "group": groups,
                "mask": np.array(read.masks or [-1] * len(ids), dtype=np.int64),
                "origin": [item.origin or item.id for item in read.items],
                "sha256": read.fingerprints,
                "twin_in_train": _twin_in_train(parts, copies.first, found_twins),
                **({"given_label": given} if spec.corrected else {}),
                **(dict(zip(contents.target.columns, values.T, strict=True)) if contents.target else {}),
                **read.columns,
                **_group_names(read.items),
            }
        )
        stays, left_out = cut.choose(spec.split, classes, table)
        stays &= kept
        if not stays.all():
            table, found_twins = cut.remove(fresh, table, stays), found_twins.among(stays)
            copies = inspect.find_copies(table["sha256"].tolist(), _known(table["label"].to_numpy()))
        budget = None
        if spec.labels is not None:
            table, budget = hide.hide(spec.labels, classes, table, kept=spec.corrected)
        sizes = reader.finish(fresh, table)
        describe_store(
            fresh,
            name=spec.name,
            classes=classes,
            items=table,
            target=contents.target,
            kind=reader.kind,
            sizes=sizes,
        )
        _write_lists(fresh, read, table["id"].tolist(), copies, found_twins)
        card = summary.summarize(
            spec,
            contents,
            table,
            classes,
            copies,
            found_twins,
            read.shape or sizes or (),
            excluded=len(read.excluded),
            left_out=left_out,
            corrected=(int((labels != given)[kept].sum()), int((~kept).sum())),
            budget=budget,
            warnings=read.warnings,
            kind=reader.kind,
            size=reader.describe(),
        )
        files.write_json(fresh / "card.json", card)
    counts = {f"data/{key}": card[key] for key in ("images", "excluded", "duplicates")}
    log({**counts, "data/near_duplicate_pairs": card["near_duplicates"]["pairs"]})


def _known(labels: NDArray[np.int64]) -> list[int | None]:
    """Return the labels (N,) with None for items without."""
    return [label if label >= 0 else None for label in labels.tolist()]


def _values(target: Target | None, items: Sequence[Item]) -> NDArray[np.float32]:
    """Return the labels or numbers (N, K) of the items, NaN for items without; (N, 0) if the target is a class."""
    missing = (math.nan,) * (len(target.names) if target else 0)
    return np.array([item.target or missing for item in items], dtype=np.float32)


def _group_names(items: Sequence[Item]) -> dict[str, list[str | None]]:
    """Return the column with the groups as the source names them; none if it names no groups."""
    names = [item.group for item in items]
    return {GROUP_NAME: names} if any(names) else {}


def _write_lists(root: Path, read: Read, ids: Sequence[str], copies: inspect.Copies, found: twins.Twins) -> None:
    _write_rows(root / "excluded.csv", ("origin", "reason"), read.excluded)
    duplicates = [(ids[row], ids[first]) for row, first in sorted(copies.first.items())]
    _write_rows(root / "duplicates.csv", ("id", "duplicate_of"), duplicates)
    pairs = zip(found.pairs.tolist(), found.similarity.tolist(), strict=True)
    _write_rows(
        root / "near_duplicates.csv",
        ("id", "twin", "similarity"),
        [(ids[row], ids[twin], f"{similarity:.4f}") for (row, twin), similarity in pairs],
    )


def _twin_in_train(parts: Sequence[str], first: dict[int, int], found: twins.Twins) -> list[bool]:
    """Return for every row outside of train whether train holds a copy or near-duplicate of it."""
    groups = inspect.group_numbers([None] * len(parts), first | found.links())
    trained = {group for group, part in zip(groups.tolist(), parts, strict=True) if part == "train"}
    return [part != "train" and group in trained for group, part in zip(groups.tolist(), parts, strict=True)]


def _write_rows(path: Path, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
