"""Make transformed copies of images, in several processes that write into the output arrays in place."""

from __future__ import annotations

import functools
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom import registry
from darkroom.augment.classes import PerClass
from darkroom.augment.config import ApplySpec
from darkroom.augment.copies import Planned, per_class
from darkroom.augment.pipeline import Pipeline
from darkroom.augment.strength import scaled
from darkroom.data.store import Store, new_array, open_store
from darkroom.registry import register

CHUNK = 512
"""Maximum number of images per unit of work."""


@register("copy maker", "image")
class ImageCopies:
    """Copies of images by Albumentations."""

    def make(self, spec: ApplySpec, planned: Planned, *, data: Path, folder: Path, workers: int) -> pd.DataFrame:
        """Write the copies to `samples.npy`, and `masks.npy` if any has a mask; return their table with what was applied.

        The bytes do not depend on `workers`, the number of processes.
        """
        store, table = planned.store, planned.table
        new_array(folder / "samples.npy", (len(table), *store.samples.shape[1:]))
        masked = int((table["mask"] >= 0).sum())
        if masked and store.masks is not None:
            new_array(folder / "masks.npy", (masked, *store.masks.shape[1:]))
        job = Job(spec.model_dump_json(), data.resolve(), folder.resolve())
        chunks = _chunks(store, table, planned.origins, workers)
        return table.assign(transforms=[text for part in _draw(job, chunks, workers) for text in part])


@dataclass(frozen=True)
class Job:
    """What a worker needs: the policy as JSON, and the input and output folders."""

    policy: str
    data: Path
    out: Path


@dataclass(frozen=True)
class Chunk:
    """A unit of work: copies to write to consecutive rows of the output, from row `start`."""

    start: int
    copies: list[int]
    rows: list[int]  # the parents' rows in the input store
    parents: list[str]
    labels: list[int]
    masks: list[tuple[int, int]]  # (source, target) indices; -1 is none


class Painter:
    """Make copies: read the parents' images, and write into the output arrays in place."""

    def __init__(self, job: Job) -> None:
        cv2.setNumThreads(0)  # parallelism comes from the worker processes only
        self._images, self._masks = _array(job.data / "samples.npy", "r"), _array(job.data / "masks.npy", "r")
        self._new_images, self._new_masks = _array(job.out / "samples.npy", "r+"), _array(job.out / "masks.npy", "r+")
        spec = ApplySpec.model_validate_json(job.policy)
        _, height, width, _ = self._images.shape
        self._pipelines = _pipelines(spec, per_class(spec, open_store(job.data)), (height, width))

    def paint(self, chunk: Chunk) -> list[str]:
        """Make the copies of a chunk and return what was applied to each, as JSON."""
        applied = []
        places = zip(chunk.copies, chunk.rows, chunk.parents, chunk.labels, chunk.masks, strict=True)
        for target, (copy, row, parent, label, (old, new)) in enumerate(places, chunk.start):
            mask = None if old < 0 else self._masks[old]
            drawn = self._pipelines[label].draw(self._images[row], mask, item=parent, copy=copy)
            self._new_images[target] = drawn.image
            if drawn.mask is not None:
                self._new_masks[new] = drawn.mask
            applied.append(drawn.applied)
        return applied


def _draw(job: Job, chunks: list[Chunk], workers: int) -> Iterator[list[str]]:
    if workers == 1:
        yield from map(Painter(job).paint, chunks)
        return
    # Fork workers from a small server process that has loaded the libraries and runs no threads: forking this process
    # could copy locks held by its threads, and starting each worker from scratch would take seconds.
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        policy = ApplySpec.model_validate_json(job.policy)
        context.set_forkserver_preload([__name__, *sorted({found.module for found in registry.used(policy)})])
    with ProcessPoolExecutor(min(workers, len(chunks)), mp_context=context, initializer=_end_with_parent) as pool:
        yield from pool.map(functools.partial(_paint, job), chunks)


def _end_with_parent() -> None:
    """Exit this worker when the stage's process dies; if that is killed, the worker would wait for work forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _paint(job: Job, chunk: Chunk) -> list[str]:
    return _painter(job).paint(chunk)


@functools.lru_cache(maxsize=1)
def _painter(job: Job) -> Painter:
    """Open the arrays once per worker; workers live as long as their job."""
    return Painter(job)


def _array(path: Path, mode: Literal["r", "r+"]) -> NDArray[np.uint8]:
    """Memory-map a file as a plain array, as `memmap` slows down every access. Empty if there is no file."""
    if not path.exists():
        return np.empty((0, 0, 0), np.uint8)
    return np.asarray(np.load(path, mmap_mode=mode, allow_pickle=False))


def _pipelines(spec: ApplySpec, settings: PerClass, size: tuple[int, int]) -> list[Pipeline]:
    """Return a pipeline for each class, and a last one for unlabeled images; classes with equal settings share one."""
    made: dict[tuple[float, ...], Pipeline] = {}
    found = []
    for label in (*range(len(settings.copies) - 1), -1):
        strengths = tuple(settings.strength(label, step.name) for step in spec.offline)  # type: ignore[attr-defined]
        if strengths not in made:
            steps = [scaled(step, strength) for step, strength in zip(spec.offline, strengths, strict=True)]
            made[strengths] = Pipeline([step for step in steps if step is not None], size, seed=spec.seed)
        found.append(made[strengths])
    return found


def _chunks(store: Store, table: pd.DataFrame, origins: NDArray[np.int64], workers: int) -> list[Chunk]:
    """Split the work into chunks of at most CHUNK images, small enough that all workers finish at about the same time."""
    count = len(table)
    length = max(1, min(CHUNK, -(-count // (8 * workers))))
    old = store.items["mask"].to_numpy()[origins]
    pieces = []
    for start in range(0, count, length):
        part = slice(start, start + length)
        pieces.append(
            Chunk(
                start=start,
                copies=table["copy"].to_numpy()[part].tolist(),
                rows=origins[part].tolist(),
                parents=table["parent"].iloc[part].tolist(),
                labels=table["label"].to_numpy()[part].tolist(),
                masks=list(zip(old[part].tolist(), table["mask"].to_numpy()[part].tolist(), strict=True)),
            )
        )
    return pieces
