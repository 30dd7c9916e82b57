"""The job `reproduce detect`: AUROC of detectors on a table, under ADBench's protocol (Han et al. 2022, arXiv 2206.09426).

Each seed is a stratified split of 70 % to fit on, anomalies included, and 30 % to test on. Tables of more than 10,000 rows
are subsampled, those of fewer than 1,000 drawn with replacement. Detectors scale columns themselves: to the training
rows' range, as ADBench does, or as they define it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom import registry
from darkroom.detect.detector import FitInputs
from darkroom.log import Log
from darkroom.reproduce import contents, pyod, results
from darkroom.reproduce.config import DetectSpec

FEWEST, MOST = 1000, 10_000


def run(spec: DetectSpec, *, out: Path, log: Log) -> None:
    """Write the AUROC of each detector on each split, and those of PyOD's formulas where ours are others."""
    from sklearn.metrics import roc_auc_score

    contents.check(spec)
    torch.set_num_threads(1)
    with np.load(spec.table, allow_pickle=False) as arrays:
        rows, labels = arrays["X"].astype(np.float64), arrays["y"].astype(np.int64)
    found: dict[str, list[float]] = {}
    tested = 0
    for seed in spec.seeds:
        train, test, truth = split(rows, labels, seed)
        tested = len(truth)
        samples = np.concatenate([train, test]).astype(np.float32)
        place = np.arange(len(samples))
        fitted = FitInputs(images=samples, train=place[: len(train)], val=place[:0], seed=seed)
        scores = {}
        for chosen in spec.detectors:
            detector = registry.build(chosen, (0,) * rows.shape[1])
            detector.fit(fitted)
            name = chosen.name  # type: ignore[attr-defined]
            scores[name] = detector.score(torch.from_numpy(samples[len(train) :])).scores.double().numpy()
            if name in pyod.FORMULAS:
                scores[f"{name} of PyOD"] = pyod.FORMULAS[name](train, test)
        for name, own in scores.items():
            found.setdefault(name, []).append(float(roc_auc_score(truth, own)))
    results.write(found, out, tested=tested, kind="auroc", log=log)


def split(
    rows: NDArray[np.float64], labels: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Return the training rows, the test rows and the labels of these, as ADBench draws them."""
    from sklearn.model_selection import train_test_split

    draws = np.random.RandomState(seed)
    if not FEWEST <= len(labels) <= MOST:
        few = len(labels) < FEWEST
        chosen = draws.choice(np.arange(len(labels)), FEWEST if few else MOST, replace=few)
        rows, labels = rows[chosen], labels[chosen]
    train, test, _, truth = train_test_split(rows, labels, test_size=0.3, stratify=labels, random_state=draws)
    return train, test, truth
