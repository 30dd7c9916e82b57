"""The audit on the page: its verdicts and numbers, shown once, whatever the number of classes."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from darkroom import files
from darkroom.report.config import ResultEntry

Steps = list[tuple[str, str, bool]]
STEPS: Steps = [("rotate90", "offline", True), ("translate", "offline", True), ("mixup", "online", False)]
Verdicts = dict[tuple[str, str], str]


def cell(verdict: str, kept: float, into: str) -> dict[str, Any]:
    """Build what the audit found for a transform and a class."""
    entry: dict[str, Any] = {"strength": 1.0, "images": 50, "numbers": {}, "note": "", "reason": "", "verdict": verdict}
    if verdict in ("unfamiliar", "unclear"):
        entry |= {"verdict": "keep", "note": verdict}
    if verdict in ("off", "unknown"):
        return {**entry, "reason": "only 3 training images to judge"}
    if verdict == "weaken":
        entry["weaken_to"] = 0.37
    lost = 0.98 - kept
    values = {"clean": 0.98, "kept": kept, "loss": lost, "turned": lost, "turned_more": lost}
    values |= {"realism": 1.2, "spread": 1.04, "surprise": 0.31}
    entry["numbers"] = {name: {"value": v, "low": v - 0.02, "high": v + 0.02} for name, v in values.items()}
    entry["turned_into"] = [{"class": into, "share": lost}] if lost > 0.1 else []
    return entry


def write(
    folder: Path,
    policy: str,
    classes: list[str],
    verdicts: Verdicts,
    listed: Steps = STEPS,
    cues: dict[str, Any] | None = None,
) -> None:
    """Write an audit as its stage does; what `verdicts` does not name is kept."""
    steps = [
        {"key": f"{part}/{name}", "title": name, "name": name, "part": part, "judged": judged}
        for name, part, judged in listed
    ]
    shares = {"drop": 0.104, "weaken": 0.506, "unfamiliar": 0.607}
    cells = {
        step["key"]: {
            name: cell(verdict := verdicts.get((step["name"], name), "keep"), shares.get(verdict, 0.951), classes[-1])
            for name in classes
        }
        for step in steps
        if step["judged"]
    }
    about = {
        "policy": policy,
        "target": "class",
        "of": {},
        "classes": classes,
        "tolerance": 0.05,
        "folds": 3,
        "draws": 4,
        "steps": steps,
    }
    whole = {name: cell("keep", 0.903, classes[-1]) for name in classes}
    with files.folder(folder) as fresh:
        files.write_json(fresh / "audit.json", {**about, "cells": cells, "whole": whole, "cues": cues or {}})
        (fresh / "policy.yaml").write_text(f"augment:\n  {policy}: {{copies: 1}}\n", encoding="utf-8")
        Image.fromarray(np.zeros((60, 90), np.uint8)).save(fresh / "examples.png")


def built(
    plant: Any,
    out: Path,
    verdicts: Verdicts,
    *,
    audits: Sequence[str] = ("standard",),
    steps: Steps = STEPS,
    cues: dict[str, Any] | None = None,
    **options: Any,
) -> str:
    """Build the report of a run in which these policies were audited."""
    tree = plant(**options)
    for policy in audits:
        classes = list(options.get("classes", [str(k) for k in range(10)]))
        write(tree.results / "audit" / "policies" / policy, policy, classes, verdicts, steps, cues)
    spec = tree.spec.model_copy(
        update={"audits": [ResultEntry(name=name, folder=f"audit/policies/{name}") for name in audits]}
    )
    return type(tree)(spec, tree.data, tree.results).build(out)


def section(page: str) -> str:
    """Cut the audit's section out of the page."""
    found = re.search(r'<section id="audit">.*?</section>', page, re.S)
    assert found
    return found[0]


def heat(page: str) -> list[list[tuple[str, str, str]]]:
    """Read the heat map's cells row by row: tone, share and the words below it."""
    body = re.search(r"<tbody>.*?</tbody>", section(page), re.S)
    assert body
    pattern = r'<td(?: class="([^"]*)")?>(.*?)(?:<small>(.*?)</small>)?</td>'
    return [re.findall(pattern, row, re.S) for row in re.findall(r"<tr.*?</tr>", body[0], re.S)]


