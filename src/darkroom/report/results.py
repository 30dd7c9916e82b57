"""Read what the stages left in `results/NAME`, and join seeds: a method gets one row on the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import files
from darkroom.measure.intervals import BOUNDS, Number, number, over_seeds
from darkroom.report import looks
from darkroom.report.config import BuildSpec, ResultEntry, SeedEntry
from darkroom.report.looks import Looks
from darkroom.report.unfinished import Unfinished

UNIT = (0.0, 1.0)
"""Bounds of a share."""


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
        """Return the last epoch's value of a column of the training history."""
        path = self.model_folder / "history.csv"
        table = pd.read_csv(path) if path.is_file() else pd.DataFrame()
        if column not in table or table.empty or pd.isna(table[column].iloc[-1]):
            return Number(reason="not recorded")
        return Number(float(table[column].iloc[-1]))

    def table(self, name: str) -> pd.DataFrame | None:
        """Read a table of the evaluation, such as `predictions.parquet`, ordered by id; None if there is none."""
        path = self.evaluation_folder / name
        return pd.read_parquet(path).sort_values("id", ignore_index=True) if path.is_file() else None


@dataclass(frozen=True)
class Method:
    """All seeds of one classifier, generator or detector."""

    keys: tuple[str, ...]
    runs: tuple[Run, ...]

    @property
    def title(self) -> str:
        """The name in the config."""
        return self.keys[-1]

    @property
    def first(self) -> Run:
        """The run whose figures the page shows."""
        return self.runs[0]

    def named(self, *path: str) -> list[str]:
        """Return the class, label or number names that a result has as keys, in the order of the model's outputs."""
        found = {key: None for run in self.runs for key in _at(run.metrics, *path)}
        model = self.first.model
        names = model["target"]["names"] if "target" in model else model.get("classes", [])
        order = [str(name) for name in names if name in found]
        return [*order, *(key for key in found if key not in order)]

    def number(self, *path: str, bounds: tuple[float, float] = BOUNDS) -> Number:
        """Return a number of the evaluation; over several seeds, the mean with a t-interval."""
        return over_seeds([number(run.metrics, *path) for run in self.runs], bounds)

    def share(self, *path: str) -> Number:
        """Return a number of the evaluation between 0 and 1."""
        return self.number(*path, bounds=UNIT)

    def measured(self, *path: str) -> Number:
        """Average times or counts over seeds; the path starts with the run's attribute, such as `timing` or `model`."""
        source, *rest = path
        values = [number(getattr(run, source), *rest).value for run in self.runs]
        known = [v for v in values if v is not None]
        return Number(float(np.mean(known))) if known else Number(reason="not recorded")

    def last(self, column: str, bounds: tuple[float, float] = BOUNDS) -> Number:
        """Return the last epoch's value of a column of the history, averaged over seeds; its interval ends at `bounds`."""
        return over_seeds([run.last(column) for run in self.runs], bounds)


class ClassifierRuns(Method):
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

    @property
    def target(self) -> str:
        """The kind of what it predicts: `class`, `labels` or `numbers`."""
        return str(self.first.model.get("target", {}).get("kind", "class"))


class DetectorRuns(Method):
    """All seeds of one detector on one task."""

    @property
    def title(self) -> str:
        """Its name, and whether it saw labels of anomalies."""
        return f"{super().title} (saw labels of anomalies)" if self.labels_seen else super().title

    @property
    def labels_seen(self) -> list[str]:
        """The anomalous classes that its feature extractor, a classifier of this data set, was trained on."""
        return [str(name) for name in self.first.metrics.get("labels_seen", [])]

    @property
    def task(self) -> str:
        return self.keys[0]

    @property
    def megabytes(self) -> Number:
        """Size on disk of what was fitted."""
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
    classifiers: list[ClassifierRuns]
    generators: list[Method]
    detectors: list[DetectorRuns]
    normal: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by task
    contamination: dict[str, float] = field(default_factory=dict)
    """Share of anomalous images among those that detectors were fitted on, by task."""
    detector_settings: dict[str, Any] = field(default_factory=dict)
    """The config of each detector."""
    policy_settings: dict[str, Any] = field(default_factory=dict)
    """The config of each policy."""
    card: Path | None = None
    """The pictures of the data."""
    sheets: dict[str, Path] = field(default_factory=dict)
    """The contact sheets of the copies, by policy."""
    gallery: Path | None = None
    """The images of the augmentation techniques, if there are any."""
    synthetic: dict[str, Path] = field(default_factory=dict)
    """The folders of synthetic images, by policy."""
    labels: Path | None = None
    """The search for wrong labels."""
    corrected: Path | None = None
    """What corrected labels change."""
    clusterings: dict[str, Path] = field(default_factory=dict)
    """The clusters of the images, by embedding."""
    simulations: dict[str, Path] = field(default_factory=dict)
    """The simulations of labeling, by rule and seed: `margin/0`."""
    ladder: Path | None = None
    """The ladder, if there is one."""
    pretrainings: dict[str, Path] = field(default_factory=dict)
    """The pretrained networks, by name."""
    pretrain_baselines: Path | None = None
    """Features without pretraining, if any are compared."""
    lr_ranges: dict[str, Path] = field(default_factory=dict)
    """The learning-rate range tests, by classifier."""
    cross_validation: Path | None = None
    """The pooled folds of the classifiers, if there are any."""
    learning_curve: Path | None = None
    """Scores by number of training images, if there are any."""
    searches: dict[str, Path] = field(default_factory=dict)
    """Searches, by name."""
    audits: dict[str, Path] = field(default_factory=dict)
    """The audits, by policy."""
    explanation: Path | None = None
    """Why the classifiers err."""
    looks: Looks = field(default_factory=Looks)
    """How often models have been measured on these test images."""
    missing: list[str] = field(default_factory=list)
    """Folders, relative to the results, of what the page should show and could not find."""
    config: dict[str, Any] = field(default_factory=dict)
    """The resolved config by section."""


