"""Why classifiers err, on the page: pictures, warnings, and the map with its one script."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits
from tests.report.conftest import Tree
from tests.report.page import Page, findings, table_of

from darkroom import files, sheets
from darkroom.report.config import ResultEntry
from darkroom.report.parts.plane import embedding_map
from darkroom.report.sections.classify import risks

NASTY = ("<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "a\nb'c & d")
DARK = {
    "attribute": "brightness",
    "kind": "low",
    "limit": 0.21,
    "output": None,
    "error": 0.3,
    "images": 40,
    "error_else": 0.1,
    "images_else": 100,
    "ratio": 3.0,
    "low": 1.4,
    "high": 6.4,
    "within": None,
    "p": 0.01,
}
LEAK = {
    "output": None,
    "accuracy": 0.98,
    "low": 0.95,
    "high": 1.0,
    "chance": 0.5,
    "images": 80,
    "classes": 2,
    "found": True,
}
UNTESTED = {
    "output": None,
    "accuracy": None,
    "low": None,
    "high": None,
    "chance": None,
    "images": 0,
    "classes": 0,
    "found": False,
}


def strip(folder: Path, name: str, panels: Sequence[str], items: int) -> dict[str, Any]:
    images = (load_digits().images[:items, :, :, None] * 15.9).astype(np.uint8).repeat(3, 3)
    about = sheets.save_strip(folder, name, (dict.fromkeys(panels, image) for image in images))
    item = {"label": 0, "predicted": 1, "confidence": 0.9, "rival": 0, "rival_confidence": 0.1}
    return {**about, "items": [{**item, "id": f"{name}/{number}"} for number in range(items)]}


def with_explanation(tree: Tree, classes: Sequence[str], *, found: bool = True) -> Tree:
    """Add an explanation of every classifier to a planted tree."""
    out, generator = tree.results / "explanation", np.random.default_rng(0)
    places = {name: generator.integers(0, 1001, (30, 2)).tolist() for name in ("pca", "tsne")}
    with files.folder(out) as fresh:
        classifiers = []
        for number, (policy, model) in enumerate(dict.fromkeys((c.policy, c.model) for c in tree.spec.classifiers)):
            folder = fresh / f"{number:03d}"
            folder.mkdir()
            maps = ["image", "prediction", "rival"] if model == "resnet" else ["image"]
            strips = {
                name: strip(folder, name, maps, 3) for name in ("highest_loss", "confident_mistakes", "unsure_right")
            }
            drawn = {**places, "explained": [0.4, 0.2], "predicted": [1] * 30, "confidence": [0.5] * 30}
            one = {"policy": policy, "model": model, "folder": folder.name, "mistakes": 22, "strips": strips}
            one |= {"tests": 12, "tested_pairs": 0}
            one |= {"saliency": "grad_cam" if model == "resnet" else None, "map": drawn}
            one |= {
                "pairs": [
                    {**strip(folder, "pair-0", maps, 2), "kind": "confused", "true": 0, "predicted": 1, "count": 7}
                ]
            }
            classifiers.append({**one, "conditions": [DARK] if found else []})
        images = (load_digits().images[:30, :, :, None] * 15.9).astype(np.uint8).repeat(3, 3)
        points = sheets.save_strip(fresh, "map", ({"image": image} for image in images), columns=6, rows=3)
        points |= {"ids": [f"test/{k}" for k in range(30)], "truth": [k % len(classes) for k in range(30)]}
        kinds = {"file type": LEAK if found else UNTESTED, "size": UNTESTED}
        shortcuts = [{**about, "kind": kind, "reason": "not recorded"} for kind, about in kinds.items()]
        about = {"target": "class", "names": list(classes), "images": 140, "conditions": 12, "classifiers": classifiers}
        files.write_json(fresh / "explanation.json", {**about, "shortcuts": shortcuts, "points": points})
    return Tree(
        tree.spec.model_copy(update={"explanation": ResultEntry(folder="explanation")}), tree.data, tree.results
    )


@pytest.fixture
def page(plant: Callable[..., Tree], tmp_path: Path) -> str:
    classes = [str(k) for k in range(10)]
    return with_explanation(plant(classes=classes), classes).build(tmp_path / "out")


def test_the_answer_warns(page: str) -> None:
    found = findings(page)
    assert found["Shortcut"] == [
        "a leak: The file type alone predicts the class: balanced accuracy 98.0% (95.0\N{EN DASH}100.0), chance 50.0%. "
        "A network may use it in place of the picture."
    ]
    assert "is wrong 3 times as often in dark images: 12 of 40, against 10 of 100" in found["Mistakes"][0]
    assert "elsewhere (1.4 to 6.4)" in found["Mistakes"][0]
    assert table_of(page, "Shortcuts to the class")[0][:3] == ["file type leak", "98.0 95.0\N{EN DASH}100.0", "50.0"]


def test_every_classifier_has_pictures_and_a_map(page: str) -> None:
    read = Page(page)
    assert not read.open
    assert len([a for a in read.tags("svg") if a.get("class") == "plane"]) == 2 * 4
    used = {a["href"] for a in read.tags("use") if "href" in a}
    images = {f"#{a['id']}" for a in read.tags("image")}
    assert used <= images
    assert any("map-0" in name for name in images)
    panels = [a.get("aria-label") for a in read.tags("svg")]
    assert panels.count("prediction") == 2 * (3 * 3 + 2)


def test_the_policy_allows_the_one_script(page: str) -> None:
    policy = next(m["content"] for m in Page(page).tags("meta") if m.get("http-equiv") == "Content-Security-Policy")
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in (policy or "")
    assert "unsafe" not in (policy or "")
    assert not [a for _, a in Page(page).elements if "style" in a]


def test_names_are_inert(plant: Callable[..., Tree], tmp_path: Path) -> None:
    text = with_explanation(plant(classes=NASTY), NASTY).build(tmp_path / "out")
    read = Page(text)
    assert len(read.tags("script")) == 1
    assert not [a for _, a in read.elements if any(key.startswith("on") for key in a)]
    points = next(a for _, a in read.elements if a.get("id") == "map-points")
    assert json.loads(points["data-points"] or "")["classes"] == list(NASTY)


def test_silence_without_findings(plant: Callable[..., Tree], tmp_path: Path) -> None:
    classes = ["a", "b"]
    text = with_explanation(plant(classes=classes), classes, found=False).build(tmp_path / "out")
    assert not {"Shortcut", "Mistakes"} & findings(text).keys()
    assert "Shortcuts to the class" not in text
    assert "None of 12 conditions tested" in Page(text).text


def test_labels_that_leak_beyond_those_named_are_counted() -> None:
    leaks = [{**LEAK, "kind": "file type", "output": k, "low": 0.9 - k / 100} for k in range(4)]
    found = [*leaks, {**UNTESTED, "kind": "size", "output": 0, "reason": "the same for all images"}]
    told = [str(one.words) for one in risks.shortcut_findings(found, "labels", list("abcd"))]
    assert ["The table of shortcuts has 1 more." in words for words in told] == [False, False, True]
    table = risks.shortcuts_table(found, "labels", list("abcd"))
    assert table is not None
    assert [row.cells[0].main for row in table.rows] == [*"abcd", "\N{EN DASH}"]


def test_a_map_of_thousands_of_images_stays_small() -> None:
    generator = np.random.default_rng(0)
    places = generator.integers(0, 1001, (5000, 2)).tolist()
    about = {
        "pca": places,
        "tsne": places,
        "explained": [0.5, 0.1],
        "predicted": [0] * 5000,
        "confidence": [0.5] * 5000,
    }
    drawn = embedding_map("x", about, [0] * 5000, [str(k) for k in range(1000)], 9000)
    size = len(drawn.data) + sum(len(path) for plane in drawn.planes for _, path in plane.points)
    assert size < 60 * 5000
    assert drawn.legend == []
    assert len(drawn.planes[0].points) == 1


def test_right_answers_among_the_highest_losses_are_counted(plant: Callable[..., Tree], tmp_path: Path) -> None:
    classes = [str(k) for k in range(10)]
    tree = with_explanation(plant(classes=classes), classes)
    assert "Right answers among them" not in tree.build(tmp_path / "mistakes")
    path = tree.results / "explanation" / "explanation.json"
    about = files.read_json(path)
    for one in about["classifiers"]:
        one["mistakes"] = 1
        for item in one["strips"]["highest_loss"]["items"][1:]:
            item["predicted"] = item["label"]
    path.unlink()
    files.write_json(path, about)
    assert "Right answers among them: 2 of 3, as the classifier made 1 mistake." in tree.build(tmp_path / "few")
