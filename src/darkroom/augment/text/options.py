"""Options that several transforms of texts share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

WordNet = Annotated[
    str | None,
    Field(description="folder with WordNet's files, data.noun and others; default: where packages install them"),
]
