"""Options that the sources of texts share: the tokenizer, and how files are decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Tokens = Annotated[
    Literal["word", "bpe"],
    Field(
        description="unit of tokens: words and punctuation marks, or parts of words that byte-pair encoding finds (`bpe`)"
    ),
]
Vocabulary = Annotated[
    int,
    Field(
        ge=300,
        le=1_000_000,
        description="maximum size of the vocabulary, the most frequent tokens of the training texts",
    ),
]
Rare = Annotated[
    int,
    Field(
        ge=1,
        description="minimum number of occurrences in the training texts of a word, or of a pair of tokens to merge",
    ),
]
Length = Annotated[
    int | None,
    Field(
        ge=1,
        le=4096,
        description="maximum number of tokens per text, from its start; default: that of the longest training text, up to 256",
    ),
]
Lowercase = Annotated[bool, Field(description="ignore case")]
Pretrained = Annotated[
    str | None,
    Field(
        description="folder of a Hugging Face model, or a tokenizer.json, whose tokenizer takes the place of a trained one; "
        "`tokens`, `vocabulary`, `rare` and `lowercase` then do not matter"
    ),
]
Encoding = Annotated[
    str | None,
    Field(
        description="the files' encoding, such as `latin-1`; default: that of the byte order mark, else UTF-8, else Windows-1252"
    ),
]


@dataclass(frozen=True, kw_only=True)
class Tokenization:
    """How texts become token numbers; the options above, by name."""

    unit: Literal["word", "bpe"]
    vocabulary: int
    rare: int
    length: int | None
    lowercase: bool
