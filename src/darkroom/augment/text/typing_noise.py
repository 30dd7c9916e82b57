"""Typing mistakes: neighboring keys, and letters left out, doubled or swapped."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any

from numpy.random import Generator
from pydantic import Field

from darkroom.augment.options import Amount, Chance
from darkroom.augment.text.change import WORD, WordTransform
from darkroom.registry import register

KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
"""The rows of letters of an English keyboard; each lies half a key further right than the one above."""


def _neighbors() -> dict[str, str]:
    """Return the keys around each key: left, right, and two each above and below."""
    place = {key: (row, column) for row, keys in enumerate(KEYS) for column, key in enumerate(keys)}
    around = {(0, -1), (0, 1), (-1, 0), (-1, 1), (1, -1), (1, 0)}
    return {
        key: "".join(other for other, (r, c) in place.items() if (r - row, c - column) in around)
        for key, (row, column) in place.items()
    }


NEIGHBORS = _neighbors()


class _Typing(WordTransform):
    """Makes one mistake in each of some random words."""

    def change(self, words: list[str], draws: Generator) -> dict[str, Any] | None:
        """Misspell words, skipping those that offer no place for a mistake."""
        done: dict[str, str] = {}
        for place in draws.permutation(len(words)).tolist():
            if len(done) == self.number(words):
                break
            new = self.misspelled(words[place], draws)
            if new != words[place]:
                done[words[place]], words[place] = new, new
        return {"replaced": done} if done else None

    @abstractmethod
    def misspelled(self, word: str, draws: Generator) -> str:
        """Return a word with one mistake, or the word itself if it offers no place for one."""


@register("transform", "keyboard")
class Keyboard(_Typing):
    """Hit a neighboring key in random words (the letters of an English keyboard)."""

    TAKES = ("text",)

    def __init__(
        self,
        *,
        share: Annotated[
            float, Field(gt=0, le=1, description="share of the words with a mistake, at least one"), Amount("keyboard")
        ] = 0.1,
        p: Chance = 1.0,
    ) -> None:
        super().__init__(share, p)

    def misspelled(self, word: str, draws: Generator) -> str:
        """Replace one letter by a neighboring key's."""
        places = [place for place, letter in enumerate(word) if letter.lower() in NEIGHBORS]
        if not places:
            return word
        place = places[draws.integers(len(places))]
        around = NEIGHBORS[word[place].lower()]
        new = around[draws.integers(len(around))]
        return word[:place] + (new.upper() if word[place].isupper() else new) + word[place + 1 :]


@register("transform", "spelling")
class Spelling(_Typing):
    """Leave out, double or swap letters inside random words of four or more letters, in any alphabet."""

    TAKES = ("text",)

    def __init__(
        self,
        *,
        share: Annotated[
            float, Field(gt=0, le=1, description="share of the words with a mistake, at least one"), Amount("spelling")
        ] = 0.1,
        p: Chance = 1.0,
    ) -> None:
        super().__init__(share, p)

    def misspelled(self, word: str, draws: Generator) -> str:
        """Make one mistake after the first letter, which readers rely on."""
        found = WORD.search(word)
        if found is None or len(found[0]) < 4:
            return word
        place = found.start() + int(draws.integers(1, len(found[0]) - 1))
        mistakes: tuple[Callable[[], str], ...] = (
            lambda: word[:place] + word[place + 1 :],
            lambda: word[:place] + word[place] + word[place:],
            lambda: word[:place] + word[place + 1] + word[place] + word[place + 2 :],
        )
        return mistakes[draws.integers(3)]()
