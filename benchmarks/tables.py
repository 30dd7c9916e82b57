"""Tables: detectors beside the numbers that ADBench published, and SMOTE beside class weights.

    python benchmarks/tables.py detectors ZIP [--tables NAME ...] [--seeds N]
    python benchmarks/tables.py smote ZIP [--tables NAME ...] [--seeds N]

ZIP is an archive of ADBench's tables, each an .npz file with X and y (Han et al. 2022, arXiv 2206.09426).

`detectors` follows ADBench's protocol: seeds 1 to 3, each a stratified split of 70 % to fit on, anomalies included, and 30 % to
test on; tables of more than 10,000 rows are subsampled, those of fewer than 1,000 drawn with replacement; numbers are scaled
to the training rows' range. The published AUROCs are those of ADBench's table of unsupervised algorithms as kept in PyOD's
repository (yzhao062/pyod, commit b98912a, pyod/utils/knowledge/_raw/adbench_aucroc_unsup.csv). Intervals are t-intervals over
the splits. Where our method is not what ADBench ran, its formula is computed here on the same splits:

- `pyod's pca`: distances from a row to the unit eigenvectors over their variances. Shyu et al. 2003, whom `table_pca` follows,
  sum squared coordinates over variances.
- `pyod 0.9.8's ecod`: `np.maximum(self.U_skew, self.U_l, self.U_r)`, whose third argument is the output, so the right tail never
  counts (corrected in PyOD on 2022-04-03, commit 8286c39); tails are those among training and test rows together.

`smote` fits logistic regression and gradient boosting on 70 % of the rows of each table under four remedies for the rare class,
with five seeds, and prints average precision and balanced accuracy on the others. Differences are paired by split; those of
one table have corrected t-intervals (Nadeau & Bengio 2003), their mean a t-interval over the tables.
"""

from __future__ import annotations

import argparse
import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split

from darkroom import registry
from darkroom.augment.config import Policy
from darkroom.augment.copies import plan
from darkroom.augment.makers.table import TableCopies
from darkroom.augment.remedies import class_weights
from darkroom.data.store import Store
from darkroom.detect.detector import FitInputs
from darkroom.fit.sampling import even
from darkroom.measure.resampled import corrected_interval
from darkroom.measure.seeds import t_interval

PUBLISHED = {
    "cardio": (0.9319, 0.9555, 0.7664, 0.9444, 0.6633),
    "mammography": (0.8639, 0.8872, 0.8453, 0.9075, 0.7439),
    "PageBlocks": (0.8957, 0.9064, 0.8194, 0.9092, 0.7590),
    "pendigits": (0.9476, 0.9373, 0.7295, 0.9122, 0.4799),
    "satimage-2": (0.9916, 0.9762, 0.9260, 0.9711, 0.4736),
    "thyroid": (0.9830, 0.9634, 0.9593, 0.9778, 0.8686),
    "vowels": (0.7394, 0.6529, 0.9726, 0.4581, 0.9312),
    "WDBC": (0.9895, 0.9905, 0.9172, 0.9720, 0.8900),
}
DETECTORS: dict[str, dict[str, Any]] = {
    "isolation_forest": {},
    "table_pca": {},
    "knn": {"scaling": "range"},
    "ecod": {},
    "lof": {"scaling": "range"},
}
REMEDIES = ("none", "class weights", "oversampling", "smote")
CLOSE = 0.01


class Table(NamedTuple):
    """Rows (N, D) and labels (N,), 1 for anomalies."""

    name: str
    rows: NDArray[np.float64]
    labels: NDArray[np.int64]


