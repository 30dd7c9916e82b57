"""Which policy is worth it: a table of policy × accuracy over three seeds, by the pipeline itself.

    python benchmarks/policies.py cifar10 --data cifar10_subset.zip           an archive of train/CLASS and test/CLASS images
    python benchmarks/policies.py long_tailed --data cifar10_subset.zip       the same, its training images cut to a long tail
    python benchmarks/policies.py fashion_mnist --data fashion_mnist.npz      arrays x_train, y_train, x_test, y_test

Every policy has the network, the number of steps and the seeds of the others; `none` differs in nothing else. Mixing and
automatic policies stand on top of `standard`, as in their papers. Seeds are 0, 1, 2; the interval of a mean is Student's
t over them, that of a difference to `none` is over the seeds' paired differences. The test images are the data set's own.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from scipy import stats

from darkroom import files
from project import run_config

COLOR = ["hflip", {"name": "pad_crop", "pixels": 4}]
GRAY = ["hflip", {"name": "pad_crop", "pixels": 2}]
COPIES = {"offline": ["hflip", {"name": "affine", "rotate": 10}], "copies": 8}


def main() -> None:
    """Run the pipeline and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["cifar10", "long_tailed", "fashion_mnist"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="folder for the results, kept and gone on with; else a temporary one")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    config = described(options.what, options.data.resolve(), options.epochs)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.work or Path(temporary)).resolve()
        run(config, folder, options.cores)
        show(config, folder)


def described(what: str, data: Path, epochs: int) -> dict[str, Any]:
    """The config of one table."""
    source: dict[str, Any] = {"name": "npz" if what == "fashion_mnist" else "folder", "path": str(data)}
    policies = tail() if what == "long_tailed" else upon(GRAY if what == "fashion_mnist" else COLOR)
    return {
        "name": what,
        "data": {"source": source, "split": {"long_tail": 50} if what == "long_tailed" else {}},
        "augment": policies,
        "classify": {"models": {"resnet": {}}, "training": {"epochs": epochs}, "seeds": 3, "tta": []},
    }


def upon(standard: list[Any]) -> dict[str, Any]:
    """The policies of a balanced set."""
    more: dict[str, Any] = {
        "randaugment": "randaugment",
        "trivialaugment_wide": "trivialaugment_wide",
        "augmix": "augmix",
        "augmix_consistent": {"name": "augmix", "consistency": 12},
        "mixup": "mixup",
        "cutmix": "cutmix",
    }
    online = {name: {"online": [*standard, step]} for name, step in more.items()}
    return {"standard": {"online": standard}, "offline": COPIES, **online}


def tail() -> dict[str, Any]:
    """The policies of a long-tailed set: the usual remedies alone, copies, and copies that even out the classes."""
    remedies = {name: {"imbalance": name} for name in ("class_weights", "balanced_sampler", "oversampling")}
    return {**remedies, "copies": COPIES, "balanced": {**COPIES, "balance": True}}


def run(config: dict[str, Any], folder: Path, cores: int) -> None:
    """Run the whole pipeline on a config in a folder."""
    started = time.monotonic()
    run_config(config, folder, cores=cores)
    print(f"{config['name']}: {(time.monotonic() - started) / 60:.1f} minutes on {cores} cores", flush=True)


def show(config: dict[str, Any], folder: Path) -> None:
    """Print a line a policy: accuracy, balanced accuracy, and what it brings over `none`."""
    measure = "balanced_accuracy"
    found = {policy: scores(config, folder, policy, measure) for policy in ("none", *config["augment"])}
    seconds = {policy: statistics.mean(times(config, folder, policy)) for policy in found}
    print(f"{config['name']}, {measure}, {len(found['none'])} seeds, {config['classify']['training']['epochs']} epochs")
    print(f"{'policy':<20} {'mean':>6} {'95 % interval':>15}   {'over none':>9} {'95 % interval':>17} {'training':>9}")
    for policy, values in found.items():
        gains = [value - base for value, base in zip(values, found["none"], strict=True)]
        mean, (low, high) = interval(values)
        line = f"{policy:<20} {mean:6.4f} {low:7.4f}-{high:.4f}"
        if policy != "none":
            gain, (worst, best) = interval(gains)
            line += f"   {gain:+9.4f} {worst:+8.4f} {best:+.4f} "
        print(f"{line:<72} {seconds[policy]:7.0f} s")


def scores(config: dict[str, Any], folder: Path, policy: str, measure: str) -> list[float]:
    """A test measure of each seed under a policy."""
    root = folder / "results" / config["name"] / "classify" / policy / "resnet"
    read = [files.read_json(root / f"seed-{seed}" / "evaluation" / "metrics.json") for seed in range(3)]
    return [metrics["views"]["plain"]["raw"][measure]["value"] for metrics in read]


def times(config: dict[str, Any], folder: Path, policy: str) -> list[float]:
    """Seconds of training of each seed under a policy."""
    root = folder / "results" / config["name"] / "classify" / policy / "resnet"
    return [files.read_json(root / f"seed-{seed}" / "model" / files.TIMING)["seconds"] for seed in range(3)]


def interval(values: list[float]) -> tuple[float, tuple[float, float]]:
    """Mean and 95 % t-interval."""
    mean = statistics.mean(values)
    half = float(stats.t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return mean, (mean - half, mean + half)


if __name__ == "__main__":
    main()
