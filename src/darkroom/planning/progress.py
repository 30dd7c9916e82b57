"""How long a run will take: Snakemake's lines of progress with an estimate of the time left."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from darkroom.fit.progress import duration
from darkroom.planning.plan import Plan

PRIOR = 60.0
"""Seconds of jobs that are taken to have run as fast as in the default run: short jobs alone tell little of the others."""


class TimeLeft(logging.Filter):
    """Log filter that adds the time left to Snakemake's lines of progress; the Snakefile installs it.

    Jobs count as many seconds as their stage takes in the default run, times the ratio of what finished jobs took to what
    they count. As many jobs as ever ran at once share the rest.
    """

    def __init__(self, workflow: Any, plan: Plan) -> None:
        super().__init__()
        self.workflow, self.plan = workflow, plan
        self.worth: dict[int, float] = {}  # seconds that the jobs to run count, by id
        self.running: dict[int, float] = {}  # when they started
        self.most, self.finished, self.took = 1, 0.0, 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Follow the jobs, and reword lines of progress; keeps every record."""
        line, now = vars(record), time.monotonic()
        match line.get("event"):
            case "job_started":
                self._start(line["jobs"], now)
            case "job_finished":
                self._finish(line["job_id"], now)
            case "progress" if line["done"] < line["total"] and self.finished:
                self._reword(line, now)
        return True

    def _start(self, jobs: list[int], now: float) -> None:
        if not self.worth:
            every = self.workflow.dag.needrun_jobs(exclude_finished=False)
            self.worth = {job.jobid: self._seconds(job.rule.name) for job in every}
        self.running |= dict.fromkeys(jobs, now)
        self.most = max(self.most, len(self.running))

    def _finish(self, job: int, now: float) -> None:
        self.took += now - self.running.pop(job, now)
        self.finished += self.worth.get(job, 0.0)

    def _reword(self, line: dict[str, Any], now: float) -> None:
        from snakemake.settings.enums import Quietness

        share, left = line["done"] / line["total"], duration(self._left(now))
        line["msg"] = f"{line['done']} of {line['total']} steps ({share:.0%}) done, about {left} left"
        line["event"], line["quietness"] = None, Quietness.PROGRESS

    def _left(self, now: float) -> float:
        slower = (self.took + PRIOR) / (self.finished + PRIOR)
        rest: Mapping[int, float] = {
            job: max(0.0, self.worth.get(job, 0.0) * slower - (now - started)) for job, started in self.running.items()
        }
        waiting = sum(self.worth.values()) - self.finished - sum(self.worth.get(job, 0.0) for job in rest)
        return max((waiting * slower + sum(rest.values())) / self.most, *rest.values(), 1.0)

    def _seconds(self, rule: str) -> float:
        stage = self.plan.stages.get(rule.replace("_", " ", 1))
        return max(1.0, stage.cost.seconds) if stage else 1.0
