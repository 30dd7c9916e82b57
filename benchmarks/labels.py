"""How many flipped labels the search finds, beside cleanlab on the same probabilities.

    python benchmarks/labels.py [--data ZIP] [--seeds N] [--shares S ...] [--cleanlab PYTHON]

Labels of scikit-learn's digits, or of the training images in an archive of class folders, are flipped: at random, or to the
class that a logistic regression most often confuses with the right one. Digits are judged by a small `mlp`, trained on three
folds as `audit train` does. Photographs are judged by linear heads on frozen features of EfficientNet-Lite0, fitted to the same
folds: the features are computed once, where `labels.network: pretrained` would fine-tune a network per fold. The search is that
of `labels find`.

PYTHON is the interpreter of another environment with cleanlab, which is under the AGPL and no dependency
(`uv venv /tmp/cleanlab && uv pip install --python /tmp/cleanlab/bin/python cleanlab`). It gets the judges' probabilities of
the training images and returns its label quality by both of its usual scores, and the issues that it finds.

Precision and recall are those of the suspects; the area is that under the precision-recall curve of the ranking, on the
training images. `judges` uses their probabilities alone, `search` is what `labels find` does, with neighbors' votes.

Wanted: an area of at least cleanlab's.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, confusion_matrix
from sklearn.model_selection import cross_val_predict

from darkroom import registry
from darkroom.audit import train
from darkroom.audit.config import Judged, TrainSpec
from darkroom.audit.folds import folds
from darkroom.classify.transfer.frozen import compute
from darkroom.classify.transfer.heads.logistic import Logistic
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.data.store import Store, labeled, open_store
from darkroom.labels.confident import suspects
from darkroom.labels.config import FindSpec
from darkroom.labels.evidence import Evidence, collect, gather
from darkroom.log import silent

Ints = NDArray[np.int64]
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
    asked.add_argument("--data", type=Path, help="an archive of class folders in place of digits")
    asked.add_argument("--size", type=int, default=64, help="side in pixels at which photographs are judged")
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--shares", type=float, nargs="+", default=[0.05, 0.1, 0.2])
    asked.add_argument("--epochs", type=int, default=16, help="of the judges of digits")
    asked.add_argument("--cleanlab", type=Path)
    given = asked.parse_args()
    images = Photographs(given.data, given.size) if given.data else Digits(given.epochs)
    confused = images.confused()
    print(f"{'flipped':8} {'share':>5}  {'method':24} {'precision':>9} {'recall':>7} {'area':>7}", flush=True)
    for kind in ("random", "similar"):
        for share in given.shares:
            found: dict[str, list[tuple[float, float, float]]] = {}
            for seed in range(given.seeds):
                wrong = _flipped(images.labels, share, seed, confused if kind == "similar" else None)
                with tempfile.TemporaryDirectory() as root:
                    for method, numbers in _case(images, Path(root), wrong, seed, given.cleanlab).items():
                        found.setdefault(method, []).append(numbers)
            for method, rows in found.items():
                precision, recall, area = np.mean(rows, axis=0)
                print(f"{kind:8} {share:5.0%}  {method:24} {precision:9.3f} {recall:7.3f} {area:7.4f}", flush=True)


class Digits:
    """Digits and the judges that `audit train` trains."""

    def __init__(self, epochs: int) -> None:
        self.epochs, self.known = epochs, load_digits()
        self.labels = np.asarray(self.known.target, np.int64)

    def confused(self) -> Ints:
        """Return the class (K,) that each is most often taken for."""
        return _confused(self.known.data / 16, self.labels)

    def judged(self, root: Path, wrong: Ints, seed: int) -> tuple[Evidence, NDArray[np.bool_]]:
        """Return the evidence on the labels `wrong`, and which of its rows are training images with a flipped label."""
        source = registry.options("source", "sklearn")()
        ids = [f"digits-{row:04}" for row in range(len(wrong))]
        flipped = {ids[row]: str(wrong[row]) for row in np.flatnonzero(wrong != self.labels)}
        fetch.run(FetchSpec(source=source), out=root / "raw", log=silent)
        spec = PrepareSpec(name="digits", source=source, corrected=flipped)
        prepare.run(spec, raw=root / "raw", out=root / "data", log=silent)
        judge: dict[str, Any] = {"network": NETWORK, "folds": FOLDS, "seed": seed}
        training = {"epochs": self.epochs, "batch_size": 64, "threads": 1}
        for fold in range(FOLDS):
            one = TrainSpec.model_validate({**judge, "fold": fold, "training": training})
            train.run(one, data=root / "data", out=root / "models" / f"fold-{fold}", log=silent)
        store = open_store(root / "data")
        return _training(store, collect(FindSpec.model_validate(judge), store, root / "models"), set(flipped))


class Photographs:
    """Training images of an archive, and heads on frozen features as judges."""

    def __init__(self, archive: Path, size: int) -> None:
        source = registry.options("source", "folder").model_validate({"name": "folder", "path": str(archive)})
        with tempfile.TemporaryDirectory() as temporary:
            root = Path(temporary)
            fetch.run(FetchSpec(source=source), out=root / "raw", log=silent)
            spec = PrepareSpec.model_validate({"name": "photographs", "source": source, "split": {"val": 0}})
            prepare.run(spec, raw=root / "raw", out=root / "data", log=silent)
            store = open_store(root / "data")
            rows = labeled(store, "train")
            items = store.items.iloc[rows].reset_index(drop=True)
            self.store = replace(store, samples=np.array(store.samples[rows]), items=items)
        self.labels = self.store.labels
        chosen = registry.options("network", "pretrained").model_validate({"name": "pretrained", "size": size})
        network = registry.build(chosen, self.store.shape, len(self.store.classes))
        network.load_pretrained()
        self.features = compute(network, self.store, np.arange(len(rows)))

    def confused(self) -> Ints:
        """Return the class (K,) that each is most often taken for."""
        values = self.features.values
        return _confused((values - values.mean(0)) / values.std(0).clip(1e-6), self.labels)

    def judged(self, root: Path, wrong: Ints, seed: int) -> tuple[Evidence, NDArray[np.bool_]]:
        """Return the evidence on the labels `wrong`, and which of its rows are training images with a flipped label."""
        store = replace(self.store, items=self.store.items.assign(label=wrong))
        spec = Judged(folds=FOLDS, seed=seed)
        rows, fold = folds(store, spec)

        def look(number: int, shown: Ints, _held_out: Ints) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
            examples = self.features.examples(store, rows[fold != number], balanced=False, seed=seed)
            values = self.features.of(shown)
            with torch.inference_mode():
                logits = Logistic().fit(examples)(torch.from_numpy(values))
            return logits.double().numpy(), values

        flipped = set(self.store.items["id"][wrong != self.labels])
        return _training(store, gather(spec, store, look), flipped)


def _training(store: Store, found: Evidence, flipped: set[str]) -> tuple[Evidence, NDArray[np.bool_]]:
    """Keep the evidence on training images: cleanlab has no other ones to estimate from. Say which labels are flipped."""
    items = store.items.iloc[found.rows]
    kept = (items["split"] == "train").to_numpy()
    parts = {name: value[kept] for name, value in vars(found).items()}
    return Evidence(**parts), items["id"].isin(flipped).to_numpy()[kept]


def _case(
    images: Digits | Photographs, root: Path, wrong: Ints, seed: int, cleanlab: Path | None
) -> dict[str, tuple[float, float, float]]:
    """Return precision, recall and area of each method."""
    found, truth = images.judged(root, wrong, seed)
    measured = {}
    alone = replace(found, voted=np.full_like(found.voted, 1 / found.voted.shape[1]))
    for method, evidence in (("judges", alone), ("search", found)):
        wrong_by = 1 - evidence.actual()[np.arange(len(truth)), found.labels]
        measured[method] = _measured(truth, suspects(wrong_by), wrong_by)
    if cleanlab:
        np.savez(root / "given.npz", labels=found.labels, probabilities=found.judged)
        subprocess.run([cleanlab, "-c", CLEANLAB, root / "given.npz", root / "back.npz"], check=True)
        back = np.load(root / "back.npz")
        for method in ("self_confidence", "normalized_margin"):
            measured[f"cleanlab {method}"] = _measured(truth, back["issues"], -back[method])
    return measured


def _confused(inputs: NDArray[Any], labels: Ints) -> Ints:
    """Return the class (K,) that a logistic regression, in cross-validation, most often takes each class for."""
    answers = cross_val_predict(LogisticRegression(max_iter=300), inputs, labels, cv=3)
    counts = confusion_matrix(labels, answers)
    np.fill_diagonal(counts, 0)
    return np.asarray(counts.argmax(1), np.int64)


def _flipped(labels: Ints, share: float, seed: int, confused: Ints | None) -> Ints:
    """Return the labels (N,) with a share of them flipped: to the class `confused`, or at random."""
    generator = np.random.default_rng(seed)
    rows = generator.choice(len(labels), round(share * len(labels)), replace=False)
    classes, wrong = int(labels.max()) + 1, labels.copy()
    if confused is None:
        wrong[rows] = (labels[rows] + generator.integers(1, classes, len(rows))) % classes
    else:
        wrong[rows] = confused[labels[rows]]
    return wrong


def _measured(truth: NDArray[Any], found: NDArray[Any], score: NDArray[Any]) -> tuple[float, float, float]:
    hits = float((truth & found).sum())
    area = float(average_precision_score(truth, pd.Series(score).fillna(0)))
    return hits / max(float(found.sum()), 1), hits / max(float(truth.sum()), 1), area


if __name__ == "__main__":
    main()
