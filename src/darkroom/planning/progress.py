"""How long a run will take: Snakemake's lines of progress with an estimate of the time left."""

from __future__ import annotations

import logging
import time
from typing import Any

from darkroom.fit.progress import duration
from darkroom.planning.plan import Plan


class TimeLeft(logging.Filter):
    """Log filter that adds the time left to Snakemake's lines of progress; the Snakefile installs it.

    Jobs count as many seconds as their stage takes in the default run, relative to those of the finished jobs.
    """

    def __init__(self, workflow: Any, plan: Plan) -> None:
        super().__init__()
        self.workflow, self.plan, self.started = workflow, plan, time.monotonic()

    def filter(self, record: logging.LogRecord) -> bool:
        """Reword lines of progress; keeps every record."""
        if getattr(record, "event", None) == "progress" and (left := self._left()):
            from snakemake.settings.enums import Quietness

            line = vars(record)
            share = line["done"] / line["total"]
            line["msg"] = f"{line['done']} of {line['total']} steps ({share:.0%}) done, about {duration(left)} left"
            line["event"], line["quietness"] = None, Quietness.PROGRESS
        return True

    def _left(self) -> float | None:
        """Return an estimate in seconds; None before the first job is done and after the last."""
        dag = self.workflow.dag
        seconds = {job: self._seconds(job.rule.name) for job in dag.needrun_jobs(exclude_finished=False)}
        done = sum(each for job, each in seconds.items() if dag.finished(job))
        return (time.monotonic() - self.started) * (sum(seconds.values()) - done) / done if done else None

    def _seconds(self, rule: str) -> float:
        stage = self.plan.stages.get(rule.replace("_", " ", 1))
        return max(1.0, stage.cost.seconds) if stage else 1.0
