"""Pair the models of two results, and check that they were evaluated on the same test images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from darkroom.report.results import Run

TABLES = {"network": "predictions.parquet", "detector": "scores.parquet"}
"""The table of an evaluation with a row per image, by kind of model."""
TRUTH = "^(label|anomalous|true_.*)$"
"""Columns of the table that hold the true class, labels, numbers, or whether an image is anomalous."""
Methods = Mapping[str, Mapping[int, Run]]
"""The runs of each model by seed; a single model may have an empty name."""


@dataclass(frozen=True)
class Pair:
    """A model in both results; `seeds` pairs its runs, A first."""

    name: str
    """`classify/POLICY/MODEL` or `detect/TASK/DETECTOR`, or empty if each result is one model."""
    seeds: list[tuple[Run, Run]]

    @property
    def same(self) -> bool:
        """Whether both results hold the very same evaluations."""
        return all(a.evaluation_folder.resolve() == b.evaluation_folder.resolve() for a, b in self.seeds)

    @property
    def kind(self) -> str:
        """What the model predicts: `class`, `labels`, `numbers` or `anomalies`."""
        return _kind(self.seeds[0][0])

    @property
    def names(self) -> list[str]:
        """The names of the classes, labels or numbers."""
        return _names(self.seeds[0][0])


def pairs(ours: Methods, theirs: Methods, *, named: tuple[str, str]) -> list[Pair]:
    """Pair the models of two results by name, or the single ones of both; `named` says what errors call the results.

    Raises ValueError if no model is in both, or their test images differ.
    """
    both = [(name, ours[name], theirs[name]) for name in ours if name in theirs]
    if len(ours) == len(theirs) == 1:
        (name, one), (other, two) = *ours.items(), *theirs.items()
        both = [(name if name == other else "", one, two)]
    if not both:
        raise ValueError(f"no model is in both: {named[0]} has {_listed(ours)}, {named[1]} has {_listed(theirs)}")
    found = [Pair(name, list(_seeds(name, a, b))) for name, a, b in both]
    for pair in found:
        for a, b in pair.seeds:
            _check(a, b)
    return found


def unpaired(ours: Methods, theirs: Methods, found: Sequence[Pair]) -> list[str]:
    """Say which models, and which seeds of those that were paired, are in one of the results alone."""
    names = {name: (ours.get(name, {}), theirs.get(name, {})) for name in dict.fromkeys([*ours, *theirs])}
    if len(found) == len(ours) == len(theirs) == 1:
        names = {found[0].name: (next(iter(ours.values())), next(iter(theirs.values())))}
    words = []
    for name, (a, b) in names.items():
        if not (a and b):
            words.append(f"{name} is only in {'A' if a else 'B'}")
            continue
        if len(a) == len(b) == 1:
            continue
        for side, one, other in (("A", a, b), ("B", b, a)):
            if alone := [str(seed) for seed in sorted(one.keys() - other.keys())]:
                what = f"seed{'s' if len(alone) > 1 else ''} {', '.join(alone)}"
                words.append(" ".join(filter(None, [what, f"of {name}" if name else "", f"only in {side}"])))
    return words


def tested(run: Run) -> pd.DataFrame:
    """Return the table of the evaluation with a row per test image, ordered by id."""
    name = TABLES[run.model["kind"]]
    table = run.table(name)
    if table is None:
        raise ValueError(f"{run.evaluation_folder} has no {name}; run the evaluation again")
    return table[table["split"] == "test"].reset_index(drop=True) if "split" in table else table


def truth(run: Run) -> pd.DataFrame:
    """Return the ids of the test images and their true classes, labels or numbers, ordered by id."""
    table = tested(run)
    return pd.concat([table[["id"]], table.filter(regex=TRUTH)], axis=1)


def _seeds(name: str, ours: Mapping[int, Run], theirs: Mapping[int, Run]) -> Iterator[tuple[Run, Run]]:
    """Pair the runs of the same seed; single runs may have different ones."""
    if len(ours) == len(theirs) == 1:
        yield next(iter(ours.values())), next(iter(theirs.values()))
        return
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        raise ValueError(f"{name or 'the models'}: no seed is in both: {sorted(ours)} and {sorted(theirs)}")
    yield from ((ours[seed], theirs[seed]) for seed in shared)


def _check(first: Run, second: Run) -> None:
    places = f"{first.evaluation_folder} and {second.evaluation_folder}"
    if _kind(first) != _kind(second):
        raise ValueError(f"{places} have different outputs: {_kind(first)}; {_kind(second)}")
    if _names(first) != _names(second) or first.model.get("target") != second.model.get("target"):
        raise ValueError(f"{places} have different outputs: {', '.join(_names(first))}; {', '.join(_names(second))}")
    ours, theirs = truth(first), truth(second)
    if ours["id"].tolist() != theirs["id"].tolist():
        apart = len(set(ours["id"]) ^ set(theirs["id"]))
        raise ValueError(
            f"{places} have different test images, {apart} of them in only one; evaluate both on the same split"
        )
    if differ := int((ours.to_numpy() != theirs.to_numpy()).any(1).sum()):
        raise ValueError(f"{places} disagree on the truth of {differ} test images; evaluate both with the same labels")


def _kind(run: Run) -> str:
    if run.model["kind"] == "detector":
        return "anomalies"
    return str(run.model.get("target", {}).get("kind", "class"))


def _names(run: Run) -> list[str]:
    return [str(name) for name in run.model.get("target", run.model).get("names", run.model.get("classes", []))]


def _listed(methods: Methods) -> str:
    return ", ".join(name or "a single one" for name in methods)
