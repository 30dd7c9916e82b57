"""Which process of several this is, where `training.devices` and `training.nodes` ask for more than one.

On one machine the first process starts the others, through Lightning. In a Slurm job the command starts itself again with
`srun`, once for each process. Every process runs the whole stage; only what the first one writes and tracks is kept.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from darkroom.fit.config import Training


def count(training: Training) -> int:
    """How many processes train together."""
    return training.devices * training.nodes


def by_srun(training: Training) -> bool:
    """Whether `srun` has started this process as one of those that train together."""
    return "SLURM_PROCID" in os.environ and os.environ.get("SLURM_STEP_NUM_TASKS") == str(count(training))


def rank(training: Training) -> int:
    """The number of this process; the first is 0."""
    if count(training) == 1:
        return 0
    return int(os.environ["SLURM_PROCID"] if by_srun(training) else os.environ.get("LOCAL_RANK", 0))


def start(training: Training, words: Sequence[str]) -> None:
    """In a Slurm job, become the `srun` that runs `darkroom WORDS` in every process; return where that is done or not due.

    Raises ValueError for several nodes without Slurm.
    """
    if count(training) == 1 or by_srun(training):
        return
    if "SLURM_JOB_ID" in os.environ:
        layout = [f"--nodes={training.nodes}", f"--ntasks-per-node={training.devices}"]
        command = ["srun", *layout, f"--cpus-per-task={training.threads}", "--kill-on-bad-exit"]
        os.execvp("srun", [*command, sys.executable, "-m", "darkroom", *words])
    if training.nodes > 1:
        raise ValueError(
            f"training.nodes is {training.nodes}, and this is no Slurm job: "
            "run it with --workflow-profile profiles/slurm, or set training.nodes to 1"
        )
