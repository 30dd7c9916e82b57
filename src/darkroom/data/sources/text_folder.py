"""Text files in class folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from darkroom.data import layouts, place
from darkroom.data.item import Contents, Unused, readable
from darkroom.data.reader import Reader
from darkroom.data.text import pretrained_tokenizer
from darkroom.data.text.options import Encoding, Length, Lowercase, Pretrained, Rare, Tokenization, Tokens, Vocabulary
from darkroom.data.text.rows import Format
from darkroom.registry import register
from darkroom.settings import Sha256


@register("source", "text_folder")
class TextFolder:
    """A folder of class folders with one .txt file per text, on its own or below split folders such as train and test.

    Layouts are recognized as in the source `folder`.
    """

    KIND = "text"

    def __init__(
        self,
        *,
        path: Annotated[str, Field(description="the folder, or a zip or tar of it: a local path or a URL")],
        sha256: Annotated[Sha256 | None, Field(description="of the archive, checked before unpacking")] = None,
        encoding: Encoding = None,
        tokens: Tokens = "word",
        vocabulary: Vocabulary = 20_000,
        rare: Rare = 2,
        length: Length = None,
        lowercase: Lowercase = True,
        tokenizer: Pretrained = None,
    ) -> None:
        self.path, self.sha256, self.encoding = path, sha256, encoding
        self.tokenization = Tokenization(
            unit=tokens, vocabulary=vocabulary, rare=rare, length=length, lowercase=lowercase
        )
        self.tokenizer = tokenizer

    def fetch(self, raw: Path) -> None:
        """Unpack the archive, or list the files of the folder."""
        place.bring(raw, self.path, self.sha256)
        pretrained_tokenizer.keep(raw, self.tokenizer)

    def reader(self) -> Reader:
        """Return the reader of texts, after `contents`."""
        from darkroom.data.readers.text import TextReader  # loads the tokenizers

        return TextReader(
            self.tokenization, format=Format(encoding=self.encoding), pretrained=pretrained_tokenizer.kept(self._raw)
        )

    def contents(self, raw: Path) -> Contents:
        """Return one item per file, sorted by path. Raises ValueError for an ambiguous layout."""
        self._raw = raw
        listing = place.listing(raw, self.path)
        others = [name for name in listing.names if not name.lower().endswith(".txt")]
        texts = tuple(name for name in listing.names if name.lower().endswith(".txt"))
        unused = (*listing.unused, *(Unused(readable(name), "not a .txt file") for name in others))
        found = layouts.recognize(replace(listing, names=texts, unused=unused), self.path)
        bare = ("the texts have no labels: no class folders, and no labels in the file names",)
        return replace(found, warnings=bare if found.warnings else ())