VERDICTS: Verdicts = {
    ("rotate90", "6"): "drop",
    ("rotate90", "9"): "drop",
    ("rotate90", "0"): "unfamiliar",
    ("translate", "4"): "weaken",
    ("translate", "5"): "unknown",
}


def test_the_heat_map_shows_shares_and_verdicts_and_shades_by_share(plant: Any, tmp_path: Path) -> None:
    page = built(plant, tmp_path / "page", VERDICTS)
    clean, turned, moved, whole = heat(page)
    assert [row[0] for row in (clean, moved, whole)] == [
        ("heat heat9", "98.0", ""),
        ("heat heat9", "95.1", ""),
        ("heat heat9", "90.3", ""),
    ]
    assert turned[6] == ("heat heat1", "10.4", "drop")
    assert turned[0] == ("heat heat6", "60.7", "unfamiliar")
    assert moved[4] == ("heat heat5", "50.6", "weaken to 0.37")
    assert moved[5] == ("none", "–", "unknown")
    words = [small for row in (turned, moved) for _, _, small in row]
    assert sorted(filter(None, words)) == ["drop", "drop", "unfamiliar", "unknown", "weaken to 0.37"]
    style = page[: page.index("</style>")]
    assert all(f"td.heat{shade} " in style for shade in range(10))


def test_the_answer_counts_what_was_ruled_out(plant: Any, tmp_path: Path) -> None:
    page = built(plant, tmp_path / "page", VERDICTS)
    assert "2 of 2 transforms of <b>standard</b> change the labels of some classes" in page
    part = section(page)
    assert "<b>6</b> dropped" in part
    assert "<b>4</b> weakened to 0.37" in part
    assert "predicted as 9" in part
    assert "Not judged: mixup" in part
    assert part.count(" dropped") == 2


def test_the_worst_classes_are_named_first(plant: Any, tmp_path: Path) -> None:
    verdicts: Verdicts = {("rotate90", "1"): "weaken", ("rotate90", "6"): "drop"}
    part = section(built(plant, tmp_path / "page", verdicts))
    assert part.index("<b>6</b> dropped") < part.index("<b>1</b> weakened")


def test_a_policy_that_turns_no_class_into_another_says_so(plant: Any, tmp_path: Path) -> None:
    page = built(plant, tmp_path / "page", {("rotate90", "0"): "unfamiliar"})
    assert "No transform of <b>standard</b> turns a class into another." in page
    assert "Nothing has to be weakened or dropped: " in section(page)


def test_the_page_claims_nothing_about_classes_that_could_not_be_judged(plant: Any, tmp_path: Path) -> None:
    few = {(name, "3"): "unknown" for name, _, judged in STEPS if judged}
    page = built(plant, tmp_path / "some", few)
    assert "turns a class that could be judged into another." in page
    assert "partly judged" in page
    assert "labels preserved" not in page
    none = {(name, str(k)): "unknown" for name, _, judged in STEPS if judged for k in range(10)}
    page = built(plant, tmp_path / "none", none)
    assert "No transform of" not in page
    assert "The audit could not judge anything" in section(page)


def test_the_page_claims_nothing_about_a_policy_that_only_mixes_images(plant: Any, tmp_path: Path) -> None:
    page = built(plant, tmp_path / "page", {}, steps=[("mixup", "online", False)])
    assert "No transform of" not in page
    assert "Not judged: mixup" in section(page)
    assert "not judge anything" not in page


def test_the_clean_rate_of_a_class_is_known_if_one_transform_was_judged_on_it(plant: Any, tmp_path: Path) -> None:
    page = built(plant, tmp_path / "page", {("rotate90", "2"): "off"})
    clean, turned, *_ = heat(page)
    assert turned[2] == ("none", "–", "off")
    assert clean[2] == ("heat heat9", "98.0", "")


