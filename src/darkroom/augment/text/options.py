"""Options that several transforms of texts share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

WordNet = Annotated[
    str | None, Field(description="folder of WordNet's data.noun and others; default: where packages install them")
]