class _Folders:
    """The folders of a data set's results; records which of those requested are missing."""

    def __init__(self, root: Path, unfinished: Unfinished) -> None:
        self.root, self.unfinished = root, unfinished
        self.missing: list[str] = []

    def whole(self, path: str) -> bool:
        """Return whether a result is complete and current; one that this run failed to rebuild is neither."""
        if path not in self.unfinished and (self.root / path / files.MANIFEST).exists():
            return True
        self.missing.append(path)
        return False


def read(spec: BuildSpec, data: Path, root: Path, unfinished: Unfinished) -> Results:
    """Read all results that the spec names; those that are absent, incomplete or `unfinished` are listed as missing."""
    folders = _Folders(root, unfinished)

    def whole(entries: Sequence[ResultEntry]) -> dict[str, Path]:
        return {entry.name: root / entry.folder for entry in entries if folders.whole(entry.folder)}

    return Results(
        name=spec.name,
        data=data,
        root=root,
        policies=whole(spec.policies),
        classifiers=[
            ClassifierRuns(*found) for found in _methods(folders, [((e.policy, e.model), e) for e in spec.classifiers])
        ],
        generators=[Method(*found) for found in _methods(folders, [((e.model,), e) for e in spec.generators])],
        detectors=[
            DetectorRuns(*found) for found in _methods(folders, [((e.task, e.detector), e) for e in spec.detectors])
        ],
        normal={e.task: e.normal for e in spec.detectors},
        contamination={e.task: e.contamination for e in spec.detectors},
        detector_settings=dict((spec.config.get("detect") or {}).get("detectors") or {}),
        policy_settings=dict(spec.config.get("augment") or {}),
        card=next(iter(whole([spec.card] if spec.card else []).values()), None),
        sheets=whole(spec.sheets),
        gallery=next(iter(whole([spec.gallery] if spec.gallery else []).values()), None),
        synthetic=whole(spec.synthetic),
        corrected=next(iter(whole([spec.corrected] if spec.corrected else []).values()), None),
        labels=next(iter(whole([spec.labels] if spec.labels else []).values()), None),
        clusterings=whole(spec.clusterings),
        simulations=whole(spec.simulations),
        ladder=next(iter(whole([spec.ladder] if spec.ladder else []).values()), None),
        pretrainings=whole(spec.pretrainings),
        pretrain_baselines=next(
            iter(whole([spec.pretrain_baselines] if spec.pretrain_baselines else []).values()), None
        ),
        lr_ranges=whole(spec.lr_ranges),
        learning_curve=next(iter(whole([spec.learning_curve] if spec.learning_curve else []).values()), None),
        searches=whole(spec.searches),
        cross_validation=next(iter(whole([spec.cross_validation] if spec.cross_validation else []).values()), None),
        audits=whole(spec.audits),
        explanation=next(iter(whole([spec.explanation] if spec.explanation else []).values()), None),
        looks=looks.read(root, data),
        missing=folders.missing,
        config=spec.config,
    )


def timing(folder: Path) -> dict[str, Any]:
    """Read the times that a stage measured; empty if there are none."""
    path = folder / files.TIMING
    return dict(files.read_json(path)) if path.is_file() else {}


def correct(run: Run, view: str = "plain", *, of: str = "predictions.parquet") -> NDArray[np.float64] | None:
    """Return 1 where a view's prediction is right, else 0, ordered by image id; None if it is unknown.

    `of` is the table of the evaluation to read: the test images', or `validation.parquet`.
    """
    table = run.table(of)
    column = f"prediction_{view}"
    if table is None or column not in table or "label" not in table:
        return None
    right: NDArray[np.float64] = (table[column] == table["label"]).to_numpy().astype(np.float64)
    return right


def class_shares(run: Run) -> NDArray[np.float64]:
    """Return the weight of each test image, ordered by id, that gives every class the same total; the mean is 1."""
    table = run.table("predictions.parquet")
    if table is None:
        raise FileNotFoundError(f"{run.evaluation_folder} has no predictions")
    labels = table["label"].to_numpy()
    present, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    shares: NDArray[np.float64] = len(labels) / (len(present) * counts[place])
    return shares


def by_seed(first: Method, second: Method) -> Sequence[tuple[Run, Run]]:
    """Pair the runs of two methods that share a seed."""
    others = {run.seed: run for run in second.runs}
    return [(run, others[run.seed]) for run in first.runs if run.seed in others]


def _at(value: Any, *path: str) -> dict[str, Any]:
    for key in path:
        value = value.get(key, {}) if isinstance(value, dict) else {}
    return value if isinstance(value, dict) else {}


def _methods(
    folders: _Folders, entries: Sequence[tuple[tuple[str, ...], SeedEntry]]
) -> Iterator[tuple[tuple[str, ...], tuple[Run, ...]]]:
    """Yield the runs of each method, without those that have no results."""
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
    return read_run(model, evaluation, entry.seed)


def read_run(model: Path, evaluation: Path, seed: int) -> Run:
    """Read one seed from the folders of its model and its evaluation."""
    return Run(
        model,
        evaluation,
        seed,
        files.read_json(model / "model.json"),
        files.read_json(evaluation / "metrics.json"),
        timing(model),
        timing(evaluation),
    )
