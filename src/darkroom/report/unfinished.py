"""What a run did not finish, for the top of the page: which jobs failed, why, and what is missing without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.settings import Section


class Failed(Section):
    """A job that failed."""

    said: str
    """The last lines of its log; empty if there are none."""
    log: str | None = None


class Unfinished(Section):
    """The jobs of a run without a result, by result folder, relative to the results of the data set where it lies below."""

    failed: dict[str, Failed] = {}
    waiting: dict[str, list[str]] = {}
    """Jobs that did not run, each with the failed jobs that it needs."""

    def __contains__(self, folder: str) -> bool:
        return folder in self.failed or folder in self.waiting


@dataclass(frozen=True)
class Problem:
    """A failed job, with the results that are missing from the page because they need its own."""

    folder: str
    said: str
    log: str | None
    without: list[str]


def problems(unfinished: Unfinished, missing: Sequence[str]) -> tuple[list[Problem], list[str]]:
    """Return the failed jobs, and the missing results that no failed job explains."""
    found = [
        Problem(folder, job.said, job.log, [m for m in missing if unfinished.waiting.get(m, [])[:1] == [folder]])
        for folder, job in unfinished.failed.items()
    ]
    return found, [folder for folder in missing if folder not in unfinished]
