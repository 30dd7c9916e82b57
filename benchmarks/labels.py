"""How many flipped labels the search finds, beside cleanlab on the same probabilities.

    python benchmarks/labels.py [--seeds N] [--shares S ...] [--epochs N] [--cleanlab PYTHON]

Labels of scikit-learn's digits are flipped: at random, or to the class that a logistic regression most often confuses with the
right one. Judges are trained as `audit train` does, on three folds, with a small `mlp`; the search is that of `labels find`.
PYTHON is the interpreter of another environment with cleanlab, which is under the AGPL and no dependency
(`uv venv /tmp/cleanlab && uv pip install --python /tmp/cleanlab/bin/python cleanlab`). It gets the judges' probabilities of
the training images and returns its label quality by both of its usual scores, and the issues that it finds.

Precision and recall are those of the suspects; the area is that under the precision-recall curve of the ranking, on the
training images. `margin` ranks by the judges' probabilities alone, `search` is what `labels find` does, with neighbors' votes.

Wanted: an area of at least cleanlab's.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, confusion_matrix
from sklearn.model_selection import cross_val_predict

from darkroom import registry
from darkroom.audit import train
from darkroom.audit.config import TrainSpec
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.data.store import open_store
from darkroom.labels.confident import suspects, suspicion
from darkroom.labels.config import FindSpec
from darkroom.labels.evidence import collect
from darkroom.log import silent

NETWORK = {"name": "mlp", "hidden": [64]}
FOLDS = 3
CLEANLAB = """
import sys, numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
given = np.load(sys.argv[1])
labels, p = given["labels"], given["probabilities"]
scores = {m: get_label_quality_scores(labels, p, method=m) for m in ("self_confidence", "normalized_margin")}
np.savez(sys.argv[2], issues=find_label_issues(labels, p), **scores)
"""


def main() -> None:
    """Print a table, one row per way to flip labels, share and method, with means over the seeds."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--shares", type=float, nargs="+", default=[0.05, 0.1, 0.2])
    asked.add_argument("--epochs", type=int, default=16)
    asked.add_argument("--cleanlab", type=Path)
    given = asked.parse_args()
    print(f"{'flipped':8} {'share':>5}  {'method':24} {'precision':>9} {'recall':>7} {'area':>7}", flush=True)
    for kind in ("random", "similar"):
        for share in given.shares:
            found: dict[str, list[tuple[float, float, float]]] = {}
            for seed in range(given.seeds):
                with tempfile.TemporaryDirectory() as root:
                    for method, numbers in _case(Path(root), kind, share, seed, given.epochs, given.cleanlab).items():
                        found.setdefault(method, []).append(numbers)
            for method, rows in found.items():
                precision, recall, area = np.mean(rows, axis=0)
                print(f"{kind:8} {share:5.0%}  {method:24} {precision:9.3f} {recall:7.3f} {area:7.4f}", flush=True)


def _case(
    root: Path, kind: str, share: float, seed: int, epochs: int, cleanlab: Path | None
) -> dict[str, tuple[float, float, float]]:
    """Return precision, recall and area of each method."""
    source = registry.options("source", "sklearn")()
    wrong = _flipped(kind, share, seed)
    fetch.run(FetchSpec(source=source), out=root / "raw", log=silent)
    spec = PrepareSpec(name="digits", source=source, corrected={id_: str(label) for id_, label in wrong.items()})
    prepare.run(spec, raw=root / "raw", out=root / "data", log=silent)
    judge: dict[str, Any] = {"network": NETWORK, "folds": FOLDS, "seed": seed}
    training = {"epochs": epochs, "batch_size": 64, "threads": 1}
    for fold in range(FOLDS):
        one = TrainSpec.model_validate({**judge, "fold": fold, "training": training})
        train.run(one, data=root / "data", out=root / "models" / f"fold-{fold}", log=silent)
    store = open_store(root / "data")
    found = collect(FindSpec.model_validate(judge), store, root / "models")
    trained = (store.items["split"] == "train").to_numpy()[found.rows]
    truth = store.items["id"].iloc[found.rows].isin(list(wrong)).to_numpy()
    # on training images alone, as cleanlab's: confident learning has no other ones to estimate from
    labels, judged, together = found.labels[trained], found.judged[trained], found.together[trained]
    truth = truth[trained]
    measured = {}
    for method, probabilities in {"margin": judged, "search": together}.items():
        score, _ = suspicion(probabilities, labels)
        measured[method] = _measured(truth, suspects(probabilities, labels), score)
    if cleanlab:
        np.savez(root / "given.npz", labels=labels, probabilities=judged)
        subprocess.run([cleanlab, "-c", CLEANLAB, root / "given.npz", root / "back.npz"], check=True)
        back = np.load(root / "back.npz")
        for method in ("self_confidence", "normalized_margin"):
            measured[f"cleanlab {method}"] = _measured(truth, back["issues"], -back[method])
    return measured


def _flipped(kind: str, share: float, seed: int) -> dict[str, int]:
    """Return the wrong label of each flipped id."""
    digits = load_digits()
    generator = np.random.default_rng(seed)
    rows = generator.choice(len(digits.target), round(share * len(digits.target)), replace=False)
    if kind == "random":
        wrong = (digits.target[rows] + generator.integers(1, 10, len(rows))) % 10
    else:
        answers = cross_val_predict(LogisticRegression(max_iter=300), digits.data / 16, digits.target, cv=3)
        confused = confusion_matrix(digits.target, answers)
        np.fill_diagonal(confused, 0)
        wrong = confused.argmax(1)[digits.target[rows]]
    return {f"digits-{row:04}": int(label) for row, label in zip(rows.tolist(), wrong, strict=True)}


def _measured(truth: NDArray[Any], found: NDArray[Any], score: NDArray[Any]) -> tuple[float, float, float]:
    hits = float((truth & found).sum())
    area = float(average_precision_score(truth, pd.Series(score).fillna(0)))
    return hits / max(float(found.sum()), 1), hits / max(float(truth.sum()), 1), area


if __name__ == "__main__":
    main()
