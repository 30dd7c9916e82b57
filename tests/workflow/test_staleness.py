"""What a change makes stale: each row of docs/reruns.md, by asking Snakemake for its plan.

The results are stand-ins with real records (see `made.py`): a plan never reads more of them. A few rows run always, others with
`-m thorough` or `-m long`.
"""

from __future__ import annotations

import functools
import re
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from tests.workflow.conftest import ROOT
from tests.workflow.edits import CHANGED, settings, together
from tests.workflow.pretrained_rows import PHOTOGRAPHS, WEIGHTS
from tests.workflow.row import NEW, STALE, Base, Row
from tests.workflow.rows import ROWS
from tests.workflow.unlabeled_rows import EXPLORED

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
MARKS: dict[str, Any] = {"always": (), "thorough": pytest.mark.thorough, "long": pytest.mark.long}


def expected(row: Row) -> set[str]:
    """The jobs of a row; the explanation is of the first seed of every classifier."""
    base = row.base
    found = {job for job in base.jobs if any(re.search(pattern, job) for pattern in row.jobs)} | set(row.new)
    if any(re.search("classifier: .* seed 0$", job) for job in found):
        found.add(base.explanation)
    return found | {base.report} if found else found


@pytest.fixture(scope="module")
def made(project) -> Callable[[Base], Any]:
    """Make stand-ins for the results of a base on a folder of 120 pictures, once, and return the project."""
    data = load_digits()
    for number, index in enumerate(np.flatnonzero(data.target < 3)[:120]):
        folder = project.root / "pictures" / str(data.target[index])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((data.images[index] * 15).astype(np.uint8)).save(folder / f"{number}.png")
    (project.root / WEIGHTS).write_bytes(b"stand-in for weights")

    @functools.cache
    def make(base: Base) -> Any:
        config = ("--configfile", f"config/{base.name}.yaml")
        project.config(base.name, dict(base.config))
        summary = project.call(*config, "--summary").stdout
        outputs = [line.split("\t")[0] for line in summary.splitlines()[1:]]
        project.python(str(Path(__file__).with_name("made.py")), config[1], *outputs)
        project.call(*config, "--touch")
        return project

    return make


@pytest.mark.parametrize(
    "row",
    [
        *(pytest.param(row, id=row.what) for row in SEVERAL),
        *(pytest.param(row, id=row.what, marks=MARKS[row.when]) for row in ROWS),
    ],
)
def test_what_runs_after_a_change(made, row: Row) -> None:
    project = made(row.base)
    project.config("changed", dict(row.base.config))
    with row.change(project):
        reasons = project.reasons(*CHANGED, *row.arguments)
    assert {undigested(job) for job in reasons} == expected(row)
    assert any(row.why in reason for reason in reasons.values()) or not row.why, "\n".join(set(reasons.values()))
    assert not any("Params have changed" in reason for reason in reasons.values())


@pytest.mark.long
@pytest.mark.parametrize("base", [STALE, PHOTOGRAPHS, EXPLORED], ids=lambda base: base.name)
def test_forcing_plans_every_job(made, base: Base) -> None:
    reasons = made(base).reasons("--configfile", f"config/{base.name}.yaml", "--forceall")
    assert {undigested(job): why for job, why in reasons.items()} == dict.fromkeys(base.jobs, "forced")


def test_the_table_in_the_docs_is_this_one() -> None:
    told = (ROOT / "docs" / "reruns.md").read_text(encoding="utf-8")
    assert table() in told, table()


def test_every_key_of_every_section_has_a_row() -> None:
    elsewhere = {"classify.models": "a classifier added", "classify.seeds": "a seed added"}
    elsewhere |= {
        "pretrain.models": "a pretraining added",
        "generate.models": "a generator added",
        "detect.detectors": "a detector added",
    }
    sections = {name: config.Config.model_fields[name].annotation for name in config.Config.model_fields}
    keys = [f"augment.standard.{key}" for key in Policy.model_fields if key != "synthetic"] + [
        "augment.drawn.synthetic"
    ]
    for name in (
        "data",
        "explore",
        "audit",
        "pretrain",
        "labels",
        "suggest",
        "classify",
        "ladder",
        "generate",
        "detect",
        "tracking",
    ):
        [section] = [
            part for part in (*typing.get_args(sections[name]), sections[name]) if hasattr(part, "model_fields")
        ]
        keys += [f"{name}.{key}" for key in section.model_fields]
    told = [row.what for row in ROWS]
    missing = [key for key in keys if not any(f"`{key}" in what or what == elsewhere.get(key) for what in told)]
    assert missing == []


def undigested(job: str) -> str:
    """Return the message of a job without the hash in the name of its folder."""
    return re.sub(r"-[0-9a-f]{8}(?= on |$)", "", job)


def table() -> str:
    """The rows as a table."""
    lines = ["| what was changed | what runs |", "|---|---|"]
    for row in ROWS:
        which = row.which or (NEW if row.new else "the report" if row.jobs else "nothing")
        lines.append(f"| {row.what} | {which} |")
    return "\n".join(lines)