def test_the_examples_and_the_policy_to_copy_are_shown(plant: Any, tmp_path: Path) -> None:
    part = section(built(plant, tmp_path / "page", VERDICTS))
    (source,) = re.findall(r'<img src="([^"]*)"[^>]* alt="Images that standard changes most"', part)
    assert source.startswith("data:image/")
    shown = re.findall(r"<pre[^>]*>(.*?)</pre>", part, re.S)
    assert [yaml.safe_load(html.unescape(text)) for text in shown] == [{"augment": {"standard": {"copies": 1}}}]


def test_a_figure_without_examples_is_left_out_and_others_name_the_samples(plant: Any, tmp_path: Path) -> None:
    tree = plant()
    folder, card = tree.results / "audit" / "policies" / "standard", tree.data / "card.json"
    write(folder, "standard", [str(k) for k in range(10)], VERDICTS)
    files.write_json(card, files.read_json(card) | {"nouns": ["recording", "recordings"]})
    spec = tree.spec.model_copy(update={"audits": [ResultEntry(name="standard", folder="audit/policies/standard")]})
    for examples, shown in ((3, True), (0, False)):
        files.write_json(folder / "audit.json", {**files.read_json(folder / "audit.json"), "examples": examples})
        part = section(type(tree)(spec, tree.data, tree.results).build(tmp_path / f"page-{examples}"))
        assert ("Recordings that standard changes most" in part) == shown
        assert ("training recordings before and after" in part) == shown


def test_names_of_classes_are_escaped(plant: Any, tmp_path: Path) -> None:
    names = ["<b>bold</b>", "a & b", '"quoted"', "{{ braces }}"]
    verdicts = {("rotate90", names[0]): "drop", ("translate", names[2]): "weaken", ("rotate90", names[3]): "drop"}
    page = built(plant, tmp_path / "page", verdicts, classes=names, detectors=())
    assert "<b>bold</b>" not in page
    part = section(page)
    heads = re.findall(r'<th scope="col">(.*?)</th>', part)
    assert [html.unescape(head) for head in heads[1:5]] == names
    assert "&lt;b&gt;bold&lt;/b&gt;</b> dropped" in part


def test_a_policy_without_an_audit_is_left_out(plant: Any, tmp_path: Path) -> None:
    page = built(plant, tmp_path / "page", {}, audits=())
    assert 'id="audit"' not in page
    assert 'href="#audit"' not in page
    page = built(plant, tmp_path / "two", {}, audits=("first", "second"))
    titles = re.findall(r"<h3>(.*?)</h3>", section(page))
    assert titles == ["first", "second"]
    assert page.count('href="#audit"') == 1


def test_a_missing_audit_is_listed(plant: Any, tmp_path: Path) -> None:
    tree = plant()
    spec = tree.spec.model_copy(update={"audits": [ResultEntry(name="standard", folder="audit/policies/standard")]})
    page = type(tree)(spec, tree.data, tree.results).build(tmp_path / "page")
    assert 'id="audit"' not in page
    assert "audit/policies/standard</code>" in page


def test_a_hundred_classes_leave_a_table_of_those_that_matter(plant: Any, tmp_path: Path) -> None:
    classes = [f"kind {k:02}" for k in range(100)]
    verdicts = {("rotate90", f"kind {k:02}"): "drop" for k in range(50, 65)}
    page = built(plant, tmp_path / "page", verdicts, classes=classes, detectors=())
    rows = heat(page)
    assert {len(row) for row in rows} == {20}
    heads = re.findall(r'<th scope="col">(kind \d+)</th>', section(page))
    assert set(heads) == {f"kind {k:02}" for k in (*range(5), *range(50, 65))}
    assert heads == sorted(heads)  # in the order of the data set
    assert "lists 80 more classes" in page
    assert "rotate90 (15 classes)" in page  # in the answer, which has no room for all
    assert section(page).count("</b> dropped") == 12
    assert "3 more classes in" in section(page)


