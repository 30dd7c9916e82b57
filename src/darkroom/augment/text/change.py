"""Words, and what the transforms that change them share."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy.random import Generator

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
"""A word's letters, without the punctuation around it."""
_FUNCTION_WORDS = (
    "a an the and or but if because as until while of at by for with about against between into through during before "
    "after above below to from up down in out on off over under again further then once here there when where why how "
    "all any both each few more most other some such only own same so than too very can will just should now i me my "
    "myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its "
    "itself they them their theirs themselves what which who whom this that these those am is are was were be been being "
    "have has had having do does did doing would could may might must shall not no nor never n't don't doesn't didn't "
    "isn't aren't wasn't weren't won't can't couldn't shouldn't wouldn't haven't hasn't hadn't"
)
STOPWORDS = frozenset(_FUNCTION_WORDS.split())
"""English function words, which have no synonyms."""


class Changed(NamedTuple):
    """A text after a transform, and a record of what was done to it; None if it did not change."""

    text: str
    applied: dict[str, Any] | None


class WordTransform(ABC):
    """Changes a share of a text's words, split at white space, with probability `p`."""

    def __init__(self, share: float, p: float) -> None:
        self.share, self.p = share, p

    def __call__(self, texts: Sequence[str], draws: Sequence[Generator]) -> list[Changed]:
        """Change each text with its own generator."""
        return [self._one(text, own) for text, own in zip(texts, draws, strict=True)]

    @abstractmethod
    def change(self, words: list[str], draws: Generator) -> dict[str, Any] | None:
        """Change the words in place; return what was done, or None."""

    def number(self, words: Sequence[str]) -> int:
        """Return the number of words to change, at least one (Wei & Zou 2019)."""
        return max(1, int(self.share * len(words)))

    def _one(self, text: str, draws: Generator) -> Changed:
        words = text.split()
        if draws.random() >= self.p or not words:
            return Changed(text, None)
        applied = self.change(words, draws)
        return Changed(text, None) if applied is None else Changed(" ".join(words), applied)


def replaced(word: str, new: str) -> str:
    """Return a word with its letters replaced, keeping its capitalization and the punctuation around them."""
    found = WORD.search(word)
    if found is None:
        return word
    old = found[0]
    if old.isupper() and len(old) > 1:
        new = new.upper()
    elif old[0].isupper():
        new = new[0].upper() + new[1:]
    return word[: found.start()] + new + word[found.end() :]
