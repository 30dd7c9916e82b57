"""Distributed training: which process this is, and how the others start.

On one machine the first process launches the others, through Lightning. In a Slurm job the command re-executes itself with
`srun`, once per process. Every process runs the whole stage; only the output and tracking of the first are kept.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from darkroom.fit.config import Training


def count(training: Training) -> int:
    """Return how many processes train together."""
    return training.devices * training.nodes


def by_srun(training: Training) -> bool:
    """Return whether `srun` started this process as one of those that train together."""
    return "SLURM_PROCID" in os.environ and os.environ.get("SLURM_STEP_NUM_TASKS") == str(count(training))


def rank(training: Training) -> int:
    """Return the rank of this process, from 0."""
    if count(training) == 1:
        return 0
    return int(os.environ["SLURM_PROCID"] if by_srun(training) else os.environ.get("LOCAL_RANK", 0))


def start(training: Training, words: Sequence[str]) -> None:
    """In a Slurm job, become the `srun` that runs `darkroom WORDS` in every process; return if that is done or not needed.

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
