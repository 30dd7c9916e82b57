"""What a run did not bring to its end, for the top of the page: which jobs failed, why, and what is missing without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from darkroom.settings import Section


class Failed(Section):
    """A job that ended badly."""

    said: str
    """Its last words; empty where it had none."""
    log: str | None = None


class Unfinished(Section):
    """The jobs of a run without a result, by the folders of their results, below that of the data set where they are there."""

    failed: dict[str, Failed] = {}
    waiting: dict[str, list[str]] = {}
    """Jobs that did not run, with those that failed before them."""

    def __contains__(self, folder: str) -> bool:
        return folder in self.failed or folder in self.waiting


@dataclass(frozen=True)
class Problem:
    """A job that failed, and the results that are missing on the page as they need its own."""

    folder: str
    said: str
    log: str | None
    without: list[str]


def problems(unfinished: Unfinished, missing: Sequence[str]) -> tuple[list[Problem], list[str]]:
    """What failed; and what is missing besides, of which nothing is known."""
    told = [
        Problem(folder, job.said, job.log, [m for m in missing if unfinished.waiting.get(m, [])[:1] == [folder]])
        for folder, job in unfinished.failed.items()
    ]
    return told, [folder for folder in missing if folder not in unfinished]
