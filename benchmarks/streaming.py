"""Peak memory of `detect evaluate` and `detect score` with few and with many images.

    python benchmarks/streaming.py                                500 and 10,000 gray images of 64 pixels
    python benchmarks/streaming.py --size 224 --images 500 2000   larger ones

The images are noise, a third of them with a bright square and a mask of it, so that pixel metrics are counted too. One `pca`
detector, fitted once, serves both numbers. Each command runs in a process of its own; what is printed is the largest resident
memory that the system saw of it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from darkroom import files
from darkroom.data.preparation import Preparation
from darkroom.data.store import describe_store, new_array

TRAIN, VAL = 200, 100
EXAMPLES, RESAMPLES = 24, 1000


def main() -> None:
    """Print the peaks for each number of images and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--images", type=int, nargs=2, default=(500, 10_000), metavar=("FEW", "MANY"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        measured = {
            number: measure(root / str(number), root / "seed-0", number, options.size) for number in options.images
        }
    few, many = options.images
    print(f"images of {options.size}×{options.size} pixels, gray, with masks")
    for stage in measured[few]:
        first, second = measured[few][stage], measured[many][stage]
        print(
            f"{stage:8} {few:6,} images {first[0]:6.0f} MB {first[1]:6.1f} s   {many:6,} images {second[0]:6.0f} MB "
            f"{second[1]:6.1f} s   ratio of memory {second[0] / first[0]:.3f}",
            flush=True,
        )


def measure(root: Path, seed: Path, number: int, size: int) -> dict[str, tuple[float, float]]:
    """Return peak memory in MB and seconds of each command with `number` test images, fitting the detector first if missing."""
    data, folder = root / "prepared", root / "images"
    make(data, folder, number, size)
    common = {"detector": {"name": "pca"}, "normal": ["good"], "seed": 0}
    if not seed.exists():
        command("fit", "--spec", json.dumps(common), "--data", data, "--out", seed / "model")
    spec = common | {"false_alarms": 0.05, "threshold": "quantile", "examples": EXAMPLES, "resamples": RESAMPLES}
    given = ("--spec", json.dumps(spec), "--data", data, "--model", seed / "model", "--out", seed / "evaluation")
    return {
        "evaluate": command("evaluate", *given),
        "score": command("score", "--model", seed, "--images", folder, "--out", root / "scores"),
    }


def command(stage: str, *options: str | Path) -> tuple[float, float]:
    """Run one command; peak in MB, seconds."""
    started = time.monotonic()
    child = subprocess.Popen([sys.executable, "-m", "darkroom", "detect", stage, *map(str, options)])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"detect {stage} failed")
    return usage.ru_maxrss / 1024, time.monotonic() - started


def make(data: Path, folder: Path, number: int, size: int) -> None:
    """Make a store of training, validation and `number` test images, and a folder with the same test images as files."""
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True)
    unusual = np.arange(number) % 3 == 0
    side = slice(size // 4, size // 2)
    with files.folder(data) as fresh:
        images = new_array(fresh / "samples.npy", (TRAIN + VAL + number, size, size, 1))
        masks = new_array(fresh / "masks.npy", (int(unusual.sum()), size, size))
        for row in range(len(images)):
            image = generator.integers(90, 130, (size, size), dtype=np.uint8)
            place = row - TRAIN - VAL
            if place >= 0 and unusual[place]:
                image[side, side] += 60
                masks[place // 3, side, side] = 255
            images[row, :, :, 0] = image
            if place >= 0:
                Image.fromarray(image).save(folder / f"{place:05}.png")
        labels = np.concatenate([np.zeros(TRAIN + VAL, np.int64), unusual])
        table = pd.DataFrame(
            {
                "id": [f"{row:05}" for row in range(len(images))],
                "label": labels,
                "split": ["train"] * TRAIN + ["val"] * VAL + ["test"] * number,
                "group": np.arange(len(images)),
                "mask": np.where(labels == 1, np.cumsum(labels) - 1, -1),
            }
        )
        describe_store(fresh, name="benchmark", classes=("good", "defect"), items=table)
        Preparation(size, size, 1, resize="pad", color="auto", shapes=(1.0, 1.0)).save(fresh)


if __name__ == "__main__":
    main()
