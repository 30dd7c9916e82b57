"""What a job asks of a cluster: memory and time, from the size of the data and the number of the attempt.

It changes no result and makes nothing stale. The figures are rounded up from `benchmarks/memory.py`; a job that a cluster
ends for taking more is tried again with twice as much, and training goes on from its checkpoint.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from darkroom.fit import launch
from darkroom.fit.config import Training
from darkroom.job.stage import Cost

MB = 2**20


@dataclass(frozen=True)
class Need:
    """A request, under the names of Snakemake's resources."""

    mem_mb: int
    runtime: int
    """Minutes."""


@dataclass(frozen=True)
class Images:
    """The size of a store: how many images, and how many values (H·W·C) each has."""

    count: int = 0
    values: int = 0

    @property
    def mb(self) -> float:
        """As bytes on disk."""
        return self.count * self.values / MB


ACTIVATIONS = 100
"""Floats that a network of these sizes keeps for each value of a batch."""
TRAINING_SPEED = 2e5
"""Values a second that a slow processor trains on."""
LEAST_MINUTES = 10


def need(cost: Cost, images: Images, training: Training | None, attempt: int) -> Need:
    """The request of a job's first, second, ... attempt; each asks for twice as much as the one before."""
    mb = cost.base + cost.per_mb * images.mb
    seconds = images.count * images.values / cost.speed
    if training is not None:
        mb += 4 * ACTIVATIONS * training.batch_size * images.values / MB / launch.count(training)
        mb *= training.devices  # what is asked for is each node's
        seconds += training.epochs * images.count * images.values / TRAINING_SPEED / launch.count(training)
    more = 2 ** (attempt - 1)
    return Need(mem_mb=100 * math.ceil(more * mb / 100), runtime=more * math.ceil(LEAST_MINUTES + seconds / 60))


def processes(training: Training | None) -> dict[str, int | str]:
    """What a training in several processes asks for beside memory and time, under the names of the Slurm executor's
    resources. `mpi` has the job's command run once, outside any step; it starts its processes itself (see `fit.launch`)."""
    if training is None or launch.count(training) == 1:
        return {}
    tasks = {"tasks": training.nodes} if training.devices == 1 else {"tasks_per_node": training.devices}
    return {"mpi": "srun", "nodes": training.nodes, "cpus_per_task": training.threads, **tasks}


def images_beside(manifest: Path) -> Images:
    """The size of the store that a manifest is of; nothing where it holds no array.

    Raises FileNotFoundError naming the manifest as long as it is not made, which Snakemake takes as "not known yet".
    """
    if not manifest.exists():
        raise FileNotFoundError(2, "not made yet", str(manifest))
    array = manifest.with_name("images.npy")
    if not array.exists():
        return Images()
    import numpy as np  # takes a while, and most plans do without

    count, *shape = np.load(array, mmap_mode="r", allow_pickle=False).shape
    return Images(count, math.prod(shape))
