"""Which jobs that tune have another spec after a change of the config."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from darkroom.config import load as config
from darkroom.planning.plan import Plan

BASE: dict[str, Any] = {
    "models": {"mlp": {"training": {"optimizer": {"lr": "auto"}}}, "resnet": {}},
    "seeds": [0, 1],
    "cross_validate": 2,
    "learning_curve": [0.5, 1],
    "search": {
        "tuned": {"model": "resnet", "method": "halving", "trials": 9, "space": {"network.width": [8, 16]}},
    },
}
STAGES = ("lr_range", "fold", "cross_validate", "share", "learning_curve", "trial", "search", "train")


def specs(classify: dict[str, Any]) -> dict[tuple[str, ...], str]:
    plan = Plan(config.load({"name": "d", "data": {"source": "sklearn"}, "classify": classify}, path="c.yaml"))
    jobs = [job for stage in STAGES for job in plan.jobs_of(f"classify {stage}")]
    return {(job.stage.split()[1], *job.wildcards.values()): plan.spec(job.stage, **job.wildcards) for job in jobs}


def changed(path: str, value: Any) -> tuple[set[str], set[str]]:
    """The stages of jobs with another spec, and of new jobs."""
    after = copy.deepcopy(BASE)
    *parents, last = path.split("/")
    place = after
    for step in parents:
        place = place[step]
    place[last] = value
    old, new = specs(BASE), specs(after)
    return {job[0] for job in old.keys() & new.keys() if old[job] != new[job]}, {
        job[0] for job in new.keys() - old.keys()
    }


@pytest.mark.parametrize(
    ("path", "value", "stale", "new"),
    [
        ("resamples", 50, set(), set()),
        ("tta", [], set(), set()),
        ("seeds", [0, 1, 2], {"cross_validate", "learning_curve"}, {"train", "fold", "share"}),
        ("cross_validate", 3, {"fold", "cross_validate"}, {"fold"}),
        ("learning_curve", [0.25, 0.5, 1], {"learning_curve"}, {"share"}),
        ("models/mlp/training/epochs", 3, {"train", "fold", "share"}, set()),
        ("models/mlp/training/batch_size", 32, {"lr_range", "train", "fold", "share"}, set()),
        ("search/tuned/seed", 1, {"trial"}, set()),
        ("search/tuned/trials", 10, {"trial", "search"}, {"trial"}),
        ("search/tuned/space/network.width", [8, 24], {"trial", "search"}, set()),
        ("models/resnet/loss", {"name": "focal"}, {"train", "fold", "share", "trial", "search"}, set()),
    ],
)
def test_what_a_change_makes_stale(path: str, value: Any, stale: set[str], new: set[str]) -> None:
    assert changed(path, value) == (stale, new)
