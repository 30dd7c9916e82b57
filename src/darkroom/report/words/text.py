"""How numbers are written on the page: digits, signs, ranges, units; and parts of the config."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml

from darkroom.report.intervals import Difference, Number

MINUS, DASH, THIN = "\N{MINUS SIGN}", "\N{EN DASH}", "\N{NARROW NO-BREAK SPACE}"

Style = Callable[[float], str]


def percent(value: float) -> str:
    """A share as percent without the sign: 0.989 → 98.9."""
    return signless_zero(f"{100 * value:.1f}")


def decimal(value: float) -> str:
    """A score with three places: 0.042."""
    return signless_zero(f"{value:.3f}")


def nats(value: float) -> str:
    """A likelihood with one place: −97.3."""
    return signless_zero(f"{value:.1f}")


def compact(value: float) -> str:
    """A measured quantity with three significant digits and grouped thousands: 0.0182, 1.82, 18.2, 18,200."""
    if value == 0:
        return "0"
    return signless_zero(f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}")


STYLES: dict[str, Style] = {"percent": percent, "decimal": decimal, "nats": nats, "compact": compact}


def signless_zero(text: str) -> str:
    """With a real minus sign, and none before a number that was rounded to zero."""
    text = text.lstrip("-") if not text.strip("-0.,") else text
    return text.replace("-", MINUS)


def unit(style: str) -> str:
    """What is written after a number of that style."""
    return f"{THIN}%" if style == "percent" else ""


def interval(number: Number, style: str) -> str:
    """The interval alone: 97.8–99.6, or `−98.1 to −96.0`; empty where there is none."""
    if number.low is None or number.high is None:
        return ""
    low, high = STYLES[style](number.low), STYLES[style](number.high)
    return f"{low} to {high}" if MINUS in low + high else f"{low}{DASH}{high}"


def full(number: Number, style: str) -> str:
    """Number, unit and interval: `98.9 % (97.8–99.6)`; the reason where there is no number."""
    if number.value is None:
        return f"unknown ({number.reason})"
    span = interval(number, style)
    return f"{STYLES[style](number.value)}{unit(style)}" + (f" ({span})" if span else "")


def signed(value: float, style: str) -> str:
    """With its sign always shown: +0.6."""
    text = STYLES[style](value)
    return text if text.startswith(MINUS) or not text.strip("0.,") else f"+{text}"


def points(difference: Difference, style: str = "percent") -> str:
    """A difference with its interval: `+0.6 points (−0.2 to +1.4)`; of a share in points, else in its own unit."""
    word = " points" if style == "percent" else ""
    span = f"({signed(difference.low, style)} to {signed(difference.high, style)})"
    return f"{signed(difference.value, style)}{word} {span}"


def count(number: float) -> str:
    """A whole number with grouped thousands; a mean of counts with one place."""
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"


def plural(number: float, one: str, many: str | None = None) -> str:
    """`1 image`, `2 images`."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))


def settings(value: Any) -> str:
    """A part of the config as a person would write it."""
    dumped: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100)
    return re.sub(r"\n+$", "", dumped)
