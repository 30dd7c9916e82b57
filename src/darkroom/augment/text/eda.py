"""The four operations of EDA (Wei & Zou 2019, "EDA: Easy Data Augmentation", arXiv 1901.11196), one by one and as published.

Each changes n = max(1, αl) of a text's l words. Unlike in the authors' code, words keep their capitalization and punctuation,
and only base forms have synonyms: theirs replaces an inflected word by synonyms of its base form, which breaks the grammar.
"""

from __future__ import annotations

from typing import Annotated, Any

from numpy.random import Generator
from pydantic import Field

from darkroom.augment.options import Amount, Chance
from darkroom.augment.text.change import STOPWORDS, WORD, WordTransform, replaced
from darkroom.augment.text.options import WordNet
from darkroom.augment.text.wordnet import synonyms
from darkroom.registry import register


@register("transform", "synonyms")
class Synonyms(WordTransform):
    """Replace random words that are not stop words by synonyms from WordNet (English)."""

    TAKES = ("text",)

    def __init__(
        self,
        *,
        share: Annotated[
            float, Field(gt=0, le=1, description="share of the words to replace, at least one"), Amount("synonyms")
        ] = 0.1,
        wordnet: WordNet = None,
        p: Chance = 1.0,
    ) -> None:
        super().__init__(share, p)
        self.known = synonyms(wordnet)

    def change(self, words: list[str], draws: Generator) -> dict[str, Any] | None:
        """Replace words, each by the same synonym wherever it occurs."""
        done: dict[str, str] = {}
        for word, found in choices(words, self.known, draws):
            if len(done) == self.number(words):
                break
            done[word] = found[draws.integers(len(found))]
        for place, word in enumerate(words):
            if (own := letters(word)) in done:
                words[place] = replaced(word, done[own])
        return {"replaced": done} if done else None


@register("transform", "insertion")
class Insertion(WordTransform):
    """Insert synonyms of random words at random places (English)."""

    TAKES = ("text",)

    def __init__(
        self,
        *,
        share: Annotated[
            float,
            Field(gt=0, le=1, description="number of words to insert, as a share of the text's, at least one"),
            Amount("insertion"),
        ] = 0.1,
        wordnet: WordNet = None,
        p: Chance = 1.0,
    ) -> None:
        super().__init__(share, p)
        self.known = synonyms(wordnet)

    def change(self, words: list[str], draws: Generator) -> dict[str, Any] | None:
        """Insert synonyms, each of a different word as long as there are enough."""
        sources = choices(words, self.known, draws)
        if not sources:
            return None
        added = []
        for step in range(self.number(words)):
            found = sources[step % len(sources)][1]
            added.append(found[draws.integers(len(found))])
            words.insert(int(draws.integers(len(words) + 1)), added[-1])
        return {"inserted": added}


@register("transform", "swap")
class Swap(WordTransform):
    """Swap random pairs of words."""

    TAKES = ("text",)

    def __init__(
        self,
        *,
        share: Annotated[
            float,
            Field(gt=0, le=1, description="number of swaps, as a share of the text's words, at least one"),
            Amount("swap"),
        ] = 0.1,
        p: Chance = 1.0,
    ) -> None:
        super().__init__(share, p)

    def change(self, words: list[str], draws: Generator) -> dict[str, Any] | None:
        """Swap pairs of words."""
        if len(words) < 2:
            return None
        swapped = []
        for _ in range(self.number(words)):
            one, two = draws.choice(len(words), 2, replace=False).tolist()
            swapped.append([words[one], words[two]])
            words[one], words[two] = words[two], words[one]
        return {"swapped": swapped}


@register("transform", "deletion")
class Deletion(WordTransform):
    """Delete each word with the same probability, but never all of them."""

    TAKES = ("text",)

    def __init__(
        self,
        *,
        share: Annotated[
            float, Field(gt=0, lt=1, description="probability of deleting a word"), Amount("deletion")
        ] = 0.1,
        p: Chance = 1.0,
    ) -> None:
        super().__init__(share, p)

    def change(self, words: list[str], draws: Generator) -> dict[str, Any] | None:
        """Delete random words."""
        stays = draws.random(len(words)) >= self.share
        if not stays.any():
            stays[draws.integers(len(words))] = True
        deleted = [word for word, kept in zip(words, stays, strict=True) if not kept]
        words[:] = [word for word, kept in zip(words, stays, strict=True) if kept]
        return {"deleted": deleted} if deleted else None


@register("transform", "eda")
class EDA(WordTransform):
    """Apply one of EDA's four operations, all equally likely: synonyms, insertion, swap, deletion (English)."""

    TAKES = ("text",)

    def __init__(
        self,
        *,
        share: Annotated[
            float,
            Field(
                gt=0,
                lt=1,
                description="the paper's α, share of the words to change; it recommends 0.05 for 500 to 2,000 training texts",
            ),
            Amount("eda"),
        ] = 0.1,
        wordnet: WordNet = None,
        p: Chance = 1.0,
    ) -> None:
        super().__init__(share, p)
        self.operations = {
            "synonyms": Synonyms(share=share, wordnet=wordnet),
            "insertion": Insertion(share=share, wordnet=wordnet),
            "swap": Swap(share=share),
            "deletion": Deletion(share=share),
        }

    def change(self, words: list[str], draws: Generator) -> dict[str, Any] | None:
        """Apply one operation."""
        name = list(self.operations)[draws.integers(len(self.operations))]
        applied = self.operations[name].change(words, draws)
        return None if applied is None else {"operation": name, **applied}


def letters(word: str) -> str:
    """Return the letters of a word in lower case."""
    found = WORD.search(word)
    return found[0].lower() if found else ""


def choices(words: list[str], known: dict[str, tuple[str, ...]], draws: Generator) -> list[tuple[str, tuple[str, ...]]]:
    """Return the distinct words that have synonyms and are not stop words, each with its synonyms, in random order."""
    own = dict.fromkeys(map(letters, words))
    found = [(word, known[word]) for word in own if word not in STOPWORDS and known.get(word)]
    return [found[place] for place in draws.permutation(len(found)).tolist()]
