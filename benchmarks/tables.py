"""Tables: SMOTE beside class weights and other remedies for a rare class.

    python benchmarks/tables.py smote ZIP [--tables NAME ...] [--seeds N]

ZIP is an archive of ADBench's tables, each an .npz file with X and y (Han et al. 2022, arXiv 2206.09426). Detectors on these
tables are in docs/reproduced.md.

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
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, balanced_accuracy_score
from sklearn.model_selection import train_test_split

from darkroom import registry
from darkroom.augment.config import Policy
from darkroom.augment.copies import plan
from darkroom.augment.makers.table import TableCopies
from darkroom.augment.remedies import class_weights
from darkroom.data.store import Store
from darkroom.fit.sampling import even
from darkroom.measure.resampled import corrected_interval
from darkroom.measure.seeds import t_interval

TABLES = ("cardio", "mammography", "PageBlocks", "pendigits", "satimage-2", "thyroid", "vowels", "WDBC")
REMEDIES = ("none", "class weights", "oversampling", "smote")


class Table(NamedTuple):
    """Rows (N, D) and labels (N,), 1 for anomalies."""

    name: str
    rows: NDArray[np.float64]
    labels: NDArray[np.int64]


def main() -> None:
    """Run the part that is asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("part", choices=["smote"])
    asked.add_argument("data", type=Path)
    asked.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    asked.add_argument("--seeds", type=int, default=5)
    given = asked.parse_args()
    torch.set_num_threads(1)
    started = time.monotonic()
    smote(given.data, given.tables, given.seeds)
    print(f"{time.monotonic() - started:.0f} s")


def tables(data: Path, names: list[str]) -> Iterator[Table]:
    """Yield the tables of the archive, in the order of `names`."""
    with zipfile.ZipFile(data) as archive:
        found = {Path(name).stem.partition("_")[2]: name for name in archive.namelist() if name.endswith(".npz")}
        for name in names:
            with np.load(io.BytesIO(archive.read(found[name])), allow_pickle=False) as arrays:
                yield Table(name, arrays["X"].astype(np.float64), arrays["y"].astype(np.int64))


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
