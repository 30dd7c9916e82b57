"""Estimators without gradient answer as scikit-learn's do, before and after saving."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from darkroom import files, registry
from darkroom.fit.model import save_model
from darkroom.measure.intervals import Number
from darkroom.nets import diagram, state_dict
from darkroom.nets.estimator import Estimator
from darkroom.nets.table.estimator import Plain
from darkroom.nets.table.inputs import Encoded
from darkroom.report.parts.table import size

SHAPE = (0, 0, 0, 3)


def table(rows: int = 300, classes: int = 3, seed: int = 0) -> tuple[Any, Any, Any]:
    """Numbers with missing cells, a column of categories with unseen ones, and labels that depend on both."""
    generator = np.random.default_rng(seed)
    numbers = generator.normal(size=(rows, 3)).astype(np.float32)
    codes = generator.integers(0, 3, rows).astype(np.float32)
    labels = np.digitize(numbers[:, 0] + 0.5 * codes + generator.normal(0, 0.3, rows), [0.3, 0.9][: classes - 1])
    numbers[generator.random(numbers.shape) < 0.1] = np.nan
    codes[generator.random(rows) < 0.05] = np.nan
    return np.column_stack([numbers, codes]), labels.astype(np.int64), generator.uniform(0.5, 2, rows)


def reference(name: str, fitted: Estimator, rows: Any, labels: Any, weights: Any, asked: Any) -> Any:
    """The probabilities of scikit-learn's own model on the same inputs."""
    if name == "logistic_regression":
        encoded = Encoded(SHAPE)
        encoded.cells.adapt(rows)
        model: Any = LogisticRegression(max_iter=1000, tol=1e-6)
    else:
        encoded = Plain(SHAPE)  # type: ignore[assignment]
        model = (
            RandomForestClassifier(20, random_state=5)
            if name == "random_forest"
            else HistGradientBoostingClassifier(max_iter=10, early_stopping=False, random_state=5)
        )
    given, other = (encoded(torch.from_numpy(part)).double().numpy() for part in (rows, asked))
    return model.fit(given, labels, sample_weight=weights).predict_proba(other)


SMALL: dict[str, dict[str, int]] = {
    "logistic_regression": {},
    "random_forest": {"trees": 20},
    "gradient_boosting": {"rounds": 10},
}


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", SMALL)
def test_probabilities_equal_those_of_scikit_learn(name: str, classes: int, tmp_path: Path) -> None:
    rows, labels, weights = table(classes=classes)
    asked, _, _ = table(200, seed=1)
    asked[:10, 3] = 3  # a category that training has not seen
    network = registry.load("network", name)(SHAPE, classes, **SMALL[name])
    network.fit(rows, labels, weights, seed=5)
    found = network(torch.from_numpy(asked)).softmax(1).numpy()
    np.testing.assert_allclose(found, reference(name, network, rows, labels, weights, asked), atol=1e-5)
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    again = registry.load("network", name)(SHAPE, classes, **SMALL[name])
    again.load_state_dict(state_dict.read(tmp_path / "weights.pt"))
    assert torch.equal(again(torch.from_numpy(asked)), network(torch.from_numpy(asked)))


@pytest.mark.parametrize(("name", "trees"), [("random_forest", 20), ("gradient_boosting", 30)])
def test_trees_are_counted_in_place_of_parameters(name: str, trees: int, tmp_path: Path) -> None:
    rows, labels, weights = table()
    network = registry.load("network", name)(SHAPE, 3, **SMALL[name])
    network.fit(rows, labels, weights, seed=5)
    assert sum(p.numel() for p in network.parameters()) == 0
    assert network.learned["trees"] == trees
    nodes = len(network.trees.feature)
    assert 2 * network.learned["leaves"] - trees == nodes  # every other node has two children
    assert (
        diagram.drawing(network, torch.from_numpy(rows[:1]))
        .axes[0]
        .get_title(loc="left")
        .startswith(f"{trees} trees, ")
    )
    options = registry.options("network", name)()
    save_model(tmp_path, network, plugin=options, shape=SHAPE, classes=("a", "b", "c"), fitted=None, samples="table")
    assert files.read_json(tmp_path / "model.json")["learned"] == network.learned
    leaves, count = (Number(float(network.learned[key])) for key in ("leaves", "trees"))
    assert size(Number(0.0), leaves, count).small == f"leaves of {trees} trees"


@pytest.mark.parametrize("name", SMALL)
def test_a_class_without_training_rows_is_never_predicted(name: str) -> None:
    rows, labels, weights = table(classes=2)
    network = registry.load("network", name)(SHAPE, 4, **SMALL[name])
    network.fit(rows, labels * 2 + 1, weights, seed=0)  # the classes 1 and 3
    shares = network(torch.from_numpy(rows)).softmax(1)
    assert float(shares[:, [0, 2]].max()) < 1e-3
    assert float((shares[:, [1, 3]].argmax(1).numpy() == labels).mean()) > 0.7
