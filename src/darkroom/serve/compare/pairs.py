"""Pair the classifiers in two folders of results, and check that they were evaluated on the same test images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from darkroom import files
from darkroom.report.results import Run, read_run

SEED, EVALUATION, PREDICTIONS = "seed-", "evaluation", "predictions.parquet"
TRUTH = "^(label|true_.*)$"
"""Columns of the predictions that hold the true class, labels or numbers."""


@dataclass(frozen=True)
class Pair:
    """A classifier in both folders; `seeds` pairs its runs, A first."""

    name: str
    """POLICY/MODEL, or empty if each folder is one classifier."""
    seeds: list[tuple[Run, Run]]

    @property
    def kind(self) -> str:
        """What the classifier predicts: `class`, `labels` or `numbers`."""
        return str(self.seeds[0][0].model.get("target", {}).get("kind", "class"))

    @property
    def names(self) -> list[str]:
        """The names of the classes, labels or numbers."""
        return _names(self.seeds[0][0])


def pairs(first: Path, second: Path) -> list[Pair]:
    """Pair the classifiers of two folders: of a seed, of one classifier, or of all results, where names must agree.

    Raises ValueError if a folder has no evaluated classifier, none is in both, or their test images differ.
    """
    ours, theirs = _methods(first), _methods(second)
    named = [(name, ours[name], theirs[name]) for name in ours if name in theirs]
    if len(ours) == len(theirs) == 1:
        (name, one), (other, two) = *ours.items(), *theirs.items()
        named = [(name if name == other else "", one, two)]
    if not named:
        raise ValueError(f"no classifier is in both: {first} has {_listed(ours)}, {second} has {_listed(theirs)}")
    found = [Pair(name, list(_seeds(name, a, b))) for name, a, b in named]
    for pair in found:
        for a, b in pair.seeds:
            _check(a, b)
    return found


def truth(run: Run) -> pd.DataFrame:
    """Return the ids of the test images and their true classes, labels or numbers, ordered by id."""
    table = run.table(PREDICTIONS)
    if table is None:
        raise ValueError(f"{run.evaluation_folder} has no {PREDICTIONS}; run classify evaluate again")
    return pd.concat([table[["id"]], table.filter(regex=TRUTH)], axis=1)


def _methods(folder: Path) -> dict[str, dict[int, Run]]:
    """Return the runs of each classifier in a folder by seed."""
    if (folder / EVALUATION).is_dir():
        return {"": dict([_run(folder)])}
    if seeds := sorted(folder.glob(f"{SEED}*")):
        return {"": dict(_run(each) for each in seeds)}
    found: dict[str, dict[int, Run]] = {}
    for each in sorted(folder.glob(f"classify/*/*/{SEED}*")):
        number, run = _run(each)
        found.setdefault(f"{each.parts[-3]}/{each.parts[-2]}", {})[number] = run
    if not found:
        raise ValueError(
            f"{folder} has no evaluated classifier; give the folder of a seed or a classifier, such as "
            "results/NAME/classify/POLICY/MODEL, or of all results, results/NAME"
        )
    return found


def _run(folder: Path) -> tuple[int, Run]:
    model, evaluation = folder / "model", folder / EVALUATION
    for part in (model / "model.json", evaluation / files.MANIFEST):
        if not part.is_file():
            raise ValueError(f"{folder} is not a finished classifier: there is no {part}")
    number = folder.resolve().name.removeprefix(SEED)
    run = read_run(model, evaluation, int(number) if number.isdigit() else 0)
    if run.model.get("kind") != "network":
        raise ValueError(f"{folder} holds a {run.model.get('kind') or 'model of version 0.1'}, not a classifier")
    return run.seed, run


def _seeds(name: str, ours: dict[int, Run], theirs: dict[int, Run]) -> Iterator[tuple[Run, Run]]:
    """Pair the runs of the same seed; single runs may have different ones."""
    if len(ours) == len(theirs) == 1:
        yield next(iter(ours.values())), next(iter(theirs.values()))
        return
    shared = sorted(ours.keys() & theirs.keys())
    if not shared:
        raise ValueError(f"{name or 'the classifiers'}: no seed is in both: {sorted(ours)} and {sorted(theirs)}")
    yield from ((ours[seed], theirs[seed]) for seed in shared)


def _check(first: Run, second: Run) -> None:
    places = f"{first.evaluation_folder} and {second.evaluation_folder}"
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


def _names(run: Run) -> list[str]:
    return [str(name) for name in run.model.get("target", run.model).get("names", run.model.get("classes", []))]


def _listed(methods: dict[str, dict[int, Run]]) -> str:
    return ", ".join(name or "a single one" for name in methods)
