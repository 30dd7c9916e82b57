"""How long a run will take: Snakemake's lines of progress with an estimate of the time left."""

from __future__ import annotations

import logging
import time
from typing import Any

from darkroom.fit.progress import duration
from darkroom.planning.plan import Plan


class TimeLeft(logging.Filter):
    """Log filter that adds the time left to Snakemake's lines of progress; the Snakefile installs it.

    Jobs count as many seconds as their stage takes in the default run, relative to those of the finished jobs. The estimate is
    renewed once a second, as a run may have 100,000 jobs.
    """

    def __init__(self, workflow: Any, plan: Plan) -> None:
        super().__init__()
        self.workflow, self.plan, self.started = workflow, plan, time.monotonic()
        self.left: float | None = None
        self.renewed = self.started

    def filter(self, record: logging.LogRecord) -> bool:
        """Reword lines of progress; keeps every record."""
        line = vars(record)
        if line.get("event") == "progress" and line["done"] < line["total"] and (left := self._left(time.monotonic())):
            from snakemake.settings.enums import Quietness

            share = line["done"] / line["total"]
            line["msg"] = f"{line['done']} of {line['total']} steps ({share:.0%}) done, about {duration(left)} left"
            line["event"], line["quietness"] = None, Quietness.PROGRESS
        return True

    def _left(self, now: float) -> float | None:
        """Return an estimate in seconds; None before the first job is done."""
        if self.left is None or now >= self.renewed + 1:
            dag = self.workflow.dag
            seconds = {job: self._seconds(job.rule.name) for job in dag.needrun_jobs(exclude_finished=False)}
            done = sum(each for job, each in seconds.items() if dag.finished(job))
            self.left = (now - self.started) * (sum(seconds.values()) - done) / done if done else None
            self.renewed = now
        return self.left

    def _seconds(self, rule: str) -> float:
        stage = self.plan.stages.get(rule.replace("_", " ", 1))
        return max(1.0, stage.cost.seconds) if stage else 1.0
