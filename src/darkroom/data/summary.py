"""The numbers and warnings of the data card: what a data set holds, and what is odd about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from darkroom.data import split, target_summary
from darkroom.data.config import PrepareSpec
from darkroom.data.hide import Counts
from darkroom.data.inspect import Copies
from darkroom.data.item import Contents
from darkroom.data.kind import PLURAL, SINGULAR, SampleKind, Shape
from darkroom.data.store import SPLITS
from darkroom.data.twins import Twins, rule
from darkroom.data.words import listed

LARGE = 512
"""A longer side than this, taken from the images themselves, is worth a warning."""
LARGEST = 8
"""How many groups of near-duplicates the card names and draws."""

REMEDY = "data.split.regroup: true puts each group in one split"
PerClass = dict[str, dict[str, int]]


def summarize(
    spec: PrepareSpec,
    contents: Contents,
    table: pd.DataFrame,
    classes: tuple[str, ...],
    copies: Copies,
    found_twins: Twins,
    shape: Shape,
    *,
    kind: SampleKind,
    excluded: int,
    left_out: dict[str, int],
    corrected: tuple[int, int],
    budget: Counts | None = None,
    warnings: Sequence[str],
    size: str,
) -> dict[str, Any]:
    """Return the contents of card.json. `shape` is (height, width, channels) of images, and what networks take of others;
    `size` is that in words, and `warnings` are those found while reading.

    `left_out` counts the training images that a key of `data.split` removed, `corrected` the images that `data.corrections`
    relabeled and dropped, `budget` those whose label `data.labels` kept and hid.
    """
    counts = {
        name: {part: int(((table["label"] == number) & (table["split"] == part)).sum()) for part in SPLITS}
        for number, name in enumerate(classes)
    }
    described = target_summary.described(contents.target, table) if contents.target else {}
    found = [
        *warnings,
        *_about_classes(spec, contents, table, counts, kind),
        *(target_summary.warnings(described) if described else []),
        *_about_copies(table, copies, "numbers" if "numbers" in described else "labels", kind),
        *_about_twins(table, found_twins, kind),
        *(_about_size(spec, shape) if kind == "image" else ()),
    ]
    return {
        "name": spec.name,
        "source": spec.source.model_dump(mode="json"),
        "nouns": [SINGULAR[kind], PLURAL[kind]],
        "images": len(table),
        "size": size,
        "shape": list(shape),
        "classes": list(classes),
        "counts": counts,
        "splits": {part: int((table["split"] == part).sum()) for part in SPLITS},
        "unlabeled": int((table["label"] < 0).sum()),
        "excluded": excluded,
        "duplicate_groups": copies.groups,
        "duplicates": len(copies.first),
        "near_duplicates": _near_duplicates(spec, table, found_twins),
        "left_out": left_out,
        "corrected": {"relabeled": corrected[0], "dropped": corrected[1]},
        **({"labels": asdict(budget)} if budget else {}),
        "masks": int((table["mask"] >= 0).sum()),
        "notes": list(contents.notes),
        "warnings": found,
        **described,
    }


def _near_duplicates(spec: PrepareSpec, table: pd.DataFrame, found: Twins) -> dict[str, Any]:
    """Describe the near-duplicates, the rule, and how many pairs a random split of these sizes separates on average."""
    ids, sizes = table["id"].tolist(), table["split"].value_counts().to_numpy().astype(int)
    together = (sizes * (sizes - 1)).sum() / max(len(table) * (len(table) - 1), 1)
    threshold = dict(zip(("5 %", "50 %", "95 %"), found.threshold, strict=True)) if found.threshold else None
    return {
        "sought": spec.split.near_duplicates,
        "rule": found.rule or rule(),
        "similarity_needed": threshold,
        "pairs": len(found.pairs),
        "groups": len(found.groups),
        "images": sum(map(len, found.groups)),
        "largest": [{"size": len(rows), "ids": [ids[row] for row in rows]} for rows in found.groups[:LARGEST]],
        "links_refused": found.refused,
        "torn_by_random_split": round(len(found.pairs) * float(1 - together), 1),
        "torn": sum(_torn_pairs(table, found).values()),
    }


def _torn_pairs(table: pd.DataFrame, found: Twins) -> Counter[tuple[str, ...]]:
    """Count the pairs in two splits, by these splits."""
    parts = table["split"].to_numpy(dtype=object)[found.pairs]
    return Counter(tuple(sorted(pair, key=SPLITS.index)) for pair in parts.tolist() if pair[0] != pair[1])


def _about_twins(table: pd.DataFrame, found: Twins, kind: SampleKind) -> list[str]:
    torn = _torn_pairs(table, found)
    if not torn:
        return []
    where = ", ".join(f"{number} between {' and '.join(pair)}" for pair, number in sorted(torn.items()))
    share = torn.total() / len(found.pairs)
    twice = " (one object photographed twice)" if kind == "image" else ""
    return [
        f"near-duplicate pairs{twice} in two splits, because the source's own splits were kept: "
        f"{torn.total()} of {len(found.pairs)} ({share:.0%}): {where}"
    ]


def _about_classes(
    spec: PrepareSpec, contents: Contents, table: pd.DataFrame, counts: PerClass, kind: SampleKind
) -> list[str]:
    found: list[str] = []
    one = SINGULAR[kind]
    if empty := [name for name in contents.classes if name not in counts]:
        found.append(f"classes without a readable {one}, left out: {listed(empty)}")
    if single := [name for name, parts in counts.items() if sum(parts.values()) == 1]:
        found.append(f"classes with one {one}: {listed(single)}")
    test = spec.split.test if spec.split.method == "random" else 1.0
    for part, share in (("train", 1.0), ("test", test), ("val", spec.split.val)):
        expected = counts.keys() - contents.only_test if part != "test" else counts.keys()
        absent = [name for name, parts in counts.items() if not parts[part] and name in expected]
        if not share:
            continue
        if not (table["split"] == part).any():
            found.append(f"no {one} is in {part}")
        elif absent:
            found.append(f"classes without any {one} in {part}: {listed(absent)}")
    return found


def _about_copies(table: pd.DataFrame, copies: Copies, what: str, kind: SampleKind) -> list[str]:
    found: list[str] = []
    if len(table) > 1 and len(copies.first) == len(table) - 1:
        found.append(f"all {len(table)} {PLURAL[kind]} are the same")
    if copies.conflicting:
        ids = table["id"].tolist()
        examples = listed([ids[row] for row in copies.conflicting])
        found.append(f"{PLURAL[kind]} whose copies carry different {what}: {len(copies.conflicting)}: {examples}")
    if torn := split.torn(table["group"].to_numpy(), table["split"].tolist()):
        found.append(
            f"groups (copies of one {SINGULAR[kind]}, near-duplicates, or groups of the source) in more than one split, because "
            f"the source's own splits were kept: {torn}; {REMEDY}"
        )
    return found


def _about_size(spec: PrepareSpec, shape: Shape) -> list[str]:
    if spec.size is not None or max(shape[:2]) <= LARGE:
        return []
    return [f"the images keep their size of {shape[0]}×{shape[1]}; data.size makes them smaller"]
