"""Snakemake's lines of progress say how long the other jobs will take."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from darkroom.planning import progress
from darkroom.planning.progress import TimeLeft

SECONDS = {"data prepare": 10.0, "classify train": 30.0}


class Run:
    """A run of these rules under the filter, with a clock of its own; jobs are numbered in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *rules: str) -> None:
        self.now = 0.0
        monkeypatch.setattr(progress.time, "monotonic", lambda: self.now)
        jobs = [SimpleNamespace(jobid=n, rule=SimpleNamespace(name=rule)) for n, rule in enumerate(rules)]
        stages = {name: SimpleNamespace(cost=SimpleNamespace(seconds=seconds)) for name, seconds in SECONDS.items()}
        dag = SimpleNamespace(needrun_jobs=lambda exclude_finished: jobs)
        self.told = TimeLeft(SimpleNamespace(dag=dag), SimpleNamespace(stages=stages))  # type: ignore[arg-type]
        self.total, self.done = len(jobs), 0

    def says(self, event: str, **more: Any) -> logging.LogRecord:
        record = logging.LogRecord("snakemake", logging.INFO, __file__, 1, None, None, None)
        vars(record).update(event=event, **more)
        assert self.told.filter(record)
        return record

    def start(self, *jobs: int) -> None:
        self.says("job_started", jobs=list(jobs))

    def finish(self, job: int, at: float) -> logging.LogRecord:
        self.now, self.done = at, self.done + 1
        self.says("job_finished", job_id=job)
        return self.says("progress", done=self.done, total=self.total)

    def left(self) -> float:
        return self.told._left(self.now)


def test_jobs_count_as_long_as_their_stage_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, "data_prepare", "classify_train", "classify_train", "all")
    assert run.says("progress", done=0, total=4).event == "progress"
    run.start(0)
    first = run.finish(0, at=10.0)
    assert first.getMessage() == "1 of 4 steps (25%) done, about 1 min 1 s left"
    assert str(first.quietness) == "progress"  # `--quiet progress` still hides it
    run.start(1, 2)
    run.finish(1, at=40.0)
    run.finish(2, at=40.0)
    run.start(3)
    assert run.finish(3, at=41.0).event == "progress"


def test_jobs_that_run_at_once_share_the_rest_and_count_what_they_have_run(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, *["data_prepare"] * 2, *["classify_train"] * 4)
    run.start(0, 1)
    run.finish(0, at=10.0)
    run.finish(1, at=10.0)
    run.start(2, 3)
    assert run.left() == pytest.approx(60)
    run.now = 25.0
    assert run.left() == pytest.approx(45)


def test_a_slower_machine_is_learned_from_long_jobs_and_not_from_a_short_one(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(monkeypatch, "all", *["classify_train"] * 20)
    run.start(0)
    run.finish(0, at=6.0)  # six times as long as it counts
    assert run.left() < 1.1 * 20 * 30
    for job in range(1, 11):
        run.start(job)
        run.finish(job, at=6.0 + 90 * job)  # three times as long
    assert run.left() == pytest.approx(3 * 10 * 30, rel=0.15)
