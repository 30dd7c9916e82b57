"""A rare class in a table: remedies, what is measured of them, and the mistakes that make them look better."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from darkroom.augment.rows.smote import ADASYN, SMOTE, Synthesizer
from darkroom.augment.rows.training import Training, training
from darkroom.randomness import derive

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
RARE = 1
"""The label of the rare class."""
REMEDIES = ("nothing", "class weights", "repeated rows", "SMOTE", "ADASYN")


class Table(NamedTuple):
    """Rows (N, D), and labels (N,): 1 for the rare class."""

    rows: Floats
    labels: Labels


class Score(NamedTuple):
    """What is measured of a classifier on the test rows."""

    auroc: float
    average_precision: float
    balanced_accuracy: float
    """At a probability of one half."""
    recall: float


def measured() -> tuple[Floats, NDArray[np.int64]]:
    """Return the measurements (N, D) of scikit-learn's breast tumors, and labels (N,) in which malignant ones are `RARE`."""
    found = load_breast_cancer()
    return np.asarray(found.data, np.float64), (np.asarray(found.target) == 0).astype(np.int64)


def tumors(*, rare: int, test: int, seed: int) -> tuple[Table, Table]:
    """Split scikit-learn's breast tumors into training and test rows; only `rare` malignant ones stay in training."""
    rows, labels = measured()
    order = np.random.default_rng(derive(seed, "split")).permutation(len(rows))
    held_out, rest = order[:test], order[test:]
    malignant = rest[labels[rest] == RARE][:rare]
    train = np.concatenate([rest[labels[rest] != RARE], malignant])
    return Table(rows[train], labels[train]), Table(rows[held_out], labels[held_out])


def balanced(given: Training, method: Synthesizer | None, *, seed: int) -> Table:
    """Add rows of the rare class until both are equally large; without a method, repeat its own."""
    count = int((given.labels != RARE).sum() - (given.labels == RARE).sum())
    generator = np.random.default_rng(derive(seed, "copies"))
    own = given.rows[given.labels == RARE]
    made = (
        own[generator.integers(len(own), size=count)] if method is None else method.make(given, RARE, count, generator)
    )
    labels = np.full(len(made), RARE)
    return Table(np.concatenate([given.rows, made]), np.concatenate([given.labels, labels]))


def judged(remedy: str, train: Table, test: Table, *, k: int, seed: int) -> Score:
    """Fit logistic regression to standardized rows with a remedy, and test it on rows as they are."""
    given = standard(train)
    shown = Table(given.rows, given.labels)
    match remedy:
        case "repeated rows":
            shown = balanced(given, None, seed=seed)
        case "SMOTE":
            shown = balanced(given, SMOTE(k=k), seed=seed)
        case "ADASYN":
            shown = balanced(given, ADASYN(k=k, otherwise="smote"), seed=seed)
    weights = "balanced" if remedy == "class weights" else None
    model = LogisticRegression(class_weight=weights, max_iter=2000).fit(*shown)
    chance = model.predict_proba(given.standard(test.rows.astype(np.float32)))[:, RARE]
    called = chance >= 0.5
    return Score(
        auroc=float(roc_auc_score(test.labels, chance)),
        average_precision=float(average_precision_score(test.labels, chance)),
        balanced_accuracy=float(balanced_accuracy_score(test.labels, called)),
        recall=float(called[test.labels == RARE].mean()),
    )


def leaked(*, rows: int, columns: int, rare: int, k: int, seed: int) -> tuple[float, float]:
    """Return the balanced accuracy that held-out rows report with SMOTE after the split, and before it.

    The rows (N, D) are noise and the labels random, so that .5 is right. The classifier asks the nearest row.
    """
    generator = np.random.default_rng(derive(seed, "noise"))
    table = Table(generator.normal(size=(rows, columns)), (np.arange(rows) < rare).astype(np.int64))
    order = generator.permutation(rows)
    half = rows // 2
    first, second = order[:half], order[half:]
    train = balanced(standard(Table(table.rows[first], table.labels[first])), SMOTE(k=k), seed=seed)
    honest = _nearest(train, Table(table.rows[second], table.labels[second]))
    everything = balanced(standard(table), SMOTE(k=k), seed=seed)
    mixed = generator.permutation(len(everything.rows))
    parts = (mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :])
    before, after = (Table(everything.rows[part], everything.labels[part]) for part in parts)
    return honest, _nearest(before, after)


def _nearest(train: Table, test: Table) -> float:
    model = KNeighborsClassifier(1).fit(*train)
    return float(balanced_accuracy_score(test.labels, model.predict(test.rows)))


def standard(table: Table) -> Training:
    """Return a table of numbers as methods that make rows take it."""
    return training(table.rows.astype(np.float32), table.labels, (0,) * table.rows.shape[1])


def islands(*, seed: int, per_island: int = 15, majority: int = 300) -> Table:
    """Draw a rare class on two islands with a frequent one between them, (N, 2)."""
    generator = np.random.default_rng(derive(seed, "islands"))
    centers = np.array([[-2.5, 0.0], [2.5, 0.0]])
    rare = np.concatenate([center + 0.4 * generator.normal(size=(per_island, 2)) for center in centers])
    lost = np.array([[0.0, 0.3]])  # one rare row among the frequent ones
    frequent = generator.normal(size=(majority, 2)) * [0.8, 1.0]
    rows = np.concatenate([frequent, rare, lost])
    return Table(rows, np.repeat([0, RARE], [majority, len(rare) + 1]))


def misplaced(made: Floats) -> float:
    """Return the share of made rows (N, 2) that lie where the frequent class of `islands` does, within two deviations."""
    return float((np.square(made / [0.8, 1.0]).sum(1) < 4).mean())