def test_a_transform_of_some_classes_only_is_warned_about_with_its_cue(plant: Any, tmp_path: Path) -> None:
    seen = {"value": 0.962, "low": 0.94, "high": 0.98}
    cues: dict[str, Any] = {"offline/translate": {"where": "policy", "without": ["6", "9"], "accuracy": seen}}
    page = built(plant, tmp_path / "seen", {}, cues=cues)
    assert "not to <b>6</b>; <b>9</b>" in section(page)
    assert "with accuracy 96.2% (94.0–98.0)" in section(page)
    assert "applies translate to some classes only, and leaves visible traces" in page
    cues["offline/translate"]["accuracy"] = {"value": 0.52, "low": 0.46, "high": 0.58}
    page = built(plant, tmp_path / "unseen", {}, cues=cues)
    assert "no better than chance" in section(page)
    assert "leaves visible traces" not in page
    cues["offline/translate"] |= {"where": "suggestion", "accuracy": seen}
    page = built(plant, tmp_path / "suggested", {}, cues=cues)
    assert "as the audit suggests, applies <b>translate</b> to some classes only" in section(page)
    assert "leaves visible traces" not in page


def test_the_page_shows_texts_with_their_changes_and_plays_recordings(plant: Any, tmp_path: Path) -> None:
    tree = plant()
    folder = tree.results / "audit" / "policies" / "standard"
    write(folder, "standard", [str(k) for k in range(10)], VERDICTS)
    pairs = [{"before": "not <b>good</b>", "after": "<b>good</b>", "label": "0", "answer": "1"}]
    files.write_json(
        folder / "examples.json", [{"title": "deletion, 0", "examples": pairs}, {"title": "x", "examples": []}]
    )
    share = {"value": 0.25, "low": 0.1, "high": 0.4}
    about = files.read_json(folder / "audit.json")
    unknown = {"value": None, "reason": "no text that the classifiers recognize"}
    about["negations"] = {
        "offline/rotate90": {"changed": share, "kept": share, "others": {**share, "value": 0.3}},
        "offline/translate": dict.fromkeys(("changed", "kept", "others"), unknown),
    }
    files.write_json(folder / "audit.json", about)
    (folder / "clip-0-before.wav").write_bytes(b"RIFF")
    files.write_json(folder / "clips.json", [{"class": "deletion, 0", "id": "a, before", "file": "clip-0-before.wav"}])
    spec = tree.spec.model_copy(update={"audits": [ResultEntry(name="standard", folder="audit/policies/standard")]})
    part = section(type(tree)(spec, tree.data, tree.results).build(tmp_path / "page"))
    assert "<td><del>not</del> &lt;b&gt;good&lt;/b&gt;</td><td>&lt;b&gt;good&lt;/b&gt;</td><td>0</td><td>1</td>" in part
    assert "<b>rotate90</b> adds or removes a negation in 25.0% (10.0–40.0) of the texts; 25.0%" in part
    assert "unknown, there is no text that the classifiers recognize" in part
    assert 'src="data:audio/wav;base64,UklGRg=="' in part
    assert ">x</th>" not in part


def test_the_page_says_what_happens_to_labels_and_numbers(plant: Any, tmp_path: Path) -> None:
    tree = plant()
    folder = tree.results / "audit" / "policies" / "standard"
    spec = tree.spec.model_copy(update={"audits": [ResultEntry(name="standard", folder="audit/policies/standard")]})
    names = ["cat", "without cat"]
    write(folder, "standard", names, {("rotate90", name): "drop" for name in names})
    about = files.read_json(folder / "audit.json")
    about |= {"target": "labels", "of": dict.fromkeys(names, "cat")}
    files.write_json(folder / "audit.json", about)
    page = type(tree)(spec, tree.data, tree.results).build(tmp_path / "labels")
    assert "change</span>" in page
    assert "changes some labels: rotate90 (<b>cat</b>)." in page
    assert "with a label and without it" in section(page)
    moved = {"shift": {"value": 53.2, "low": 50, "high": 56}, "slope": {"value": -1.0, "low": -1.1, "high": -0.9}}
    about |= {"target": "numbers", "of": {name: name for name in names}}
    about["cells"]["offline/rotate90"]["cat"]["numbers"] |= moved
    files.write_json(folder / "audit.json", about)
    page = type(tree)(spec, tree.data, tree.results).build(tmp_path / "numbers")
    assert "changes by 53.2 times the judge's own mean error, slope \N{MINUS SIGN}1.00" in html.unescape(page)
    assert "numbers change" in page
    assert "Change of the prediction, own errors" in section(page)
