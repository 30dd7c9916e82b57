"""Tables: SMOTE beside class weights and other remedies for a rare class, and generators beside real rows.

    python benchmarks/tables.py smote ZIP [--tables NAME ...] [--seeds N]
    python benchmarks/tables.py generators ZIP [--tables NAME ...] [--seeds N] [--epochs N]

ZIP is an archive of ADBench's tables, each an .npz file with X and y (Han et al. 2022, arXiv 2206.09426). Detectors on these
tables are in docs/reproduced.md.

`smote` fits logistic regression and gradient boosting on 70 % of the rows of each table under four remedies for the rare class,
with five seeds, and prints average precision and balanced accuracy on the others. Differences are paired by split; those of
one table have corrected t-intervals (Nadeau & Bengio 2003), their mean a t-interval over the tables.

`generators` fits every generator of rows to 70 % of each table (by default three of them), with three seeds, and draws as many
rows of the same classes. Gradient boosting learns from them, and from the real rows; printed are average precision and AUROC on
the other rows, the ratios to those of real rows with corrected t-intervals, the share of samples that are near-copies of training
rows, of which 1 % are expected, and their median distance to the nearest training row over that of the other rows. Rows that
equal an earlier one are left out.
"""

from __future__ import annotations

import argparse
import contextlib
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
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score
from sklearn.model_selection import train_test_split

from darkroom import registry
from darkroom.augment.config import Policy
from darkroom.augment.copies import plan
from darkroom.augment.makers.table import TableCopies
from darkroom.augment.remedies import class_weights
from darkroom.data.store import Store
from darkroom.fit.batches import training_batches
from darkroom.fit.sampling import even
from darkroom.fit.trainer import fit
from darkroom.fit.untrained import standardize
from darkroom.generate.config import GeneratorTraining
from darkroom.generate.evaluation.rows import nearest_rows
from darkroom.generate.model import FittedGenerator, GenerativeModel
from darkroom.log import silent
from darkroom.measure.memorization import threshold
from darkroom.measure.resampled import corrected_interval
from darkroom.measure.seeds import t_interval

TABLES = ("cardio", "mammography", "PageBlocks", "pendigits", "satimage-2", "thyroid", "vowels", "WDBC")
GENERATED = ("cardio", "thyroid", "vowels")
REMEDIES = ("none", "class weights", "oversampling", "smote")


class Table(NamedTuple):
    """Rows (N, D) and labels (N,), 1 for anomalies."""

    name: str
    rows: NDArray[np.float64]
    labels: NDArray[np.int64]


