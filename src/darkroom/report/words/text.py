"""Write numbers for the page: digits, signs, intervals, units, plurals, lists, and parts of the config."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import yaml
from markupsafe import Markup

from darkroom.measure.intervals import Difference, Number
from darkroom.report.words.nouns import worded

MINUS, DASH, THIN = "\N{MINUS SIGN}", "\N{EN DASH}", "\N{NARROW NO-BREAK SPACE}"
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

Style = Callable[[float], str]


def say(words: str, *given: object) -> Markup:
    """Fill names and numbers into a sentence, escaped: `say("<b>{}</b> is best", name)`."""
    return Markup(worded(words)).format(*given)


def percent(value: float) -> str:
    """Write a share in percent, without the sign: 0.989 → 98.9."""
    return signless_zero(f"{100 * value:.1f}")


def decimal(value: float) -> str:
    """Write a score with three decimals: 0.042."""
    return signless_zero(f"{value:.3f}")


def nats(value: float) -> str:
    """Write a log-likelihood with one decimal: −97.3."""
    return signless_zero(f"{value:.1f}")


def compact(value: float) -> str:
    """Write a quantity with three significant digits and grouped thousands: 0.0182, 1.82, 18.2, 18,200, 1.82×10¹²."""
    if value == 0:
        return "0"
    if math.isfinite(value) and not 1e-4 <= abs(value) < 1e9:
        return scientific(value, 2)
    return signless_zero(f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}")


def scientific(value: float, places: int = 1) -> str:
    """Write a very large or small number: 6.7×10⁻⁸."""
    if not value:
        return "0"
    digits, power = f"{value:.{places}e}".split("e")
    return f"{digits.replace('-', MINUS)}×10{str(int(power)).translate(SUPERSCRIPT)}"


def ratio(value: float) -> str:
    """Write how many times one quantity is another, without the sign: 1.02."""
    return signless_zero(f"{value:.2f}")


def count(number: float) -> str:
    """Write a whole number with grouped thousands; a mean of counts gets one decimal."""
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"


STYLES: dict[str, Style] = {
    "percent": percent,
    "decimal": decimal,
    "nats": nats,
    "compact": compact,
    "ratio": ratio,
    "count": count,
}
UNITS = {"percent": "%", "ratio": "×"}


def signless_zero(text: str) -> str:
    """Use a real minus sign, and none before a number that rounds to zero."""
    text = text.lstrip("-") if not text.strip("-0.,") else text
    return text.replace("-", MINUS)


def unit(style: str) -> str:
    """Return what follows a number of this style."""
    return UNITS.get(style, "")


def share(value: float) -> str:
    """Write a share as the config has it: 5%, 0.5%."""
    return f"{100 * value:.3g}%"


def interval(number: Number, style: str) -> str:
    """Write the interval alone: 97.8–99.6, or `−98.1 to −96.0`; empty if there is none."""
    if number.low is None or number.high is None:
        return ""
    low, high = STYLES[style](number.low), STYLES[style](number.high)
    return f"{low} to {high}" if MINUS in low + high else f"{low}{DASH}{high}"


def plain(number: Number, style: str) -> str:
    """Write number and unit without the interval: `98.9%`; the reason if there is no number."""
    return (
        f"unknown ({worded(number.reason)})" if number.value is None else f"{STYLES[style](number.value)}{unit(style)}"
    )


def full(number: Number, style: str) -> str:
    """Write number, unit and interval: `98.9% (97.8–99.6)`; the reason if there is no number."""
    span = interval(number, style) if number.value is not None else ""
    return plain(number, style) + (f" ({span})" if span else "")


def signed(value: float, style: str) -> str:
    """Always show the sign: +0.6."""
    text = STYLES[style](value)
    return text if text.startswith(MINUS) or not text.strip("0.,") else f"+{text}"


def span(difference: Difference, style: str) -> str:
    """Write the interval of a difference: −0.2 to +1.4."""
    return f"{signed(difference.low, style)} to {signed(difference.high, style)}"


def points(difference: Difference, style: str = "percent") -> str:
    """Write a difference with its interval, shares in percentage points: `+0.6 points (−0.2 to +1.4)`."""
    word = " points" if style == "percent" else ""
    return f"{signed(difference.value, style)}{word} ({span(difference, style)})"


def plural(number: float, one: str, many: str | None = None) -> str:
    """Write a count with its noun: `1 image`, `2 images`, `3 classes`; `many` is for what English does not regularly form."""
    return f"{count(number)} {worded(one if number == 1 else many or _regular(one))}"


def _regular(noun: str) -> str:
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if re.search(r"[^aeiou]y$", noun) else f"{noun}s"


def listed(words: Sequence[str]) -> str:
    """Join words: `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))


def excerpt(words: str, most: int = 200) -> str:
    """Return the start of a text on one line."""
    line = " ".join(words[: 2 * most].split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def normal(classes: Sequence[str], contamination: float = 0.0) -> str:
    """Name a choice of normal classes and what contaminates it: `8`, `8 with 5% anomalies`."""
    return listed(classes) + (f" with {share(contamination)} anomalies" if contamination else "")


def settings(value: Any) -> str:
    """Write a part of the config as a person would."""
    dumped: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=False, width=100)
    return re.sub(r"\n+$", "", dumped)
