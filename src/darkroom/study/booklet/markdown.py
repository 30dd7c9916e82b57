"""Markdown to HTML, with formulas as MathML: a browser draws them without a script or a font from elsewhere."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

from latex2mathml import converter
from latex2mathml.exceptions import (
    DenominatorNotFoundError,
    DoubleSubscriptsError,
    DoubleSuperscriptsError,
    ExtraLeftOrMissingRightError,
    MissingEndError,
    MissingSuperScriptOrSubscriptError,
    NumeratorNotFoundError,
)
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import escape
from mdit_py_plugins.dollarmath import dollarmath_plugin

INVALID = (
    DenominatorNotFoundError,
    DoubleSubscriptsError,
    DoubleSuperscriptsError,
    ExtraLeftOrMissingRightError,
    MissingEndError,
    MissingSuperScriptOrSubscriptError,
    NumeratorNotFoundError,
    IndexError,
)
SCROLLING = '<div class="scroll" role="region" aria-label="Table" tabindex="0">'


def html(text: str) -> str:
    """Return the HTML of Markdown with tables, raw HTML, `$formula$` and `$$formula$$`. Raises ValueError for a formula that
    is not valid."""
    return str(_parser().render(text))


def mathml(formula: str, *, display: bool = False) -> str:
    """Return the MathML of a LaTeX formula; on a line of its own with `display`. Raises ValueError naming the formula."""
    try:
        found = str(converter.convert(formula, display="block" if display else "inline"))
    except INVALID as error:
        raise ValueError(f"${formula}$ is not a valid formula: {error or type(error).__name__}") from error
    if unknown := re.search(r"\\[A-Za-z]+", found):
        raise ValueError(f"${formula}$: {unknown.group()} is no command that MathML can show")
    return found


@functools.cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    parser.use(dollarmath_plugin, allow_labels=False, renderer=_formula)
    renderer: Any = parser.renderer
    renderer.rules |= {"table_open": _table, "table_close": _end_of_table, "fence": _code, "math_block": _block}
    return parser


def _formula(content: str, options: Any) -> str:
    return mathml(content.strip(), display=bool(options["display_mode"]))


def _block(tokens: Sequence[Token], index: int, *_: Any) -> str:
    formula = mathml(tokens[index].content.strip(), display=True)
    return f'<div class="formula" role="group" aria-label="Formula" tabindex="0">{formula}</div>\n'


def _table(*_: Any) -> str:
    return f'{SCROLLING}<table class="prose">\n'


def _end_of_table(*_: Any) -> str:
    return "</table></div>\n"


def _code(tokens: Sequence[Token], index: int, *_: Any) -> str:
    return f'<pre tabindex="0"><code>{escape(tokens[index].content)}</code></pre>\n'
