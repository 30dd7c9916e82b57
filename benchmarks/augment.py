"""Offline augmentation beside a bare Albumentations loop over the same arrays, with equal policies, in one process.

    python benchmarks/augment.py

Ours is the stage's own function, whole: reading the store, drawing, recording what was drawn, writing images and table,
the contact sheet and the checksums. The bare loop is Albumentations' own transforms in its own composition, with OpenCV
on one thread as in ours; it keeps its images in memory, writes and records nothing. Each is run once to load the
libraries (about 3 s, which are not counted), then three times in turn; the median counts.
Wanted: one worker at least 0.85 of the bare loop, two workers at least 1.7 times one, the same bytes from both.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import files
from darkroom.augment import apply
from darkroom.augment.config import ApplySpec, Policy
from darkroom.augment.pipeline import build
from darkroom.data.store import describe_store
from darkroom.log import silent

IMAGES, COPIES, ROUNDS = 4000, 8, 3
POLICIES: dict[str, Any] = {
    "affine": ["affine"],
    "standard": ["hflip", "affine", "brightness_contrast", "gauss_noise", "cutout"],
    "warps": ["crop", "perspective", "elastic"],
}
SHAPES = {"28x28x1": (28, 28, 1), "32x32x3": (32, 32, 3)}


def main() -> None:
    """Measure and print."""
    print(f"{IMAGES * COPIES:,} copies a run, median of {ROUNDS}, {os.cpu_count()} cores; images/s\n")
    print(
        f"{'images':8} {'policy':9} {'bare':>8} {'1 worker':>9} {'2 workers':>10} {'1 / bare':>9} {'2 / 1':>6}  bytes"
    )
    with tempfile.TemporaryDirectory() as scratch:
        for size, shape in SHAPES.items():
            for policy, transforms in POLICIES.items():
                folder = Path(scratch) / f"{size}-{policy}"
                bare, one, two, same = measure(Policy(copies=COPIES, offline=transforms).apply_spec, shape, folder)
                verdict = "same" if same else "DIFFERENT"
                print(
                    f"{size:8} {policy:9} {bare:8,.0f} {one:9,.0f} {two:10,.0f} {one / bare:9.2f} {two / one:6.2f}  {verdict}",
                    flush=True,
                )


def measure(spec: ApplySpec, shape: tuple[int, int, int], folder: Path) -> tuple[float, float, float, bool]:
    """Images/s of the bare loop, of one and of two workers, and whether these two wrote the same bytes."""
    images = blobs(shape)
    data = write_store(folder / "data", images)

    def ours(workers: int) -> None:
        apply.run(spec, data=data, out=folder / f"workers-{workers}", log=silent, workers=workers)

    runs: dict[str, Callable[[], object]] = {
        "one": lambda: ours(1),
        "bare": lambda: bare_loop(spec, images),
        "two": lambda: ours(2),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(ROUNDS + 1):
        for name, go in runs.items():
            started = time.perf_counter()
            go()
            if turn:  # the first loads the libraries
                seconds[name].append(time.perf_counter() - started)
    one, bare, two = (len(images) * COPIES / statistics.median(times) for times in seconds.values())
    same = files.read_manifest(folder / "workers-1") == files.read_manifest(folder / "workers-2")
    return bare, one, two, same


def bare_loop(spec: ApplySpec, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What one would write without us: one composition, one image after the other."""
    import albumentations  # after our own import of it, which keeps it from asking the network for a newer version
    import cv2

    def stock(options: Any) -> Any:
        ours = build(options, images.shape[1:3])
        if options.name == "elastic":
            return albumentations.ElasticTransform(
                alpha=ours.alpha,
                sigma=ours.sigma,
                noise_distribution="uniform",
                interpolation=cv2.INTER_NEAREST,
                border_mode=cv2.BORDER_REFLECT_101,
                p=options.p,
            )
        if options.name != "affine":
            return ours  # is Albumentations' own
        shift = (-options.translate, options.translate)
        return albumentations.Affine(
            rotate=(-options.rotate, options.rotate),
            translate_percent={"x": shift, "y": shift},
            scale=(1 - options.scale, 1 + options.scale),
            keep_ratio=True,
            shear={"x": (-options.shear, options.shear), "y": (0.0, 0.0)},
            interpolation=cv2.INTER_NEAREST,
            border_mode=cv2.BORDER_REFLECT_101,
            p=options.p,
        )

    compose = albumentations.Compose([stock(options) for options in spec.offline], seed=spec.seed)
    made = np.empty((COPIES * len(images), *images.shape[1:]), np.uint8)
    for copy in range(COPIES):
        for row, image in enumerate(images):
            made[copy * len(images) + row] = compose(image=image)["image"]
    return made


def blobs(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Bright smooth shapes on black, as digits are."""
    height, width, channels = shape
    coarse = np.random.default_rng(0).integers(0, 256, (IMAGES, height // 4, width // 4, channels), np.uint8)
    return np.where(coarse > 150, coarse, 0).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)


def write_store(root: Path, images: NDArray[np.uint8]) -> Path:
    """A store of training images in ten classes."""
    count = len(images)
    items = pd.DataFrame(
        {
            "id": [f"image-{row:05d}" for row in range(count)],
            "label": np.arange(count) % 10,
            "split": "train",
            "group": [f"image-{row:05d}" for row in range(count)],
            "mask": -1,
        }
    )
    with files.folder(root) as fresh:
        np.save(fresh / "samples.npy", images)
        describe_store(fresh, name="benchmark", classes=tuple("0123456789"), items=items)
    return root


if __name__ == "__main__":
    main()
