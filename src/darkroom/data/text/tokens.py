"""From texts to token numbers: a tokenizer trained on the training split, and arrays of equal length.

Token 0 pads, token 1 stands for what the vocabulary lacks. `tokenizer.json` is the file format of Hugging Face's tokenizers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from darkroom.data.text.options import Tokenization

try:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
except ImportError:
    raise ImportError("texts need the package tokenizers, the extra `text`: uv sync --extra text") from None

PAD, UNKNOWN = "[PAD]", "[UNK]"
UNKNOWN_ID = 1
BLOCK = 1000
"""Texts encoded at a time."""
WORD = r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_]+(?:['’][^\W_]+)*|['’][^\W_]+|[^\w\s]|_"
"""A word with its apostrophes (`don't`, `n't`, `'s`), one Chinese or Japanese character, or one sign."""


def train(texts: Iterable[str], how: Tokenization) -> Tokenizer:
    """Train a tokenizer with at most `how.vocabulary` tokens.

    `word`: the most frequent words that occur at least `rare` times, ties in alphabetical order. `bpe`: byte-pair encoding
    (Sennrich et al. 2016) of bytes, to which nothing is unknown; pairs merge that occur at least `rare` times.
    """
    vocabulary, rare = how.vocabulary, how.rare
    normal = normalizers.Sequence([normalizers.NFC(), *([normalizers.Lowercase()] if how.lowercase else [])])
    if how.unit == "word":
        split = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
        counts: Counter[str] = Counter()
        for text in texts:
            counts.update(word for word, _ in split.pre_tokenize_str(normal.normalize_str(text)))
        ranked = sorted((-count, word) for word, count in counts.items() if count >= rare)
        words = [PAD, UNKNOWN, *(word for _, word in ranked[: max(vocabulary - 2, 0)])]
        made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token=UNKNOWN))
        made.normalizer, made.pre_tokenizer = normal, split
        return made
    made = Tokenizer(models.BPE(unk_token=None))
    made.normalizer = normal
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=rare,
        special_tokens=[PAD, UNKNOWN],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(texts, trainer)
    return made


def encode(tokenizer: Tokenizer, texts: Sequence[str], *, special: bool = False) -> list[NDArray[np.int32]]:
    """Return the token numbers of each text, with the tokenizer's special tokens if asked for."""
    blocks = (list(texts[start : start + BLOCK]) for start in range(0, len(texts), BLOCK))
    return [
        np.array(encoding.ids, np.int32)
        for block in blocks
        for encoding in tokenizer.encode_batch(block, add_special_tokens=special)
    ]


def padded(numbers: Sequence[NDArray[np.int32]], length: int) -> NDArray[np.int32]:
    """Return an array (N, length) of token numbers, cut at the end or padded with 0."""
    found = np.zeros((len(numbers), length), np.int32)
    for row, own in enumerate(numbers):
        found[row, : len(own)] = own[:length]
    return found


def load(path: Path) -> Tokenizer:
    """Read a tokenizer. Raises ValueError if the file is none."""
    try:
        found = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare exceptions
        raise ValueError(f"{path} is not a tokenizer: {error}") from None
    found.no_padding()
    found.no_truncation()
    return found
