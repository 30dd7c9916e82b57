"""Make copies in several processes that write into the output arrays in place."""

from __future__ import annotations

import functools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from darkroom import registry
from darkroom.augment.classes import PerClass
from darkroom.augment.config import ApplySpec
from darkroom.augment.copies import Planned
from darkroom.augment.strength import scaled
from darkroom.settings import Section

CHUNK = 512
"""Maximum number of samples per unit of work."""
Pipe = TypeVar("Pipe")


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


class Worker(Protocol):
    """Makes the copies of a job; its class is called with the job in every process."""

    def paint(self, chunk: Chunk) -> list[str]:
        """Make the copies of a chunk and return what was applied to each, as JSON."""


def spread(worker: Callable[[Job], Worker], job: Job, planned: Planned, *, workers: int) -> list[str]:
    """Make the planned copies and return what was applied to each, as JSON; `worker` is a class of a module."""
    chunks = _chunks(planned, workers)
    return [text for part in _made(worker, job, chunks, workers) for text in part]


def by_class(spec: ApplySpec, settings: PerClass, build: Callable[[Sequence[Section]], Pipe]) -> list[Pipe]:
    """Build a pipeline for each class, and a last one for samples without; classes with equal settings share one."""
    made: dict[tuple[float, ...], Pipe] = {}
    found = []
    for label in (*range(len(settings.copies) - 1), -1):
        strengths = tuple(settings.strength(label, step.name) for step in spec.offline)  # type: ignore[attr-defined]
        if strengths not in made:
            steps = [scaled(step, strength) for step, strength in zip(spec.offline, strengths, strict=True)]
            made[strengths] = build([step for step in steps if step is not None])
        found.append(made[strengths])
    return found


def _made(worker: Callable[[Job], Worker], job: Job, chunks: list[Chunk], workers: int) -> Iterator[list[str]]:
    if workers == 1:
        yield from map(worker(job).paint, chunks)
        return
    # Fork workers from a small server process that has loaded the libraries and runs no threads: forking this process
    # could copy locks held by its threads, and starting each worker from scratch would take seconds.
    forks = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if forks else "spawn")
    if forks:
        policy = ApplySpec.model_validate_json(job.policy)
        context.set_forkserver_preload([worker.__module__, *sorted({found.module for found in registry.used(policy)})])
    with ProcessPoolExecutor(min(workers, len(chunks)), mp_context=context, initializer=_end_with_parent) as pool:
        yield from pool.map(functools.partial(_paint, worker, job), chunks)


def _end_with_parent() -> None:
    """Exit this worker when the stage's process dies; if that is killed, the worker would wait for work forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _paint(worker: Callable[[Job], Worker], job: Job, chunk: Chunk) -> list[str]:
    return _worker(worker, job).paint(chunk)


@functools.lru_cache(maxsize=1)
def _worker(worker: Callable[[Job], Worker], job: Job) -> Worker:
    """Open the arrays once per process; processes live as long as their job."""
    return worker(job)


def _chunks(planned: Planned, workers: int) -> list[Chunk]:
    """Split the work into chunks of at most CHUNK samples, small enough that all workers finish at about the same time."""
    store, table, origins = planned.store, planned.table, planned.origins
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
