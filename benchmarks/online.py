"""Online augmentation of whole batches beside per-image pipelines with equal policies, on the same two cores.

    python benchmarks/online.py           images/s on two cores
    python benchmarks/online.py --busy    images a second of processor time on one core: for a machine with other work

Every side starts from the same images as bytes (N, H, W, C) in memory and ends with float batches (B, C, H, W) in [0, 1]. Ours
is `OnlinePipeline` as training calls it, with two threads and no worker: a draw of its own for every image. The peers are
torchvision v2's and Albumentations' own transforms in a `DataLoader`, an image at a time, with no worker or with two,
whichever is faster; OpenCV and torch use one thread for each. Albumentations has no RandAugment: there two of the same
kinds of operations are drawn for each image by `SomeOf`.
The sides take turns; the median counts. Wanted: `geometric` at least 8 times and `randaugment` at least 4 times the better
peer. Other work on the machine slows two threads that wait for each other far more than two workers that do not; with
`--busy` every side has one thread and no worker, and the time that others take is not counted.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from darkroom import registry
from darkroom.augment.online import OnlinePipeline
from darkroom.fit.batches import as_tensor

IMAGES, BATCH, ROUNDS = 4096, 256, 7
REPEATS = 8
"""Ours goes through the images so often in a turn, to be timed for about as long as the peers."""
SHAPES = {"28x28x1": (28, 28, 1), "32x32x3": (32, 32, 3)}
POLICIES: dict[str, list[Any]] = {
    "geometric": [("hflip", {}), ("affine", {"fill": "constant"})],
    "randaugment": [("randaugment", {})],
}

Bytes = NDArray[np.uint8]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--busy", action="store_true", help="processor time of one core instead of seconds on two")
    busy = parser.parse_args().busy
    measured = "one core, images a second of processor time" if busy else "two cores, images/s"
    print(f"batches of {BATCH} float images from {IMAGES:,} in memory, median of {ROUNDS}, {measured}\n")
    heads = ("ours", "torchvision", "workers", "albumentations", "workers")
    print(f"{'images':8} {'policy':12} " + " ".join(f"{head:>14}" for head in heads) + f" {'ratio':>6} {'wanted':>6}")
    for size, shape in SHAPES.items():
        for policy, steps in POLICIES.items():
            rates = measure(blobs(shape), steps, policy, busy=busy)
            best = {
                peer: max((rate, workers) for (side, workers), rate in rates.items() if side == peer) for peer in PEERS
            }
            ratio = rates["ours", 0] / max(rate for rate, _ in best.values())
            told = [f"{rates['ours', 0]:14,.0f}", *(f"{rate:14,.0f} {workers:14d}" for rate, workers in best.values())]
            print(
                f"{size:8} {policy:12} {' '.join(told)} {ratio:6.1f} {8 if policy == 'geometric' else 4:6}", flush=True
            )


def measure(images: Bytes, steps: list[Any], policy: str, *, busy: bool) -> dict[tuple[str, int], float]:
    """Images/s of each side by its name and number of workers."""
    clock = time.process_time if busy else time.perf_counter
    sides: dict[tuple[str, int], Callable[[], Iterator[Any]]] = {("ours", 0): ours(images, steps)}
    for name, transform in PEERS.items():
        for workers in (0,) if busy else (0, 2):
            sides[name, workers] = per_image(PerImage(images, transform(policy, images.shape[3])), workers)
    seconds: dict[tuple[str, int], list[float]] = {side: [] for side in sides}
    for turn in range(ROUNDS + 1):
        for side, go in sides.items():
            torch.set_num_threads(2 if side[0] == "ours" and not busy else 1)
            started, count = clock(), 0
            for batch in go():
                count += len(batch)
            if turn:  # in the first, libraries are loaded and workers started
                seconds[side].append((clock() - started) / count)
    return {side: 1 / statistics.median(times) for side, times in seconds.items()}


def ours(images: Bytes, steps: list[Any]) -> Callable[[], Iterator[torch.Tensor]]:
    """Our batches."""
    options = [registry.options("batch transform", name)(**given) for name, given in steps]
    online = OnlinePipeline(options, {name: torch.ones(10) for name, _ in steps})
    labels = torch.arange(BATCH) % 10

    def go() -> Iterator[torch.Tensor]:
        draws = torch.Generator().manual_seed(0)
        for _ in range(REPEATS):
            for start in range(0, len(images), BATCH):
                yield online(as_tensor(images[start : start + BATCH]), labels, draws)[0]

    return go


class PerImage(Dataset[torch.Tensor]):
    """What one would write without us: an image, changed and made float."""

    def __init__(self, images: Bytes, transform: Callable[[Bytes], torch.Tensor]) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> torch.Tensor:
        return self.transform(self.images[row])


def per_image(images: PerImage, workers: int) -> Callable[[], Iterator[torch.Tensor]]:
    """A peer's batches; its workers stay from turn to turn."""
    loader = DataLoader(images, BATCH, num_workers=workers, persistent_workers=workers > 0)
    return lambda: iter(loader)


