"""The data card: near-duplicates, images left out on purpose, notes and warnings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from tests.report.page import findings

from darkroom import files

FOUND = {
    "sought": True, "rule": "Twins are found.", "similarity_needed": {"5 %": 0.5, "50 %": 0.61, "95 %": 0.7},
    "pairs": 2199, "groups": 269, "images": 1179, "largest": [{"size": 12, "ids": ["a"]}], "links_refused": 3,
    "torn_by_random_split": 747.6, "torn": 0,
}  # fmt: skip


def test_near_duplicates_and_cuts_are_listed(plant: Callable[..., Any], tmp_path: Path) -> None:
    tree = plant()
    card = files.read_json(tree.data / "card.json")
    before = tree.build(tmp_path / "before")
    assert "near-duplicate" not in before.lower()
    pd.DataFrame({"id": ["one"], "twin": ["other"], "similarity": [0.9]}).to_csv(
        tree.data / "near_duplicates.csv", index=False
    )
    files.write_json(tree.data / "card.json", {**card, "near_duplicates": FOUND, "left_out": {"long_tail": 1234}})
    page = tree.build(tmp_path / "after")
    assert "2,199 near-duplicate pairs (one object photographed twice), in 269 groups of 1,179 images" in page
    assert "a plain random split would separate 748 of the pairs, this one separates 0" in page
    assert "Twins are found; the median similarity that this requires is 0.61" in page
    assert "1,234 training images left out by data.split.long_tail" in page
    assert "Near-duplicates (1)" in page


def test_notes_are_facts_and_warnings_lead_the_page(plant: Callable[..., Any], tmp_path: Path) -> None:
    tree = plant(warnings=["Class 3 has 2 images"])
    card = files.read_json(tree.data / "card.json")
    files.write_json(tree.data / "card.json", {**card, "notes": ["This layout has no masks."]})
    page = tree.build(tmp_path / "page")
    assert findings(page)["Data"] == ["warning: Class 3 has 2 images"]
    assert "<li>This layout has no masks.</li>" in page


def test_labels_and_numbers_are_counted_by_their_own_names(plant: Callable[..., Any], tmp_path: Path) -> None:
    tree = plant()
    card = {**files.read_json(tree.data / "card.json"), "classes": [], "splits": {"train": 70, "val": 10, "test": 20}}
    labels = {"kind": "labels", "names": ["apple", "pear"]}
    counts = {"apple": {"train": 12, "val": 3, "test": 4}, "pear": {"train": 0, "val": 0, "test": 1}}
    files.write_json(tree.data / "card.json", {**card, "target": labels, "counts": counts})
    page = tree.build(tmp_path / "labels")
    assert "with <b>2 labels</b>" in page
    assert "70 for training, 10 for validation, 20 for testing" in page
    assert "Images with each label, by split" in page
    spread = {"mean": 12.5, "std": 2.0, "min": 1.0, "median": 12.0, "max": 31.0}
    numbers = {"price": {"train": spread, "val": None, "test": None}}
    target = {"kind": "numbers", "names": ["price"]}
    files.write_json(tree.data / "card.json", {**card, "target": target, "counts": {}, "numbers": numbers})
    page = tree.build(tmp_path / "numbers")
    assert "with <b>1 number</b>" in page
    assert "12.5" in page
