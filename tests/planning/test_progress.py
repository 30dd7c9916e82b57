"""Snakemake's lines of progress say how long the other jobs will take."""

from __future__ import annotations

import logging
from types import SimpleNamespace

import pytest

from darkroom.planning import progress
from darkroom.planning.progress import TimeLeft

SECONDS = {"data prepare": 10.0, "classify train": 30.0}


class Job:
    """A job, as Snakemake holds it."""

    def __init__(self, rule: str) -> None:
        self.rule = SimpleNamespace(name=rule)


class Jobs:
    """A graph of jobs, as Snakemake holds it."""

    def __init__(self, *rules: str) -> None:
        self.jobs = [Job(rule) for rule in rules]
        self.done: set[Job] = set()

    def needrun_jobs(self, *, exclude_finished: bool) -> list[Job]:
        assert not exclude_finished
        return self.jobs

    def finished(self, job: Job) -> bool:
        return job in self.done


def line(done: int, total: int) -> logging.LogRecord:
    record = logging.LogRecord("snakemake", logging.INFO, __file__, 1, None, None, None)
    vars(record).update(event="progress", done=done, total=total)
    return record


def test_jobs_count_as_long_as_their_stage_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    dag = Jobs("data_prepare", "classify_train", "classify_train", "all")
    stages = {name: SimpleNamespace(cost=SimpleNamespace(seconds=seconds)) for name, seconds in SECONDS.items()}
    told = TimeLeft(SimpleNamespace(dag=dag), SimpleNamespace(stages=stages))
    untouched = line(0, 4)
    assert told.filter(untouched)
    assert untouched.event == "progress"
    dag.done, now[0] = {dag.jobs[0]}, 20.0
    first = line(1, 4)
    assert told.filter(first)
    assert first.getMessage() == "1 of 4 steps (25%) done, about 2 min 2 s left"
    assert str(first.quietness) == "progress"  # `--quiet progress` still hides it
    dag.done = set(dag.jobs)
    last = line(4, 4)
    assert told.filter(last)
    assert last.event == "progress"
