"""Resource requests for a cluster: memory and time, from the data size and the attempt number.

They affect no result and make nothing stale. The figures are rounded up from `benchmarks/memory.py`; a job that a cluster
kills for exceeding them is retried with twice as much, and training resumes from its checkpoint.
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
    """Resource request, with Snakemake's resource names."""

    mem_mb: int
    runtime: int
    """Minutes."""


@dataclass(frozen=True)
class Images:
    """Size of a store: the number of images and of values (H·W·C) per image."""

    count: int = 0
    values: int = 0

    @property
    def mb(self) -> float:
        """As bytes on disk."""
        return self.count * self.values / MB


ACTIVATIONS = 100
"""Floats that a network of these sizes keeps for each value of a batch."""
TRAINING_SPEED = 2e5
"""Training throughput of a slow processor, in values per second."""
LEAST_MINUTES = 10


def need(cost: Cost, images: Images, training: Training | None, attempt: int) -> Need:
    """Return the request for a job's attempt (1, 2, ...); each attempt doubles the previous one."""
    mb = cost.base + cost.per_mb * images.mb
    seconds = images.count * images.values / cost.speed
    if training is not None:
        mb += 4 * ACTIVATIONS * training.batch_size * images.values / MB / launch.count(training)
        mb *= training.devices  # the request is per node
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
    array = manifest.with_name("samples.npy")
    if not array.exists():
        return Images()
    import numpy as np  # slow to import, and most plans do not need it

    count, *shape = np.load(array, mmap_mode="r", allow_pickle=False).shape
    return Images(count, math.prod(shape))
