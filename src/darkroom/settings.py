"""The base of every config model: strict sections, the few types that many of them use, and the wording of hints."""

from __future__ import annotations

import difflib
import functools
import json
import re
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


class Section(BaseModel):
    """A frozen part of the config: unknown keys are errors, and a bare key takes every default."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any) -> Any:
        return {} if value is None else value

    @field_validator("*", mode="before")
    @classmethod
    def _numbers(cls, value: Any, info: ValidationInfo) -> Any:
        return _number(value, _scalars(cls, str(info.field_name)))


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", title="name (letters, digits, - and _)")]
"""A name that is also a folder name."""
Probability = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-fA-F]{64}$")]


Values = TypeVar("Values", bound=Sequence[Any])


def unique(values: Values) -> Values:
    """Return the values unchanged, for `AfterValidator`. Raises ValueError if one of them is listed twice."""
    for index, value in enumerate(values):
        if value in values[:index]:
            shown = value.model_dump() if isinstance(value, BaseModel) else value
            raise ValueError(f"{quoted(shown)} is listed twice")
    return values


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return ` Did you mean "x"?` for a mistyped word, or an empty string if nothing is close."""
    known = {str(choice).lower(): str(choice) for choice in choices}
    match = difflib.get_close_matches(str(word)[:100].lower(), known, n=1, cutoff=0.6)
    return f' Did you mean "{known[match[0]]}"?' if match else ""


def choice(word: str, choices: Sequence[str], most: int = 20) -> str:
    """Return ` Did you mean "x"? There are: ...` for a name that is none of `choices`."""
    shown = ", ".join(printable(name) for name in choices[:most]) or "none"
    more = f" and {len(choices) - most} more" if len(choices) > most else ""
    return f"{nearest(word, choices)} There are: {shown}{more}"


def quoted(value: Any, longest: int = 60) -> str:
    """Format a config value on one line, as a user may have written it."""
    return "nothing" if value is None else printable(json.dumps(value, ensure_ascii=False, default=str), longest)


def printable(text: str, longest: int = 60) -> str:
    """Format a text on one line, shortened and without unprintable characters."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."


def _number(value: Any, allowed: frozenset[type]) -> Any:
    """Refuse `true` and text as numbers, but accept `1e-3`, which is text in YAML 1.1."""
    if not allowed & {int, float}:
        return value
    if isinstance(value, list | tuple):
        return [_number(item, allowed) for item in value]
    if isinstance(value, str) and float in allowed and EXPONENT.fullmatch(value):
        return float(value)
    if isinstance(value, str | bool) and type(value) not in allowed:
        raise PydanticCustomError("number_type", "expected a number")
    return value


@functools.cache
def _scalars(model: type[Section], field: str) -> frozenset[type]:
    """Return the plain types that occur in the type of a field."""

    def leaves(hint: Any) -> Iterable[type]:
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin is Literal:
            return [type(choice) for choice in inner]
        if origin is Annotated:
            return leaves(inner[0])
        if origin in (typing.Union, types.UnionType, list, tuple):
            return [leaf for part in inner for leaf in leaves(part)]
        return [hint] if isinstance(hint, type) else []

    return frozenset(leaves(model.model_fields[field].annotation))
