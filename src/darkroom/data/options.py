"""Options of sources that say what to predict; importing this file loads neither numpy nor pandas."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from darkroom.settings import Section, unique

Columns = Annotated[list[str], Field(min_length=1), AfterValidator(unique)]


class LabelColumn(Section):
    """One column that lists all labels of an image, such as `apple|banana`."""

    column: str
    """The column. An empty cell is an image without a target; a cell with the separator alone is an image with no label."""
    separator: Annotated[str, Field(min_length=1)] = "|"
    """What separates the labels in a cell."""


Labels = Columns | LabelColumn
"""Columns of 0 and 1, one per label, or the one column that lists the labels."""
