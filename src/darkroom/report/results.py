"""What the stages left in `results/NAME`, joined over seeds: a method is what the page has one row for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import files
from darkroom.report.config import BuildSpec, ResultEntry, SeedEntry
from darkroom.report.intervals import BOUNDS, Number, number, over_seeds
from darkroom.report.unfinished import Unfinished

UNIT = (0.0, 1.0)
"""The bounds of a share."""


@dataclass(frozen=True)
class Run:
    """One seed of a method: what its training and its evaluation wrote."""

    model_folder: Path
    evaluation_folder: Path
    seed: int
    model: dict[str, Any]
    metrics: dict[str, Any]
    model_timing: dict[str, Any]
    timing: dict[str, Any]

    def last(self, column: str) -> Number:
        """A column of the training history at the last epoch."""
        path = self.model_folder / "history.csv"
        table = pd.read_csv(path) if path.is_file() else pd.DataFrame()
        if column not in table or table.empty or pd.isna(table[column].iloc[-1]):
            return Number(reason="not recorded")
        return Number(float(table[column].iloc[-1]))

    def table(self, name: str) -> pd.DataFrame | None:
        """A table of the evaluation, such as `predictions.parquet`, in the order of its ids."""
        path = self.evaluation_folder / name
        return pd.read_parquet(path).sort_values("id", ignore_index=True) if path.is_file() else None


@dataclass(frozen=True)
class Method:
    """All seeds of one classifier, generator or detector."""

    keys: tuple[str, ...]
    runs: tuple[Run, ...]

    @property
    def title(self) -> str:
        """The name a reader finds in the config."""
        return self.keys[-1]

    @property
    def first(self) -> Run:
        """The run whose pictures are shown."""
        return self.runs[0]

    def named(self, *path: str) -> list[str]:
        """The class names that a result has as keys, in the order of the data set's classes."""
        found = {key: None for run in self.runs for key in _at(run.metrics, *path)}
        order = [str(name) for name in self.first.model.get("classes", []) if name in found]
        return [*order, *(key for key in found if key not in order)]

    def number(self, *path: str, bounds: tuple[float, float] = BOUNDS) -> Number:
        """A number of the evaluation: over several seeds the mean with a t-interval."""
        return over_seeds([number(run.metrics, *path) for run in self.runs], bounds)

    def share(self, *path: str) -> Number:
        """A number between 0 and 1."""
        return self.number(*path, bounds=UNIT)

    def measured(self, *path: str) -> Number:
        """A mean of times or counts over seeds, from `model.json`, the training's or the evaluation's timing."""
        source, *rest = path
        values = [number(getattr(run, source), *rest).value for run in self.runs]
        known = [v for v in values if v is not None]
        return Number(float(np.mean(known))) if known else Number(reason="not recorded")

    def last(self, column: str) -> Number:
        """A column of the history at the last epoch, over seeds."""
        return over_seeds([run.last(column) for run in self.runs])


class Classifier(Method):
    """All seeds of one network trained under one policy."""

    @property
    def policy(self) -> str:
        return self.keys[0]

    @property
    def model(self) -> str:
        return self.keys[1]

    @property
    def title(self) -> str:
        return f"{self.model} + {self.policy}"


class Detector(Method):
    """All seeds of one detector on one task."""

    @property
    def title(self) -> str:
        """Its name, and whether it has not seen normal images alone."""
        return f"{super().title} (saw labels of anomalies)" if self.labels_seen else super().title

    @property
    def labels_seen(self) -> list[str]:
        """The anomalous classes that a classifier was trained on which it looks through."""
        return [str(name) for name in self.first.metrics.get("labels_seen", [])]

    @property
    def task(self) -> str:
        return self.keys[0]

    @property
    def megabytes(self) -> Number:
        """The size on disk of what was fitted."""
        path = self.first.model_folder / "weights.pt"
        return Number(path.stat().st_size / 1e6) if path.is_file() else Number(reason="not recorded")


@dataclass(frozen=True)
class Results:
    """Everything the page is made of."""

    name: str
    data: Path
    root: Path
    policies: dict[str, Path]
    """The folders of the transformed copies, by policy."""
    classifiers: list[Classifier]
    generators: list[Method]
    detectors: list[Detector]
    normal: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by task
    contamination: dict[str, float] = field(default_factory=dict)
    """By task, the share of anomalous images among those that detectors were fitted on."""
    detector_settings: dict[str, Any] = field(default_factory=dict)
    """What the config says of each detector."""
    policy_settings: dict[str, Any] = field(default_factory=dict)
    """What the config says of each policy."""
    gallery: Path | None = None
    """The pictures of the augmentation techniques, where there are any."""
    synthetic: dict[str, Path] = field(default_factory=dict)
    """The folders of the copies that a generator drew, by policy."""
    audits: dict[str, Path] = field(default_factory=dict)
    """The audits, by policy."""
    missing: list[str] = field(default_factory=list)
    """Folders, below the results, of what the page should show and could not find."""


