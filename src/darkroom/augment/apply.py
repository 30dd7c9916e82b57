"""Transformed copies of the training images, made once and kept, with a record of what was done to each."""

from __future__ import annotations

import functools
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import figures, files, registry
from darkroom.augment.config import ApplySpec
from darkroom.augment.policies import Pipeline
from darkroom.data.store import Store, describe_store, new_array, open_store
from darkroom.log import Log

CHUNK = 512
"""Most images that a worker is handed at once."""


def run(spec: ApplySpec, *, data: Path, out: Path, log: Log, workers: int = 1) -> None:
    """Write `copies` transformed copies of every training image of the store at `data` as a store at `out`.

    Row `copy * n + i` is that copy of the i-th of n training images. The bytes do not depend on `workers`, the number
    of processes. Raises ValueError when there is no training image.
    """
    if workers < 1:
        raise ValueError(f"--workers is {workers}; it must be at least 1")
    store = open_store(data)
    rows = store.rows("train")
    if not len(rows):
        raise ValueError(f"{store.name} has no training images to augment; see data.split in the config")
    with files.folder(out) as fresh:
        table = _table(store, rows, spec.copies)
        new_array(fresh / "images.npy", (len(table), *store.images.shape[1:]))
        masked = int((table["mask"] >= 0).sum())
        if masked and store.masks is not None:
            new_array(fresh / "masks.npy", (masked, *store.masks.shape[1:]))
        started = time.perf_counter()
        job = Job(spec.model_dump_json(), data.resolve(), fresh.resolve())
        table["transforms"] = [
            text for part in _draw(job, _chunks(store, rows, table, workers), workers) for text in part
        ]
        seconds = time.perf_counter() - started
        describe_store(fresh, name=store.name, classes=store.classes, items=table)
        copies = np.load(fresh / "images.npy", mmap_mode="r")
        figures.save_image(_contact_sheet(store, rows, copies), fresh / "contact_sheet.png")
        speed = len(table) / seconds
        timing = {"seconds": round(seconds, 3), "images_per_second": round(speed, 1), "workers": workers}
        files.write_json(fresh / files.TIMING, timing)
    log({"copies/images": len(table), "copies/images_per_second": speed})


@dataclass(frozen=True)
class Job:
    """What every worker needs to know: the policy as JSON, and the two folders."""

    policy: str
    data: Path
    out: Path


@dataclass(frozen=True)
class Chunk:
    """Some copies to make, one after the other from row `start` of the output on."""

    start: int
    copies: list[int]
    rows: list[int]  # of the parents, in the store that is read
    parents: list[str]
    masks: list[tuple[int, int]]  # (from, to) for each; -1 is none


class Painter:
    """Makes copies: reads the parents' images and writes into the output's arrays in place."""

    def __init__(self, job: Job) -> None:
        cv2.setNumThreads(0)  # the stage's own processes are all the parallelism there is
        self._images, self._masks = _array(job.data / "images.npy", "r"), _array(job.data / "masks.npy", "r")
        self._new_images, self._new_masks = _array(job.out / "images.npy", "r+"), _array(job.out / "masks.npy", "r+")
        _, height, width, _ = self._images.shape
        self._pipeline = Pipeline(ApplySpec.model_validate_json(job.policy), (height, width))

    def paint(self, chunk: Chunk) -> list[str]:
        """Make the copies of a chunk; gives what was applied to each."""
        applied = []
        places = zip(chunk.copies, chunk.rows, chunk.parents, chunk.masks, strict=True)
        for target, (copy, row, parent, (old, new)) in enumerate(places, chunk.start):
            mask = None if old < 0 else self._masks[old]
            drawn = self._pipeline.draw(self._images[row], mask, item=parent, copy=copy)
            self._new_images[target] = drawn.image
            if drawn.mask is not None:
                self._new_masks[new] = drawn.mask
            applied.append(drawn.applied)
        return applied


def _draw(job: Job, chunks: list[Chunk], workers: int) -> Iterator[list[str]]:
    if workers == 1:
        yield from map(Painter(job).paint, chunks)
        return
    # Workers are forked from a small server process that has the libraries loaded and runs no threads: forking this
    # process would copy the locks of threads that it may run, and starting each worker fresh would cost seconds.
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        policy = ApplySpec.model_validate_json(job.policy)
        context.set_forkserver_preload([__name__, *sorted(set(registry.modules(policy)))])
    with ProcessPoolExecutor(min(workers, len(chunks)), mp_context=context) as pool:
        yield from pool.map(functools.partial(_paint, job), chunks)


def _paint(job: Job, chunk: Chunk) -> list[str]:
    return _painter(job).paint(chunk)


@functools.lru_cache(maxsize=1)
def _painter(job: Job) -> Painter:
    """A worker opens its arrays once; it ends with its job."""
    return Painter(job)


def _array(path: Path, mode: Literal["r", "r+"]) -> NDArray[np.uint8]:
    """An array on disk, as a plain array: the class `memmap` costs time at every access. Empty when there is none."""
    if not path.exists():
        return np.empty((0, 0, 0), np.uint8)
    return np.asarray(np.load(path, mmap_mode=mode, allow_pickle=False))


def _table(store: Store, rows: NDArray[np.int64], copies: int) -> pd.DataFrame:
    """The table of the copies, first all first copies, then all second ones, still without their transforms."""
    parents = store.items.iloc[np.tile(rows, copies)].reset_index(drop=True)
    masked = (parents["mask"] >= 0).to_numpy()
    numbers = np.repeat(np.arange(copies), len(rows))
    return pd.DataFrame(
        {
            "id": [f"{parent}#{copy}" for parent, copy in zip(parents["id"], numbers, strict=True)],
            "label": parents["label"],
            "split": "train",
            "group": parents["group"],
            "mask": np.where(masked, np.cumsum(masked) - 1, -1),
            "parent": parents["id"],
        }
    )


def _chunks(store: Store, rows: NDArray[np.int64], table: pd.DataFrame, workers: int) -> list[Chunk]:
    """The work in pieces of at most CHUNK images, small enough that all workers end at about the same time."""
    count = len(table)
    length = max(1, min(CHUNK, -(-count // (8 * workers))))
    parents = table["parent"].tolist()
    old = store.items["mask"].to_numpy()[rows].tolist()
    new = table["mask"].tolist()
    read = rows.tolist()
    pieces = []
    for start in range(0, count, length):
        places = [divmod(target, len(rows)) for target in range(start, min(start + length, count))]
        pieces.append(
            Chunk(
                start=start,
                copies=[copy for copy, _ in places],
                rows=[read[index] for _, index in places],
                parents=parents[start : start + length],
                masks=[(old[index], new[start + offset]) for offset, (_, index) in enumerate(places)],
            )
        )
    return pieces


def _contact_sheet(
    store: Store, rows: NDArray[np.int64], copies: NDArray[np.uint8], *, originals: int = 10, columns: int = 8
) -> NDArray[np.uint8]:
    """Some images of all classes in turn, each on a line with its copies on the right."""
    labels = pd.Series(store.labels[rows])
    turn = labels.groupby(labels).cumcount()
    chosen = np.lexsort((labels, turn))[:originals]
    chosen = chosen[np.argsort(labels.to_numpy()[chosen], kind="stable")]
    columns = min(columns, len(copies) // len(rows))
    variants = copies[(chosen[:, None] + np.arange(columns) * len(rows)).ravel()]
    left = figures.tile(store.images[rows[chosen]], columns=1)
    right = figures.tile(variants, columns=columns)
    gap = np.full((len(left), 12, 3), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)
