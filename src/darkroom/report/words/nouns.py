"""What the page calls the samples. Its sentences are written about images; for other samples they name those instead.

Only our own words change: the static text of templates, and the sentences before names and numbers are filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from jinja2.ext import Extension
from jinja2.lexer import Token
from markupsafe import Markup

IMAGE = ("image", "images")
_nouns: ContextVar[tuple[str, str]] = ContextVar("nouns", default=IMAGE)
_OURS = re.compile(r"\b(an |An )?\b([Ii])mage(s?)\b(?![^<>]*>)")
"""The word with its article, outside of tags."""


@contextmanager
def naming(one: str, many: str) -> Iterator[None]:
    """Call the samples by these nouns, such as `recording` and `recordings`."""
    before = _nouns.set((one, many))
    try:
        yield
    finally:
        _nouns.reset(before)


def worded(words: str) -> str:
    """Return words about images as words about the samples of this page."""
    one, many = _nouns.get()
    if (one, many) == IMAGE:
        return words

    def named(found: re.Match[str]) -> str:
        article, first, plural = found.groups()
        noun = many if plural else one
        return (article.replace("n", "") if article else "") + (noun.capitalize() if first == "I" else noun)

    return _OURS.sub(named, words)


class Worded(Extension):
    """Words the static text of templates when they are rendered."""

    def filter_stream(self, stream: Iterable[Token]) -> Iterator[Token]:
        """Replace static text about images by a call of `worded` with it."""
        for token in stream:
            if token.type != "data" or "mage" not in token.value:
                yield token
                continue
            called = (
                ("variable_begin", "{{"),
                ("name", "worded"),
                ("lparen", "("),
                ("string", token.value),
                ("rparen", ")"),
            )
            yield from (Token(token.lineno, kind, value) for kind, value in (*called, ("variable_end", "}}")))


def worded_markup(words: str) -> Markup:
    """Return the static text of a template, worded."""
    return Markup(worded(words))