def main() -> None:
    """Run the part that is asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("part", choices=["detectors", "smote"])
    asked.add_argument("data", type=Path)
    asked.add_argument("--tables", nargs="+", default=list(PUBLISHED), choices=list(PUBLISHED))
    asked.add_argument("--seeds", type=int)
    given = asked.parse_args()
    torch.set_num_threads(1)
    started = time.monotonic()
    if given.part == "detectors":
        detectors(given.data, given.tables, given.seeds or 3)
    else:
        smote(given.data, given.tables, given.seeds or 5)
    print(f"{time.monotonic() - started:.0f} s")


def tables(data: Path, names: list[str]) -> Iterator[Table]:
    """Yield the tables of the archive, in the order of `names`."""
    with zipfile.ZipFile(data) as archive:
        found = {Path(name).stem.partition("_")[2]: name for name in archive.namelist() if name.endswith(".npz")}
        for name in names:
            with np.load(io.BytesIO(archive.read(found[name])), allow_pickle=False) as arrays:
                yield Table(name, arrays["X"].astype(np.float64), arrays["y"].astype(np.int64))


def detectors(data: Path, names: list[str], seeds: int) -> None:
    """Print the AUROC of each detector on each table, and its difference from the published one."""
    found: list[tuple[str, float, float, bool]] = []
    for table in tables(data, names):
        scores: dict[str, list[float]] = {}
        for seed in range(1, seeds + 1):
            for name, value in split_aurocs(table, seed).items():
                scores.setdefault(name, []).append(value)
        for (name, values), published in zip(
            scores.items(), (*PUBLISHED[table.name], PUBLISHED[table.name][3], PUBLISHED[table.name][1]), strict=True
        ):
            mean, low, high = interval(values)
            gap, inside = mean - published, low <= published <= high
            print(
                f"{table.name:<12} {name:<17} {mean:.3f} [{low:.3f}, {high:.3f}]  published {published:.3f}  "
                f"difference {gap:+.3f}{'' if inside else '  outside'}"
            )
            found.append((name, gap, abs(gap), inside))
    for name in dict.fromkeys(row[0] for row in found):
        own = [row for row in found if row[0] == name]
        print(
            f"{name:<17} {sum(row[3] for row in own)} of {len(own)} inside the interval, {sum(row[2] <= CLOSE for row in own)} "
            f"within {CLOSE}; mean difference {np.mean([row[1] for row in own]):+.3f}, absolute "
            f"{np.mean([row[2] for row in own]):.3f}"
        )
    cells = [row for row in found if row[0] in DETECTORS]
    print(
        f"{len(cells)} cells: {sum(row[3] for row in cells)} inside, {sum(row[2] <= CLOSE for row in cells)} within {CLOSE}"
    )


def split_aurocs(table: Table, seed: int) -> dict[str, float]:
    """Return the AUROC of each detector on one of ADBench's splits."""
    draws = np.random.RandomState(seed)
    rows, labels = table.rows, table.labels
    if len(labels) < 1000 or len(labels) > 10_000:
        few = len(labels) < 1000
        chosen = draws.choice(np.arange(len(labels)), 1000 if few else 10_000, replace=few)
        rows, labels = rows[chosen], labels[chosen]
    train, test, _, truth = train_test_split(rows, labels, test_size=0.3, stratify=labels, random_state=draws)
    samples = np.concatenate([train, test]).astype(np.float32)
    place = np.arange(len(samples))
    found = {}
    for name, options in DETECTORS.items():
        detector = registry.load("detector", name)((0,) * rows.shape[1], **options)
        detector.fit(FitInputs(images=samples, train=place[: len(train)], val=place[:0], seed=seed))
        scores = detector.score(torch.from_numpy(samples[len(train) :])).scores
        found[name] = float(roc_auc_score(truth, scores.double().numpy()))
    joined = registry.load("detector", "ecod")((0,) * rows.shape[1])
    joined.fit(FitInputs(images=samples, train=place, val=place[:0], seed=seed))
    left, _, skewed = joined.tails(joined.encode(torch.from_numpy(samples[len(train) :])))
    found["pyod 0.9.8's ecod"] = float(roc_auc_score(truth, torch.maximum(left, skewed).sum(1).numpy()))
    found["pyod's pca"] = float(roc_auc_score(truth, pyod_pca(train, test)))
    return found


