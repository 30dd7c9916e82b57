"""Report page of a run with failed jobs: the results so far, headed by what is missing and why.

Snakemake runs no job whose inputs are missing, so the Snakefile builds this page when the run ends.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.planning.plan import Plan
from darkroom.report.unfinished import Failed, Unfinished

LAST_WORDS = 600
"""Maximum number of characters to show of a log's last line."""
TAIL = 2**16
"""Bytes to search at the end of a log."""


def report(workflow: Any, plan: Plan) -> str:
    """Build the page after a run with failed jobs; return one line for the user."""
    found = unfinished(workflow, plan)
    out = Path(plan.folder("report build"))
    if found is None or _below(out, plan) not in found.waiting:
        return ""  # interrupted, or no page was requested
    failed, others = len(found.failed), len(found.waiting) - 1
    counts = f"{failed} job{'s' if failed > 1 else ''} failed" + (
        f", and {others} more could not run" if others else ""
    )
    if plan.folder("data prepare") in found:
        return f"{counts}; there is no report, as the data could not be prepared"
    place = Path(plan.results, "logs", "unfinished.json")
    command = [sys.executable, "-m", "darkroom", "report", "build", "--spec", plan.argument("report build")]
    command += [*plan.options("report build").split(), "--out", str(out)]
    try:
        files.write_json(place, found.model_dump(mode="json"))
        done = subprocess.run([*command, "--unfinished", str(place)], capture_output=True, text=True, check=False)
        problem = _last_words(done.stderr) if done.returncode else ""
    except OSError as error:
        problem = str(error)
    if problem:
        return f"{counts}; the report could not be built: {problem}"
    return f"{counts}. For available and missing results, see {out}/index.html"


def unfinished(workflow: Any, plan: Plan) -> Unfinished | None:
    """Return the failed jobs of a run and the jobs waiting for them; None for an interrupted run."""
    failed = {job: _failed(job) for job in _jobs(workflow.scheduler.failed)}
    causes: dict[Any, list[Any]] = {}

    def before(job: Any) -> list[Any]:
        """Return the failed jobs that a job waits for, nearest first."""
        if job not in causes:
            needed = [job for job in workflow.dag.dependencies[job] if not workflow.dag.finished(job)]
            own = [job for job in needed if job in failed]
            further = [cause for job in needed if job not in failed for cause in before(job)]
            causes[job] = list(dict.fromkeys([*own, *further]))
        return causes[job]

    waiting = {job: before(job) for job in workflow.dag.needrun_jobs() if job not in failed}
    if not failed or not all(waiting.values()):
        return None
    names = {job: _below(Path(job.output[0]).parent, plan) for job in (*failed, *waiting) if job.output}
    return Unfinished(
        failed={
            names[job]: failed[job] for job in sorted(filter(names.__contains__, failed), key=lambda job: names[job])
        },
        waiting={
            names[job]: [names[cause] for cause in waiting[job]]
            for job in sorted(filter(names.__contains__, waiting), key=lambda job: names[job])
        },
    )


def _jobs(failed: Any) -> Iterator[Any]:
    """Yield single jobs, expanding those that a cluster ran as a group."""
    for job in failed:
        if job.is_group():
            yield from job.jobs
        else:
            yield job


def _failed(job: Any) -> Failed:
    log = Path(job.log[0])
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - TAIL))
            said = _last_words(stream.read().decode("utf-8", "replace"))
    except OSError:
        said = ""
    return Failed(said=said, log=str(log))


def _last_words(text: str) -> str:
    """Return the last line a stage printed, without invisible characters; preferably its own error line."""
    lines = [re.sub(r"[\x00-\x1f\x7f]+", " ", line).strip() for line in re.split(r"[\r\n]+", text)]
    lines = [line for line in lines if line]
    said = next((line for line in reversed(lines) if line.startswith("darkroom ")), lines[-1] if lines else "")
    return said if len(said) <= LAST_WORDS else f"{said[:LAST_WORDS]} …"


def _below(folder: Path, plan: Plan) -> str:
    """Return a result's folder as named on the page."""
    results = Path(plan.results)
    return (folder.relative_to(results) if folder.is_relative_to(results) else folder).as_posix()
