"""Filters that write an experiment's numbers into sentences, with their intervals where they have any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from darkroom.measure.intervals import Difference, Number
from darkroom.report.words import text


def percent(value: Number | float) -> str:
    """Write a share: `98.9%`, `98.9% (97.8–99.6)`."""
    return text.full(_number(value), "percent")


def decimal(value: Number | float) -> str:
    """Write a score with three decimals: `0.042`, `0.042 (0.031–0.053)`."""
    return text.full(_number(value), "decimal")


def compact(value: Number | float) -> str:
    """Write a quantity with three significant digits: `0.0182`, `18,200 (17,100–19,300)`."""
    return text.full(_number(value), "compact")


def fixed(value: Number | float, places: int = 2) -> str:
    """Write a number alone with this many decimals."""
    return text.signless_zero(f"{_number(value).value:.{places}f}")


def scientific(value: Number | float) -> str:
    """Write a very large or small number alone: `6.7×10⁻⁸`."""
    return text.scientific(_number(value).value or 0.0)


def points(difference: Difference) -> str:
    """Write a difference of shares: `+0.6 points (−0.2 to +1.4)`."""
    return text.points(_difference(difference))


def change(difference: Difference, style: str = "decimal") -> str:
    """Write a difference of other numbers: `+0.031 (−0.002 to +0.064)`."""
    return text.points(_difference(difference), style)


def verdict(
    difference: Difference, better: str, worse: str, unclear: str = "makes no clear difference", *, lower: bool = False
) -> str:
    """Choose words by the interval of a difference; `lower` says that lower is better, as with a loss."""
    found = _difference(difference)
    if not found.clear:
        return unclear
    return better if (found.value < 0) == lower else worse


def _number(value: Any) -> Number:
    if isinstance(value, Number):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Number(float(value))
    raise TypeError(f"expected a number, got {value}")


def _difference(value: Any) -> Difference:
    if not isinstance(value, Difference):
        raise TypeError(f"expected a difference, as `findings.gain` returns it, got {value}")
    return value


FILTERS: Mapping[str, Callable[..., str]] = {
    "change": change,
    "compact": compact,
    "decimal": decimal,
    "fixed": fixed,
    "percent": percent,
    "points": points,
    "scientific": scientific,
    "verdict": verdict,
}