def main() -> None:
    """Run the part that is asked for."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("part", choices=["smote", "generators"])
    asked.add_argument("data", type=Path)
    asked.add_argument("--tables", nargs="+", choices=TABLES)
    asked.add_argument("--seeds", type=int)
    asked.add_argument("--epochs", type=int, help="of the TVAE; default: its own")
    given = asked.parse_args()
    torch.set_num_threads(1)
    started = time.monotonic()
    if given.part == "smote":
        smote(given.data, given.tables or list(TABLES), given.seeds or 5)
    else:
        generators(given.data, given.tables or list(GENERATED), given.seeds or 3, given.epochs)
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
        store = stored(table, test)
        spec = Policy(offline=["smote"], seed=seed).copied_by("table")
        made, synthetic = TableCopies().again(spec, plan(spec, store, train))
        rows = np.concatenate([rows, synthetic])
        given = np.concatenate([given, made["label"].to_numpy(np.int64)])
    weights = np.ones(len(given))
    if remedy == "class weights":
        weights = class_weights(torch.from_numpy(np.bincount(given)).float()).double().numpy()[given]
    shares = predicted(network, rows, given, weights, samples[test], seed=seed)
    truth = labels[test]
    return float(average_precision_score(truth, shares[:, 1])), float(
        balanced_accuracy_score(truth, shares[:, 1] > 0.5)
    )


def stored(table: Table, test: NDArray[np.int64]) -> Store:
    """Return a store of a table, with these rows to test on."""
    items = pd.DataFrame(
        {"id": [f"{k}" for k in range(len(table.labels))], "label": table.labels, "group": 0, "mask": -1}
    )
    items = items.assign(split=np.where(np.isin(np.arange(len(items)), test), "test", "train"))
    samples, shape = table.rows.astype(np.float32), (0,) * table.rows.shape[1]
    return Store(table.name, ("normal", "anomaly"), samples, items, None, None, "table", shape)


def predicted(
    network: str,
    rows: NDArray[np.float32],
    labels: NDArray[np.int64],
    weights: NDArray[np.float64],
    asked: NDArray[np.float32],
    *,
    seed: int,
) -> NDArray[np.float64]:
    """Return the probabilities (M, 2) of rows (M, D) by an estimator fitted to others (N, D)."""
    fitted = registry.load("network", network)((0,) * rows.shape[1], 2)
    fitted.fit(rows, labels, weights, seed=seed)
    with torch.inference_mode():
        shares: NDArray[np.float64] = fitted(torch.from_numpy(asked)).softmax(1).double().numpy()
    return shares


def generators(data: Path, names: list[str], seeds: int, epochs: int | None) -> None:
    """Print what samples of each generator are worth as training data beside real rows, and how many are near-copies."""
    for name, rows, labels in tables(data, names):
        _, first = np.unique(rows.astype(np.float32), axis=0, return_index=True)  # equal rows stay in one split
        table = Table(name, rows[np.sort(first)], labels[np.sort(first)])
        found = [generated(table, seed, epochs) for seed in range(seeds)]
        for source in found[0]:
            values = np.array([each[source] for each in found])  # (seeds, 4)
            line = f"{table.name:<12} {source:<16} AP {values[:, 0].mean():.3f}  AUROC {values[:, 1].mean():.3f}"
            if source != "real":
                for place, measure in enumerate(("AP", "AUROC")):
                    ratios = [each[source][place] / each["real"][place] for each in found]
                    shown = (
                        corrected_interval(ratios, 0.3 / 0.7)
                        if len(ratios) > 1
                        else dict.fromkeys(("value", "low", "high"), ratios[0])
                    )
                    line += f"  {measure} ratio {shown['value']:.3f} [{shown['low']:.3f}, {shown['high']:.3f}]"
                line += f"  near-copies {100 * values[:, 2].mean():.1f} %  distance {values[:, 3].mean():.2f}"
            print(line, flush=True)


def generated(table: Table, seed: int, epochs: int | None) -> dict[str, tuple[float, ...]]:
    """Return average precision and AUROC with real rows and with each generator's, its near-copies and its distance."""
    train, test = train_test_split(
        np.arange(len(table.labels)), test_size=0.3, stratify=table.labels, random_state=seed
    )
    store = stored(table, test)
    sets = {"real": (np.asarray(store.samples[train]), (0.0, 0.0))}
    for name in registry.taking("generator", "table"):
        torch.manual_seed(seed)
        network = registry.load("generator", name)(store.shape, 2)
        if isinstance(network, FittedGenerator):
            network.fit(store.samples[train], store.labels[train])
        else:
            fitted(network, store, train, seed=seed, epochs=epochs)
        with torch.inference_mode():
            draws = torch.Generator().manual_seed(seed)
            samples = network.eval().sample(torch.from_numpy(store.labels[train]), draws).numpy()
            near, real = nearest_rows(store, samples, store.samples[test])
        share = float((near.ratio < threshold(real.ratio)).mean())
        sets[name] = samples, (share, float(np.median(near.distance) / np.median(real.distance)))
    found: dict[str, tuple[float, ...]] = {}
    for name, (rows, copies) in sets.items():
        shares = predicted(
            "gradient_boosting", rows, store.labels[train], np.ones(len(train)), store.samples[test], seed=seed
        )[:, 1]
        truth = store.labels[test]
        found[name] = (
            float(average_precision_score(truth, shares)),
            float(roc_auc_score(truth, shares)),
            *copies,
        )
    return found


def fitted(network: GenerativeModel, store: Store, train: NDArray[np.int64], *, seed: int, epochs: int | None) -> None:
    """Train a generator by its own defaults, or for this number of epochs."""
    own = registry.entry(*network.plugin).training  # type: ignore[misc]
    training = GeneratorTraining.model_validate({**own, **({"epochs": epochs} if epochs else {})})
    standardize(network, store.samples, train)
    batches = training_batches(store, train, None, batch_size=training.batch_size, seed=seed)
    with contextlib.redirect_stderr(io.StringIO()):
        fit(network.task(training), batches, None, seed=seed, log=silent)


def interval(values: list[float]) -> tuple[float, float, float]:
    """Return mean, low and high of the t-interval of these values; no width for a single one."""
    return t_interval(values) if len(values) > 1 else (values[0],) * 3


if __name__ == "__main__":
    main()