def pyod_pca(train: NDArray[np.float64], test: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scores of the formula in PyOD's PCA, without directions along which no training row moves."""
    spread = train.std(0)
    moves = spread > 0
    standard, asked = ((part[:, moves] - train[:, moves].mean(0)) / spread[moves] for part in (train, test))
    variances, directions = np.linalg.eigh(np.cov(standard.T))
    kept = variances > 1e-6 * variances.max()
    distances = np.linalg.norm(asked[:, None] - directions.T[kept], axis=2)
    found: NDArray[np.float64] = (distances / (variances[kept] / variances.sum())).sum(1)
    return found


def smote(data: Path, names: list[str], seeds: int) -> None:
    """Print average precision and balanced accuracy of each remedy, and SMOTE minus class weights."""
    measures = ("average precision", "balanced accuracy")
    gaps: dict[tuple[str, str], list[float]] = {}
    for table in tables(data, names):
        for network in ("logistic_regression", "gradient_boosting"):
            found: dict[str, NDArray[np.float64]] = {
                remedy: np.array([remedied(table, network, remedy, seed) for seed in range(seeds)])
                for remedy in REMEDIES
            }
            for place, measure in enumerate(measures):
                difference = found["smote"][:, place] - found["class weights"][:, place]
                shown = corrected_interval(difference.tolist(), 0.3 / 0.7)
                means = "  ".join(f"{remedy} {values[:, place].mean():.3f}" for remedy, values in found.items())
                print(
                    f"{table.name:<12} {network:<20} {measure:<18} {means}  smote - class weights {shown['value']:+.3f} "
                    f"[{shown['low']:+.3f}, {shown['high']:+.3f}]"
                )
                gaps.setdefault((network, measure), []).append(shown["value"])
    for (network, measure), values in gaps.items():
        mean, low, high = interval(values)
        verdict = "smote" if low > 0 else "class weights" if high < 0 else "no difference shown"
        print(
            f"{network:<20} {measure:<18} smote - class weights, mean over {len(values)} tables {mean:+.3f} "
            f"[{low:+.3f}, {high:+.3f}]: {verdict}"
        )


def remedied(table: Table, network: str, remedy: str, seed: int) -> tuple[float, float]:
    """Return average precision and balanced accuracy of a classifier on the test rows of one split."""
    train, test = train_test_split(
        np.arange(len(table.labels)), test_size=0.3, stratify=table.labels, random_state=seed
    )
    samples, labels = table.rows.astype(np.float32), table.labels
    rows, given = samples[train], labels[train]
    if remedy == "oversampling":
        order = even(given, np.random.default_rng(seed))
        rows, given = rows[order], given[order]
    elif remedy == "smote":
        items = pd.DataFrame(
            {"id": [f"{k}" for k in range(len(labels))], "label": labels, "split": "train", "group": 0}
        )
        store = Store(
            table.name, ("normal", "anomaly"), samples, items.assign(mask=-1), None, None, "table", (0,) * rows.shape[1]
        )
        spec = Policy(offline=["smote"], seed=seed).copied_by("table")
        made, synthetic = TableCopies().again(spec, plan(spec, store, train))
        rows = np.concatenate([rows, synthetic])
        given = np.concatenate([given, made["label"].to_numpy(np.int64)])
    weights = np.ones(len(given))
    if remedy == "class weights":
        weights = class_weights(torch.from_numpy(np.bincount(given)).float()).double().numpy()[given]
    fitted = registry.load("network", network)((0,) * rows.shape[1], 2)
    fitted.fit(rows, given, weights, seed=seed)
    with torch.inference_mode():
        shares = fitted(torch.from_numpy(samples[test])).softmax(1).double().numpy()
    truth = labels[test]
    return float(average_precision_score(truth, shares[:, 1])), float(
        balanced_accuracy_score(truth, shares[:, 1] > 0.5)
    )


def interval(values: list[float]) -> tuple[float, float, float]:
    """Return mean, low and high of the t-interval of these values; no width for a single one."""
    return t_interval(values) if len(values) > 1 else (values[0],) * 3


if __name__ == "__main__":
    main()
