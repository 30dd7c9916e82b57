"""Options of sources that say what to predict; importing this file loads neither numpy nor pandas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from darkroom.data.file_names import check
from darkroom.settings import Section, nearest, quoted, unique

Columns = Annotated[list[str], Field(min_length=1), AfterValidator(unique)]

FileNames = Annotated[str, AfterValidator(check)]
"""A template of file names, such as `{label}_{group}_{}`."""

Rate = Annotated[
    Annotated[int, Field(ge=1000, le=768_000)] | None,
    Field(description="sampling rate in hertz to resample to; default: the most common one of the files"),
]
Seconds = Annotated[
    Annotated[float, Field(gt=0, le=600)] | None,
    Field(description="length to cut or pad to; default: that of the longest recording, up to 10 s"),
]
Align = Annotated[
    Literal["start", "center"],
    Field(description="which part of a longer recording to keep, and where to place a shorter one"),
]
Channel = Annotated[
    Literal["mix", "left", "right"], Field(description="channel of a stereo recording, or the mean of all")
]


class LabelColumn(Section):
    """One column that lists all labels of an image, such as `apple|banana`."""

    column: str
    """The column. An empty cell is an image without a target; a cell with the separator alone is an image with no label."""
    separator: Annotated[str, Field(min_length=1)] = "|"
    """What separates the labels in a cell."""


def _labels(value: Any) -> list[str] | LabelColumn:
    """Read columns or a `LabelColumn`; errors are in words, as pydantic's would name both."""
    if isinstance(value, LabelColumn):
        return value
    keys = LabelColumn.model_fields
    if isinstance(value, Mapping):
        for key in value.keys() - keys:
            raise ValueError(f"no key {quoted(key)}.{nearest(str(key), keys)} The keys here are: {', '.join(keys)}")
        if "column" in value and all(isinstance(text, str) and text for text in value.values()):
            return LabelColumn(**value)
        raise ValueError(f"got {quoted(dict(value))}; expected text for column and, if it is not |, for separator")
    if not isinstance(value, list | tuple) or not value or not all(isinstance(name, str) for name in value):
        raise ValueError(f"got {quoted(value)}; expected a list of columns, or the keys {' and '.join(keys)}")
    return unique([*value])


Labels = Annotated[list[str] | LabelColumn, BeforeValidator(_labels)]
"""Columns of 0 and 1, one per label, or the one column that lists the labels."""
