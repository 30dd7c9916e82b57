"""Images/s of `classify predict` beside a bare loop over the same network, and its peak memory with few and many images.

    python benchmarks/predict.py speed                 1,000 color images of 64 pixels, the default ResNet
    python benchmarks/predict.py speed --size 224 --network pretrained
    python benchmarks/predict.py memory                500 and 2,000 images

`predict` reads, prepares and predicts files, with every column of the table. Beside it, alternately: `files` opens each file with
Pillow and calls the network on batches of the same size, in one thread per core; `script` does so in turn, with torch's own
threads; `network` only calls the network, on images in memory, in one thread per core. The images are noise, and the network
learned for one epoch. Wanted: predict / files at least 0.9, and a ratio of memory near 1.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

import watched
from darkroom import files
from darkroom.classify import evaluate, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.classify.predictor import BATCH, Predictor
from darkroom.classify.trained import read_trained
from darkroom.data import incoming
from darkroom.data.preparation import Preparation
from darkroom.data.store import describe_store, new_array
from darkroom.fit.batches import as_tensor
from darkroom.fit.model import applied, available_cores
from darkroom.log import silent

TRAINED, ROUNDS = 300, 5
COUNTS = (1000, 500, 2000)
"""Images in `speed`, and in `memory`."""


def main() -> None:
    """Print images/s and their ratios, or peak memory and its ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "memory"))
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--network", default="resnet")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        seed = trained(Path(scratch), given.size, given.network)
        print(f"{given.network}, color images of {given.size}×{given.size} pixels, {available_cores()} cores")
        if given.what == "speed":
            speed(seed, images(Path(scratch) / "new", COUNTS[0], given.size))
            return
        few, many = (peak(seed, images(Path(scratch) / str(count), count, given.size)) for count in COUNTS[1:])
        print(f"{COUNTS[1]:,} images {few:.0f} MB, {COUNTS[2]:,} images {many:.0f} MB, ratio {many / few:.3f}")


def speed(seed: Path, paths: Sequence[Path]) -> None:
    """Print the median images/s of predicting and of the bare loops, and the median of the ratios of each round."""
    predictor, cores = Predictor.of(read_trained(seed)), available_cores()
    network = predictor.trained.network
    torch.set_num_threads(cores)
    whole = decoded(paths)

    def predicted() -> None:
        listing = incoming.listed(paths[0].parent)
        assert sum(row[1] is not None for row in predictor.listed(listing, workers=cores)) == len(paths)

    def opened() -> None:
        parts = (paths[start : start + BATCH] for start in range(0, len(paths), BATCH))
        for outputs in applied(lambda some: network(as_tensor(decoded(some))), parts, workers=cores):
            outputs.argmax(1)

    @torch.inference_mode()
    def script() -> None:
        for start in range(0, len(paths), BATCH):
            network(as_tensor(decoded(paths[start : start + BATCH]))).argmax(1)

    def in_memory() -> None:
        batches = (as_tensor(whole[start : start + BATCH]) for start in range(0, len(whole), BATCH))
        for outputs in applied(network, batches, workers=cores):
            outputs.argmax(1)

    calls = {"predict": predicted, "files": opened, "script": script, "network": in_memory}
    for call in calls.values():
        call()  # warm up
    rounds = [{name: len(paths) / seconds(call) for name, call in calls.items()} for _ in range(ROUNDS)]
    for name in calls:
        rate = statistics.median(one[name] for one in rounds)
        ratio = statistics.median(one["predict"] / one[name] for one in rounds)
        print(f"{name:8} {rate:8.0f} images/s   predict / this {ratio:.2f}")


def seconds(call: Callable[[], None]) -> float:
    """Return the seconds that a call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def decoded(paths: Sequence[Path]) -> np.ndarray:
    """Decode images of one size."""
    return np.stack([np.asarray(Image.open(path)) for path in paths])


def peak(seed: Path, paths: Sequence[Path]) -> float:
    """Return the peak memory in MB of the command for the folder of these images."""
    folder = paths[0].parent
    out = ["--out", str(folder.with_name(f"{folder.name}-out"))]
    words = ["classify", "predict", "--model", str(seed), "--samples", str(folder), *out]
    most, code = watched.run([sys.executable, "-m", "darkroom", *words], stdout=subprocess.DEVNULL)
    if code:
        raise SystemExit("classify predict failed")
    return most


def images(folder: Path, count: int, size: int) -> list[Path]:
    """Write images of noise as JPEG files."""
    generator = np.random.default_rng(0)
    folder.mkdir()
    paths = [folder / f"{number:05}.jpg" for number in range(count)]
    for path in paths:
        Image.fromarray(generator.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(path)
    return paths


def trained(root: Path, size: int, network: str) -> Path:
    """Train and evaluate a classifier of two kinds of noise; return the folder of its seed."""
    generator = np.random.default_rng(0)
    count = 2 * TRAINED
    with files.folder(root / "data") as fresh:
        array = new_array(fresh / "samples.npy", (count, size, size, 3))
        for row in range(count):
            array[row] = generator.integers(0, 200 + 55 * (row % 2), (size, size, 3))
        table = {
            "id": [f"{row:05}" for row in range(count)],
            "label": np.arange(count) % 2,
            "split": ["train"] * TRAINED + ["val"] * (TRAINED // 2) + ["test"] * (TRAINED // 2),
            "group": np.arange(count),
            "mask": -1,
        }
        describe_store(fresh, name="noise", classes=("dark", "light"), items=pd.DataFrame(table))
        Preparation(size, size, 3, resize="pad", color="auto", shapes=(1.0, 1.0)).save(fresh)
    spec = TrainSpec.model_validate({"network": network, "training": {"epochs": 1, "batch_size": 64}, "seed": 0})
    train.run(spec, data=root / "data", out=root / "seed-0" / "model", log=silent)
    tested = {"network": network, "tta": [], "tta_merge": "mean", "resamples": 10, "seed": 0}
    what = EvaluateSpec.model_validate(tested)
    evaluate.run(what, data=root / "data", model=root / "seed-0/model", out=root / "seed-0/evaluation", log=silent)
    return root / "seed-0"


if __name__ == "__main__":
    main()
