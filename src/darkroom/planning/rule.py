"""Directives of the Snakemake rule that runs one stage, derived from its section's description."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import PurePath
from typing import Any

from snakemake.exceptions import WorkflowError

from darkroom import files
from darkroom.planning.plan import Plan

PROCESSES = ("mpi", "nodes", "tasks", "tasks_per_node", "cpus_per_task")
"""Snakemake resources for a multi-process job."""


class StageRule:
    """`stage = StageRule(plan, "classify train")` gives what the directives of the rule `classify_train` take."""

    def __init__(self, plan: Plan, name: str, *more: str) -> None:
        """`more` holds extra command options that affect no result."""
        self.plan, self.name, self.stage = plan, name, plan.stages[name]
        self.folder = plan.template(self.stage.folder)
        self.manifest = f"{self.folder}/{files.MANIFEST}"
        named = [part for part in PurePath(self.folder).parts if "{" in part]
        section, step = name.split()
        self.log = "/".join([plan.results, "logs", section, *named, f"{step}.log"])
        """Beside the other logs of its section, in folders that its wildcards name."""
        self.priority = plan.priorities[name]
        self.message = plan.template(self.stage.title).replace("{", "{wildcards.")
        words = ["python -m darkroom", name, "--spec {params.spec:q} {params.options} --out {params.out}", *more]
        self.command = " ".join([*words, "> {log} 2>&1"])

    def inputs(self, wildcards: Any) -> list[str]:
        """Return the manifests that a job waits for."""
        try:
            self.plan.check(self.name, **wildcards)
        except ValueError as error:
            raise WorkflowError(str(error)) from None
        return [
            f"{self.plan.folder(job.stage, **job.wildcards)}/{files.MANIFEST}"
            for _, _, jobs in self.plan.inputs(self.name, **wildcards)
            for job in jobs
        ]

    def threads(self, wildcards: Any) -> int:
        """Return the number of CPU threads of a job."""
        return self.plan.threads(self.name, **wildcards)

    @property
    def params(self) -> dict[str, Any]:
        """Return what makes a job stale and the rest of its command."""
        plan, name = self.plan, self.name
        return {
            "spec": lambda wildcards: plan.argument(name, **wildcards),
            "code": lambda wildcards: plan.code(name, **wildcards),
            "options": lambda wildcards: plan.options(name, **wildcards),
            "out": self.folder,
        }

    @property
    def resources(self) -> dict[str, Callable[..., Any]]:
        """Return a job's cluster resources: memory, minutes and process layout; ignored on a single machine."""
        asked: dict[str, Callable[..., Any]] = {what: self._need(what) for what in ("mem_mb", "runtime")}
        return asked | ({what: self._layout(what) for what in PROCESSES} if self.plan.together else {})

    def _need(self, what: str) -> Callable[..., int]:
        def ask(wildcards: Any, input: Any, attempt: int) -> int:
            return int(getattr(self.plan.need(self.name, [*input], attempt, **wildcards), what))

        return ask

    def _layout(self, what: str) -> Callable[..., Any]:
        return lambda wildcards: self.plan.processes(self.name, **wildcards).get(what)


def without_traceback(record: logging.LogRecord) -> bool:
    """Cut the traceback, of the lines of this file, from Snakemake's message about a mistyped target; keep every record."""
    if isinstance(record.msg, str) and "\n  WorkflowError:\n" in record.msg:
        record.msg = record.msg.partition("\nTraceback:\n")[0]
    return True
