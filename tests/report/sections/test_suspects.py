"""The section on wrong labels: suspects with their choices, safe names, and the script only where it is needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tests.report.conftest import Tree
from tests.report.page import NASTY, Page, findings

from darkroom import files, sheets
from darkroom.report.config import ResultEntry


def write(out: Path, classes: tuple[str, ...], suspects: int) -> None:
    entries: list[dict[str, Any]] = [
        {
            "id": f"{classes[0]} {number}",
            "split": "train",
            "given": classes[number % 2],
            "suggested": classes[1 - number % 2],
            "score": 0.5,
            "p_given": 0.1,
            "p_suggested": 0.9,
            "votes_given": 0.0,
            "votes_suggested": 1.0,
            "twins": "",
        }
        for number in range(suspects)
    ]
    with files.folder(out) as fresh:
        panel = np.zeros((8, 8, 3), np.uint8)
        panels = dict.fromkeys(("image", "given", "suggested"), panel)
        about = {
            "classes": list(classes),
            "images": 50,
            "suspects": suspects,
            "twins": 1 if suspects else 0,
            "folds": 3,
            "agreed": 0.42,
            "estimated": [[20, suspects], [0, 30 - suspects]],
            "shown": entries,
            "strip": sheets.save_strip(fresh, "suspects", [panels] * suspects) if suspects else None,
        }
        files.write_json(fresh / "labels.json", about)


def page_of(plant: Callable[..., Tree], tmp_path: Path, classes: tuple[str, ...], suspects: int) -> str:
    tree = plant(classifiers=(), generators=(), detectors=())
    write(tree.results / "labels", classes, suspects)
    spec = tree.spec.model_copy(update={"labels": ResultEntry(folder="labels")})
    return Tree(spec, tree.data, tree.results).build(tmp_path / "page")


def test_every_suspect_can_be_kept_relabeled_or_dropped(plant: Callable[..., Tree], tmp_path: Path) -> None:
    page = page_of(plant, tmp_path, ("cat", "dog"), 3)
    read = Page(page)
    assert not read.open
    choices = [attributes for tag, attributes in read.elements if tag == "select"]
    assert [one["data-place"] for one in choices] == ["0", "1", "2"]
    assert all(one["aria-label"] for one in choices)
    values = [attributes.get("value") for tag, attributes in read.elements if tag == "option"]
    assert values == ["", "dog", "drop", "", "cat", "drop", "", "dog", "drop"]
    assert (
        "3 of 50 labels are suspects (6%), by judges that agree with 42.0% of the labels" in findings(page)["Labels"][0]
    )
    assert page.count("URL.createObjectURL") == 1
    assert "Put the file into the folder in which you run Snakemake" in page, "that of the config is another one"


def test_a_page_with_the_first_suspects_only_says_so(plant: Callable[..., Tree], tmp_path: Path) -> None:
    assert "These are the first" not in page_of(plant, tmp_path / "all", ("cat", "dog"), 3)
    tree = plant(classifiers=(), generators=(), detectors=())
    write(tree.results / "labels", ("cat", "dog"), 3)
    about = files.read_json(tree.results / "labels" / "labels.json")
    files.write_json(tree.results / "labels" / "labels.json", {**about, "suspects": 40})
    spec = tree.spec.model_copy(update={"labels": ResultEntry(folder="labels")})
    page = Tree(spec, tree.data, tree.results).build(tmp_path / "page")
    assert "These are the first 3; the table named below has all." in page


def test_the_effect_of_corrections_is_said_on_both_labels_apart(plant: Callable[..., Tree], tmp_path: Path) -> None:
    tree = plant(classifiers=(), generators=(), detectors=())
    write(tree.results / "labels", ("cat", "dog"), 2)
    given = np.arange(200) % 2
    corrected = np.where(np.arange(200) < 40, 1 - given, given)
    with files.folder(tree.results / "effect") as fresh:
        seeds = {
            f"{when}_{seed}": answers for seed in (0, 1) for when, answers in (("before", given), ("after", corrected))
        }
        table = {"id": [str(n) for n in range(200)], "given": given, "corrected": corrected, **seeds}
        pd.DataFrame(table).to_parquet(fresh / "predictions.parquet", index=False)
    entries = {"labels": ResultEntry(folder="labels"), "corrected": ResultEntry(folder="effect")}
    page = Tree(tree.spec.model_copy(update=entries), tree.data, tree.results).build(tmp_path / "page")
    hurt, helped = findings(page)["Corrected labels"]
    assert hurt.startswith("hurt: ")
    assert "test labels as they were by \N{MINUS SIGN}20.0 points" in hurt
    assert helped.startswith("helped: ")
    assert "corrected test labels by +20.0 points" in helped


def test_names_stay_text(plant: Callable[..., Tree], tmp_path: Path) -> None:
    for name in NASTY:
        read = Page(page_of(plant, tmp_path, (name, "dog"), 2))
        assert [tag for tag, _ in read.elements if tag == "script"] == ["script"]
        assert not any("onerror" in attributes for _, attributes in read.elements)
        assert name in [attributes.get("value") for tag, attributes in read.elements if tag == "option"]


def test_clean_labels_are_said_and_need_no_script(plant: Callable[..., Tree], tmp_path: Path) -> None:
    page = page_of(plant, tmp_path, ("cat", "dog"), 0)
    assert "None of 50 labels is a suspect" in findings(page)["Labels"][0]
    assert not any(tag == "select" for tag, _ in Page(page).elements)