def torchvision_pipeline(policy: str) -> Callable[[Bytes], torch.Tensor]:
    """Torchvision v2's transforms on bytes, then to floats."""
    if policy == "geometric":
        affine = v2.RandomAffine(15, translate=(0.1, 0.1), scale=(0.9, 1.1), shear=5)
        steps = [v2.RandomHorizontalFlip(), affine]
    else:
        steps = [v2.RandAugment()]
    chain = v2.Compose([*steps, v2.ToDtype(torch.float32, scale=True)])
    return lambda image: chain(torch.from_numpy(image).permute(2, 0, 1))


def albumentations_pipeline(policy: str, channels: int) -> Callable[[Bytes], torch.Tensor]:
    """Albumentations' transforms on bytes, then to floats."""
    nearest: dict[str, Any] = {"interpolation": cv2.INTER_NEAREST, "border_mode": cv2.BORDER_CONSTANT}

    def affine(**given: Any) -> Any:
        return albumentations.Affine(**{"scale": 1.0, "rotate": 0, "shear": 0, **given}, **nearest, p=1)

    if policy == "geometric":
        shift = {"x": (-0.1, 0.1), "y": (-0.1, 0.1)}
        slant = {"x": (-5, 5), "y": (0, 0)}
        chosen = affine(rotate=(-15, 15), translate_percent=shift, scale=(0.9, 1.1), shear=slant)
        chain = albumentations.Compose([albumentations.HorizontalFlip(), chosen], seed=0)
    else:
        pool = [
            albumentations.NoOp(p=1),
            affine(shear={"x": (-5, 5), "y": (0, 0)}),
            affine(shear={"x": (0, 0), "y": (-5, 5)}),
            affine(translate_percent={"x": (-0.14, 0.14), "y": (0, 0)}),
            affine(translate_percent={"x": (0, 0), "y": (-0.14, 0.14)}),
            albumentations.Rotate((-9, 9), **nearest, p=1),
            albumentations.RandomBrightnessContrast(0.27, 0, p=1),
            albumentations.RandomBrightnessContrast(0, 0.27, p=1),
            albumentations.Sharpen(p=1),
            albumentations.Posterize(7, p=1),
            albumentations.Solarize((0.7, 0.7), p=1),
            albumentations.AutoContrast(p=1),
            albumentations.Equalize(p=1),
        ]
        if channels == 3:
            pool.append(albumentations.HueSaturationValue(0, 40, 0, p=1))
        chain = albumentations.Compose([albumentations.SomeOf(pool, 2, p=1)], seed=0)
    cv2.setNumThreads(0)
    return lambda image: torch.from_numpy(chain(image=image)["image"]).permute(2, 0, 1).float().div_(255)


PEERS: dict[str, Callable[[str, int], Callable[[Bytes], torch.Tensor]]] = {
    "torchvision": lambda policy, _: torchvision_pipeline(policy),
    "albumentations": albumentations_pipeline,
}


def blobs(shape: tuple[int, int, int]) -> Bytes:
    """Bright smooth shapes on black, as digits are."""
    height, width, channels = shape
    coarse = np.random.default_rng(0).integers(0, 256, (IMAGES, height // 4, width // 4, channels), np.uint8)
    return np.where(coarse > 150, coarse, 0).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)


if __name__ == "__main__":
    main()
