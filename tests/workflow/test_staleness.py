"""What a change makes stale: each row of docs/reruns.md, by asking Snakemake for its plan.

The results are stand-ins with real records (see `made.py`): a plan never reads more of them. Without `-m long` a few rows run.
"""

from __future__ import annotations

import re
import typing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from tests.workflow.conftest import ROOT
from tests.workflow.edits import ALL, BASE, CHANGED, EXPLANATION, REPORT, settings, together
from tests.workflow.row import NEW, Row
from tests.workflow.rows import ROWS

from darkroom.augment.config import Policy
from darkroom.config import load as config


def named(what: str) -> Row:
    return next(row for row in ROWS if row.what == what)


SEVERAL = [
    Row(
        "changes of no effect, and the template",
        together(
            named("keys in another order, a default written out").change,
            named("a comment, a docstring, the format").change,
            named("the report's template").change,
        ),
        named("the report's template").jobs,
    ),
    Row(
        "a classifier changed, one added and one removed",
        settings(
            classify__models__mlp__training__optimizer__lr=0.01,
            classify__models__wide={"network": "mlp"},
            classify__models__resnet=None,
        ),
        named("the learning rate of one classifier").jobs,
        why="training.optimizer.lr 0.001 → 0.01",
        new=named("a classifier added").new,
    ),
]
"""Rows that share one plan, as their jobs can be distinguished; `-m long` tests each of them alone."""


def expected(row: Row) -> set[str]:
    """The jobs of a row; the explanation is of the first seed of every classifier."""
    found = {job for job in ALL if any(re.search(pattern, job) for pattern in row.jobs)} | set(row.new)
    if any(re.search("classifier: .* seed 0$", job) for job in found):
        found.add(EXPLANATION)
    return found | {REPORT} if found else found


@pytest.fixture(scope="module")
def stale(project):
    """The project with the results of a run on a folder of 120 pictures."""
    data = load_digits()
    for number, index in enumerate(np.flatnonzero(data.target < 3)[:120]):
        folder = project.root / "pictures" / str(data.target[index])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((data.images[index] * 15).astype(np.uint8)).save(folder / f"{number}.png")
    project.config("stale", BASE)
    summary = project.call("--configfile", "config/stale.yaml", "--summary").stdout
    outputs = [line.split("\t")[0] for line in summary.splitlines()[1:]]
    project.python(str(Path(__file__).with_name("made.py")), "config/stale.yaml", *outputs)
    project.call("--configfile", "config/stale.yaml", "--touch")
    return project


@pytest.mark.parametrize(
    "row",
    [
        *(pytest.param(row, id=row.what) for row in SEVERAL),
        *(pytest.param(row, id=row.what, marks=() if row.quick else pytest.mark.long) for row in ROWS),
    ],
)
def test_what_runs_after_a_change(stale, row: Row) -> None:
    stale.config("changed", BASE)
    with row.change(stale):
        reasons = stale.reasons(*CHANGED, *row.arguments)
    assert set(reasons) == expected(row)
    assert any(row.why in reason for reason in reasons.values()) or not row.why, "\n".join(set(reasons.values()))
    assert not any("Params have changed" in reason for reason in reasons.values())


@pytest.mark.long
def test_forcing_plans_every_job(stale) -> None:
    assert stale.reasons("--configfile", "config/stale.yaml", "--forceall") == dict.fromkeys(ALL, "forced")


def test_the_table_in_the_docs_is_this_one() -> None:
    told = (ROOT / "docs" / "reruns.md").read_text(encoding="utf-8")
    assert table() in told, table()


def test_every_key_of_every_section_has_a_row() -> None:
    elsewhere = {"classify.models": "a classifier added", "classify.seeds": "a seed added"}
    elsewhere |= {"generate.models": "a generator added", "detect.detectors": "a detector added"}
    sections = {name: config.Config.model_fields[name].annotation for name in config.Config.model_fields}
    keys = [f"augment.standard.{key}" for key in Policy.model_fields if key != "synthetic"] + [
        "augment.drawn.synthetic"
    ]
    for name in ("data", "audit", "classify", "generate", "detect", "tracking"):
        [section] = [
            part for part in (*typing.get_args(sections[name]), sections[name]) if hasattr(part, "model_fields")
        ]
        keys += [f"{name}.{key}" for key in section.model_fields]
    told = [row.what for row in ROWS]
    missing = [key for key in keys if not any(f"`{key}" in what or what == elsewhere.get(key) for what in told)]
    assert missing == []


def table() -> str:
    """The rows as a table."""
    lines = ["| what was changed | what runs |", "|---|---|"]
    for row in ROWS:
        which = row.which or (NEW if row.new else "the report" if row.jobs else "nothing")
        lines.append(f"| {row.what} | {which} |")
    return "\n".join(lines)