class _Folders:
    """The folders of a data set's results, and which of those that were asked for are not whole."""

    def __init__(self, root: Path, unfinished: Unfinished) -> None:
        self.root, self.unfinished = root, unfinished
        self.missing: list[str] = []

    def whole(self, path: str) -> bool:
        """Whether a result is there, and is of this run: what a run should have made anew is missing without."""
        if path not in self.unfinished and (self.root / path / files.MANIFEST).exists():
            return True
        self.missing.append(path)
        return False


def read(spec: BuildSpec, data: Path, root: Path, unfinished: Unfinished) -> Results:
    """Read all that the spec names. What is not there, did not finish, or is `unfinished`, is listed as missing."""
    folders = _Folders(root, unfinished)

    def whole(entries: Sequence[ResultEntry]) -> dict[str, Path]:
        return {entry.name: root / entry.folder for entry in entries if folders.whole(entry.folder)}

    policies = whole(spec.policies)
    return Results(
        spec.name,
        data,
        root,
        policies,
        [Classifier(*found) for found in _methods(folders, [((e.policy, e.model), e) for e in spec.classifiers])],
        [Method(*found) for found in _methods(folders, [((e.model,), e) for e in spec.generators])],
        [Detector(*found) for found in _methods(folders, [((e.task, e.detector), e) for e in spec.detectors])],
        {e.task: e.normal for e in spec.detectors},
        {e.task: e.contamination for e in spec.detectors},
        dict((spec.config.get("detect") or {}).get("detectors") or {}),
        dict(spec.config.get("augment") or {}),
        next(iter(whole([spec.gallery] if spec.gallery else []).values()), None),
        whole(spec.synthetic),
        whole(spec.audits),
        folders.missing,
    )


def timing(folder: Path) -> dict[str, Any]:
    """The measured times of a stage, empty where there are none."""
    path = folder / files.TIMING
    return dict(files.read_json(path)) if path.is_file() else {}


def correct(run: Run, view: str = "plain") -> NDArray[np.float64] | None:
    """1 where the prediction of a view is right, else 0, in the order of the test items' ids; None where unknown."""
    table = run.table("predictions.parquet")
    column = f"prediction_{view}"
    if table is None or column not in table or "label" not in table:
        return None
    right: NDArray[np.float64] = (table[column] == table["label"]).to_numpy().astype(np.float64)
    return right


def class_shares(run: Run) -> NDArray[np.float64]:
    """What each test item counts, in the order of their ids, when every class weighs the same; 1 in the mean."""
    table = run.table("predictions.parquet")
    if table is None:
        raise FileNotFoundError(f"{run.evaluation_folder} has no predictions")
    labels = table["label"].to_numpy()
    present, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    shares: NDArray[np.float64] = len(labels) / (len(present) * counts[place])
    return shares


def by_seed(first: Method, second: Method) -> Sequence[tuple[Run, Run]]:
    """The runs of two methods that share a seed."""
    others = {run.seed: run for run in second.runs}
    return [(run, others[run.seed]) for run in first.runs if run.seed in others]


def _at(value: Any, *path: str) -> dict[str, Any]:
    for key in path:
        value = value.get(key, {}) if isinstance(value, dict) else {}
    return value if isinstance(value, dict) else {}


def _methods(
    folders: _Folders, entries: Sequence[tuple[tuple[str, ...], SeedEntry]]
) -> Iterator[tuple[tuple[str, ...], tuple[Run, ...]]]:
    """The runs of each method, those without results left out."""
    for keys in dict.fromkeys(keys for keys, _ in entries):
        found = [_run(folders, entry) for other, entry in entries if other == keys]
        if runs := tuple(run for run in found if run is not None):
            yield keys, runs


def _run(folders: _Folders, entry: SeedEntry) -> Run | None:
    places = (entry.model_folder, entry.evaluation_folder)
    whole = [folders.whole(place) for place in places]  # looks at both, so that both are listed where both are missing
    if not all(whole):
        return None
    model, evaluation = (folders.root / place for place in places)
    return Run(
        model,
        evaluation,
        entry.seed,
        files.read_json(model / "model.json"),
        files.read_json(evaluation / "metrics.json"),
        timing(model),
        timing(evaluation),
    )
