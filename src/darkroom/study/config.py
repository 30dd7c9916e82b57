"""Specs of the jobs of `study`; the numbers of a study are in its own `config.yaml`."""

from __future__ import annotations

from typing import Annotated

from darkroom.registry import Plugin
from darkroom.settings import Section


class RunSpec(Section):
    """The job `study run`."""

    study: Annotated[Section, Plugin("study")]


class BookSpec(Section):
    """The job `study book`."""

    pages: dict[str, str]
    """The sha256 of the text of every study, by name."""
