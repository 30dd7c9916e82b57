"""Options that the sources of texts share: the tokenizer, and how files are decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

Tokens = Annotated[
    Literal["word", "bpe"],
    Field(
        description="what a token is: a word or sign, or, with `bpe`, a part of a word that byte-pair encoding finds"
    ),
]
Vocabulary = Annotated[
    int,
    Field(
        ge=300, le=1_000_000, description="maximum number of tokens known, the most frequent ones of the training texts"
    ),
]
Rare = Annotated[
    int,
    Field(
        ge=1, description="times that a word, or a pair to merge, has to occur in the training texts to become a token"
    ),
]
Length = Annotated[
    int | None,
    Field(
        ge=1,
        le=4096,
        description="tokens kept of a text, from its start; default: those of the longest training text, at most 256",
    ),
]
Lowercase = Annotated[bool, Field(description="make no difference between upper and lower case")]
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
