"""Tokenizers: what a vocabulary holds, the same bytes for the same texts, and arrays of one length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkroom.data.store import TOKENIZER
from darkroom.data.text import tokens
from darkroom.data.text.options import Tokenization

PLAIN = {"unit": "word", "vocabulary": 100, "rare": 1, "length": None, "lowercase": True}
TEXTS = ["Don't stop, don't!", "Do n't stop 你好", "STOP the music", "Привет мир"]


def trained(**how: Any) -> Any:
    return tokens.train(TEXTS, Tokenization(**{**PLAIN, **how}))


def test_words_are_ranked_by_count_then_alphabet() -> None:
    names = sorted(trained().get_vocab().items(), key=lambda pair: pair[1])
    assert [name for name, _ in names[:5]] == [tokens.PAD, tokens.UNKNOWN, "stop", "don't", "!"]
    assert trained(vocabulary=4).get_vocab_size() == 4
    assert set(trained(rare=2).get_vocab()) == {tokens.PAD, tokens.UNKNOWN, "stop", "don't"}


def test_apostrophes_and_ideographs() -> None:
    assert trained().encode("Don't n't 好你 zzz").tokens == ["don't", "n't", "好", "你", tokens.UNKNOWN]


def test_nothing_is_unknown_to_bytes() -> None:
    tokenizer = trained(unit="bpe", vocabulary=300)
    for text in ("don't stop", "Ω≈ç√ ☃ 漢字"):
        encoded = tokenizer.encode(text)
        assert tokens.UNKNOWN not in encoded.tokens
        assert tokenizer.decode(encoded.ids).strip() == text.lower()


@pytest.mark.parametrize("unit", ["word", "bpe"])
def test_the_same_texts_give_the_same_tokenizer_again_after_saving(unit: str, tmp_path: Path) -> None:
    tokenizer = trained(unit=unit, vocabulary=300)
    assert tokenizer.to_str() == trained(unit=unit, vocabulary=300).to_str()
    tokenizer.save(str(tmp_path / TOKENIZER))
    loaded = tokens.load(tmp_path / TOKENIZER)
    assert [*map(list, tokens.encode(loaded, TEXTS))] == [*map(list, tokens.encode(tokenizer, TEXTS))]
    (tmp_path / TOKENIZER).write_text("{}")
    with pytest.raises(ValueError, match="is not a tokenizer"):
        tokens.load(tmp_path / TOKENIZER)


def test_texts_are_cut_and_padded() -> None:
    assert tokens.padded([np.array(own, np.int32) for own in ([5, 6, 7], [], [8])], 2).tolist() == [
        [5, 6],
        [0, 0],
        [8, 0],
    ]
