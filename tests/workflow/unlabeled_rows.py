"""Rows of docs/reruns.md about exploring, wrong labels and labels to come, on a base of their own."""

from __future__ import annotations

from typing import Any

from tests.workflow.edits import Change, added_file, settings, together
from tests.workflow.row import NEW, PREPARED, Base, Row

EXPLORED = Base(
    {
        "name": "explored",
        "data": {"source": {"name": "folder", "path": "pictures"}},
        "explore": {"embeddings": {"pca": {}}},
        "labels": {"folds": 2},
        "suggest": {"rules": ["random", "margin"], "seeds": 1},
    },
    frozenset(
        {
            "fetch explored",
            "prepare explored",
            "data card of explored",
            "embed the images: pca",
            "cluster the images: pca",
            "train judge: fold 0",
            "train judge: fold 1",
            "find wrong labels",
            "simulate labeling: random, seed 0",
            "simulate labeling: margin, seed 0",
            "write results/explored/report/index.html",
        }
    ),
)
CLUSTERS, SEARCH, JUDGES = ("^cluster",), ("^find wrong labels",), ("^train judge: ", "^find wrong labels")
SIMULATED = (("^simulate",), "simulations")
SEARCHED = "the judges and the search"


def changed(**changes: Any) -> Change:
    return settings(EXPLORED.config, **changes)


def _row(
    what: str, change: Change, jobs: tuple[str, ...] = (), which: str = "", why: str = "", new: tuple[str, ...] = ()
) -> Row:
    return Row(what, change, jobs, which, why, new=new, base=EXPLORED)


ROWS = [
    _row(
        "`data.corrections`",
        together(added_file("corrections.csv", "id,label\n0/0.png,1\n"), changed(data__corrections="corrections.csv")),
        PREPARED,
        "prepare, and what follows",
        "corrected",
        new=("what corrected labels change",),
    ),
    _row("`data.labels`", changed(data__labels={"per_class": 4}), PREPARED, "prepare, and what follows", "per_class 4"),
    _row(
        "`explore.embeddings`, one added",
        changed(explore__embeddings__few={"embedding": {"name": "pca", "components": 8}}),
        which=NEW,
        new=("embed the images: few", "cluster the images: few"),
    ),
    _row("`explore.clustering`", changed(explore__clustering="hdbscan"), CLUSTERS, "clusterings", "clustering"),
    _row("`explore.seed`", changed(explore__seed=1), CLUSTERS, "clusterings", "seed 0"),
    _row("`labels.examples`", changed(labels__examples=5), SEARCH, "the search for wrong labels", "examples 100"),
    _row("`labels.network`", changed(labels__network="mlp"), JUDGES, SEARCHED),
    _row("`labels.transfer`", changed(labels__network="pretrained", labels__transfer="probe"), JUDGES, SEARCHED),
    _row("`labels.training`", changed(labels__training={"epochs": 3}), JUDGES, SEARCHED),
    _row("`labels.seed`", changed(labels__seed=1), JUDGES, SEARCHED),
    _row("`labels.folds`", changed(labels__folds=3), JUDGES, SEARCHED, new=("train judge: fold 2",)),
    _row(
        "`suggest.rules`, one added",
        changed(suggest__rules=["random", "margin", "badge"]),
        which=NEW,
        new=("simulate labeling: badge, seed 0",),
    ),
    _row(
        "`suggest.seeds`",
        changed(suggest__seeds=[1]),
        which=NEW,
        new=tuple(f"simulate labeling: {rule}, seed 1" for rule in ("random", "margin")),
    ),
    _row("`suggest.start`", changed(suggest__start=2), *SIMULATED, "start 1 → 2"),
    _row("`suggest.step`", changed(suggest__step=5), *SIMULATED),
    _row("`suggest.rounds`", changed(suggest__rounds=2), *SIMULATED),
    _row("`suggest.network`", changed(suggest__network="resnet"), *SIMULATED),
    _row("`suggest.training`", changed(suggest__training={"epochs": 3}), *SIMULATED),
]
