"""Negations of English texts: where one is added or lost, a copy may mean the opposite of its original."""

from __future__ import annotations

import re

NEGATION = re.compile(
    r"\b(?:not|no|never|none|nothing|nobody|nowhere|neither|nor|without|cannot)\b|n['’]t\b", re.IGNORECASE
)


def negations(text: str) -> int:
    """Count the negations of a text."""
    return len(NEGATION.findall(text))
