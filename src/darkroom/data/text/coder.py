"""From texts to the samples of a store: token numbers of one length, by a tokenizer of the store's own or a pretrained one.

The numbers of a pretrained tokenizer are shifted by `SHIFT`, so that 0 pads and 1 is free for dropped tokens, whatever its own
padding is. It also adds its special tokens, such as [CLS] and [SEP], and a text that is cut keeps those at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from darkroom.data.store import TOKENIZER
from darkroom.data.text import tokens
from darkroom.data.text.preparation import read_text_preparation

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SHIFT = 2


@dataclass(frozen=True, eq=False)
class Coder:
    """Encodes texts as `length` token numbers each."""

    tokenizer: Tokenizer
    length: int
    pretrained: bool

    @property
    def vocabulary(self) -> int:
        """How many numbers there are."""
        return int(self.tokenizer.get_vocab_size()) + (SHIFT if self.pretrained else 0)

    def numbers(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Return all token numbers of each text, however many."""
        found = tokens.encode(self.tokenizer, texts, special=self.pretrained)
        return [own + np.int32(SHIFT) for own in found] if self.pretrained else found

    def padded(self, numbers: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        """Return token numbers as an array (N, length), cut or padded with 0."""
        ending = self._ending if self.pretrained else 0
        cut = [
            np.concatenate([own[: self.length - ending], own[len(own) - ending :]])
            if ending and self.length < len(own)
            else own
            for own in numbers
        ]
        return tokens.padded(cut, self.length)

    def samples(self, texts: Sequence[str]) -> NDArray[np.int32]:
        """Return the token numbers (N, length) of texts."""
        return self.padded(self.numbers(texts))

    def words(self, numbers: NDArray[np.int32]) -> str:
        """Return the text of token numbers, as far as they say."""
        shift = SHIFT if self.pretrained else 0
        own = numbers[numbers > max(0, shift - 1)] - shift
        return str(self.tokenizer.decode(own.tolist(), skip_special_tokens=self.pretrained))

    @property
    def _ending(self) -> int:
        """The number of special tokens that end a text."""
        mask = self.tokenizer.encode("a").special_tokens_mask
        return next((place for place, special in enumerate(reversed(mask)) if not special), 0)


def read_coder(folder: Path) -> Coder:
    """Read how a stage's texts became token numbers. Raises FileNotFoundError if its folder does not say, ValueError if it is
    damaged."""
    if not (folder / TOKENIZER).exists():
        raise FileNotFoundError(f"{folder} does not say how its texts became tokens: there is no {TOKENIZER}")
    how = read_text_preparation(folder)
    return Coder(tokens.load(folder / TOKENIZER), how.length, how.pretrained)
