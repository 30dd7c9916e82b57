"""Read texts: bring them into one form, train the tokenizer on the training split unless one is given, write token numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data import twins
from darkroom.data.item import Contents, Item, Unused
from darkroom.data.kind import SampleKind, Shape
from darkroom.data.reader import Read, nothing
from darkroom.data.store import TOKENIZER, new_array
from darkroom.data.text import characters, minhash, tokens
from darkroom.data.text.coder import Coder
from darkroom.data.text.options import Tokenization
from darkroom.data.text.preparation import TextPreparation
from darkroom.data.text.rows import Format
from darkroom.data.words import listed

LONGEST = 256
"""Most tokens of a text, unless the source's `length` says otherwise."""
BLOCK = 1000
UNKNOWN_SHARE = 0.2
"""Share of unknown tokens in validation and test texts that is worth a warning."""
FOREIGN_SHARE = 0.01
"""Share of texts in another script that is worth a warning."""


class TextReader:
    """Reads texts; `samples.npy` and `tokenizer.json` are written once the training split is known."""

    kind: SampleKind = "text"

    def __init__(
        self, tokenization: Tokenization, *, column: str = "text", format: Format, pretrained: Path | None
    ) -> None:
        self.how, self.column, self.format, self.pretrained = tokenization, column, format, pretrained

    def read(self, contents: Contents, root: Path) -> Read:
        """Read every text. Raises ValueError if none is left."""
        found = self._found = Read(excluded=list(contents.unused), warnings=list(contents.warnings))
        self.texts: list[str] = []
        cut: list[str] = []
        self._strange: list[str] = []
        for item in contents.items:
            origin = item.origin or item.id
            try:
                text, more = self._text(item)
            except (OSError, ValueError) as error:
                found.excluded.append(Unused(origin, f"not readable as text: {error}"))
                continue
            if not text:
                found.excluded.append(Unused(origin, "an empty text"))
                continue
            cut += [origin] if more else []
            found.items.append(item)
            found.fingerprints.append(hashlib.sha256(text.encode("utf-8", "replace")).hexdigest())
            self.texts.append(text)
        if not found.items:
            raise ValueError(nothing(contents, found.excluded, "text"))
        found.columns["text"] = list(self.texts)
        if left := len(found.excluded) - len(contents.unused):
            origins = [unused.origin for unused in found.excluded[len(contents.unused) :]]
            found.warnings.append(f"texts that cannot be used, listed in excluded.csv: {left}: {listed(origins)}")
        found.warnings += characters.fallback_warning(self._strange)
        if cut:
            found.warnings.append(
                f"texts of more than {characters.LONGEST:,} characters, cut there: {len(cut)}: {listed(cut)}"
            )
        scripts = characters.scripts(self.texts)
        if sum(count >= FOREIGN_SHARE * len(self.texts) for count in scripts.values()) > 1:
            counts = ", ".join(f"{name} {count}" for name, count in scripts.items())
            found.warnings.append(f"texts in several scripts, perhaps several languages: {counts}")
        return found

    def twins(self, root: Path, rows: NDArray[np.int64]) -> twins.Twins:
        """Find the near-duplicates among these rows of the texts just read."""
        return minhash.find(self.texts, rows)

    def finish(self, root: Path, table: pd.DataFrame) -> Shape:
        """Train the tokenizer on the training texts and write the token numbers of all; returns (L, vocabulary)."""
        how, train = self.how, (table["split"] == "train").to_numpy()
        texts: list[str] = table["text"].tolist()
        if not train.any():
            raise ValueError("data.split: no text is in train, so there is nothing to train the tokenizer on")
        tokenizer = (
            tokens.load(self.pretrained)
            if self.pretrained
            else tokens.train([text for text, trained in zip(texts, train, strict=True) if trained], how)
        )
        coder = Coder(tokenizer, how.length or LONGEST, self.pretrained is not None)
        numbers = coder.numbers(texts)
        sizes = np.array([len(own) for own in numbers])
        length = how.length or max(1, min(LONGEST, int(sizes[train].max())))
        coder = replace(coder, length=length)
        samples = new_array(root / "samples.npy", (len(texts), length), np.int32)
        for start in range(0, len(texts), BLOCK):
            samples[start : start + BLOCK] = coder.padded(numbers[start : start + BLOCK])
        tokenizer.save(str(root / TOKENIZER))
        TextPreparation(length, self.column, self.format, coder.pretrained).save(root)
        unit = "words and signs" if how.unit == "word" else "byte-pair tokens"
        known = f"{tokenizer.get_vocab_size():,} known {'parts of words' if coder.pretrained else unit}"
        self._description = f"up to {length} tokens, {known}"
        self._warn(sizes, length, train, numbers)
        return length, coder.vocabulary

    def describe(self) -> str:
        """Return how many tokens a text has at most, and how many are known."""
        return self._description

    def _text(self, item: Item) -> tuple[str, bool]:
        """Return a clean text and whether more follows."""
        if item.text is not None:
            return characters.clean(item.text[: characters.LONGEST]), len(item.text) > characters.LONGEST
        assert isinstance(item.image, Path)
        asked = self.format.encoding
        text, more, encoding = characters.read(item.image, asked)
        self._strange += [item.origin or item.id] if not asked and encoding == characters.FALLBACK else []
        return text, more

    def _warn(
        self, sizes: NDArray[np.int64], length: int, train: NDArray[np.bool_], numbers: Sequence[NDArray[np.int32]]
    ) -> None:
        """Warn about texts that are cut to `length` tokens, and about many unknown words outside of the training split."""
        warnings = self._found.warnings
        if cut := int((sizes > length).sum()):
            warnings.append(f"texts of more than {length} tokens, of which the first {length} are used: {cut}")
        if empty := int((sizes == 0).sum()):
            warnings.append(f"texts without a token: {empty}")
        held_out = [own for own, trained in zip(numbers, train, strict=True) if not trained]
        unknown = float((np.concatenate(held_out) == tokens.UNKNOWN_ID).mean()) if sizes[~train].any() else 0.0
        if unknown > UNKNOWN_SHARE:
            warnings.append(
                f"{unknown:.0%} of the words of validation and test texts are unknown; data.source.tokens: bpe knows parts of "
                "words"
            )
