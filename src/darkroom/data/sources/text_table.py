"""Texts in the rows of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Annotated

import pandas as pd
from pydantic import Field

from darkroom.data import place, target_columns
from darkroom.data.item import Contents, Item, Unused, class_name, given_split, ordered, readable, text_labels
from darkroom.data.layouts import split_name
from darkroom.data.options import Columns, Labels
from darkroom.data.reader import Reader
from darkroom.data.sources import targets
from darkroom.data.text import characters, pretrained_tokenizer, rows
from darkroom.data.text.options import Encoding, Length, Lowercase, Pretrained, Rare, Tokenization, Tokens, Vocabulary
from darkroom.registry import register
from darkroom.settings import Sha256


@register("source", "text_table")
class TextTable:
    """Texts in the rows of a CSV, TSV, JSON lines or parquet file, or of several in a folder or archive.

    A row has a text and a label; an empty label means none. Of several files, those with a split in their name (train.tsv,
    dev.tsv, TREC.test.all) are that split; a column `split` says so row by row. Rows with the same group stay in one split.
    `labels` or `numbers` name the columns to predict in place of the label.
    """

    KIND = "text"

    def __init__(
        self,
        *,
        path: Annotated[
            str, Field(description="the table, a folder, or a zip or tar with tables: a local path or a URL")
        ],
        sha256: Annotated[Sha256 | None, Field(description="of the table or archive, checked first")] = None,
        text: Annotated[str, Field(description="the column of the texts")] = "text",
        label: Annotated[str, Field(description="the column of the labels")] = "label",
        split: Annotated[str, Field(description="the column of the splits, if there is one")] = "split",
        group: Annotated[str | None, Field(description="the column of the groups, such as authors")] = None,
        columns: Annotated[
            list[str] | None,
            Field(min_length=1, description="names of all columns, for files without a header line"),
        ] = None,
        separator: Annotated[
            str | None,
            Field(
                min_length=1,
                max_length=1,
                description="column separator; default: comma in .csv, tab in .tsv. If set, files with any extension are read as "
                "tables",
            ),
        ] = None,
        quotes: Annotated[
            bool | None,
            Field(
                description="whether cells may be in double quotes; default: if the separator is a comma. Otherwise quotes are "
                "ordinary characters, and the last column takes the rest of its line"
            ),
        ] = None,
        encoding: Encoding = None,
        labels: Annotated[
            Labels | None,
            Field(
                description="to predict several labels per text: columns of 0 and 1, one per label, or the `column` that lists "
                "the labels, and its `separator`"
            ),
        ] = None,
        numbers: Annotated[
            Columns | None, Field(description="to predict numbers: the columns that hold them, one output for each")
        ] = None,
        tokens: Tokens = "word",
        vocabulary: Vocabulary = 20_000,
        rare: Rare = 2,
        length: Length = None,
        lowercase: Lowercase = True,
        tokenizer: Pretrained = None,
    ) -> None:
        self.path, self.sha256 = path, sha256
        self.text, self.label, self.split, self.group = text, label, split, group
        self.format = rows.Format(columns=columns, separator=separator, quotes=quotes, encoding=encoding)
        self.labels, self.numbers = labels, numbers
        self.tokenization = Tokenization(
            unit=tokens, vocabulary=vocabulary, rare=rare, length=length, lowercase=lowercase
        )
        self.tokenizer = tokenizer

    def fetch(self, raw: Path) -> None:
        """Unpack the archive, or list the tables."""
        place.bring(raw, self.path, self.sha256, plain=rows.ENDINGS)
        pretrained_tokenizer.keep(raw, self.tokenizer)

    def reader(self) -> Reader:
        """Return the reader of texts, after `contents`."""
        from darkroom.data.readers.text import TextReader  # loads the tokenizers

        return TextReader(
            self.tokenization, column=self.text, format=self.format, pretrained=pretrained_tokenizer.kept(self._raw)
        )

    def contents(self, raw: Path) -> Contents:
        """Return one item per row, file by file. Raises ValueError for missing columns and unknown splits."""
        self._raw = raw
        listing = place.listing(raw, self.path)
        tables, others = self._tables(listing.names)
        unused = [*listing.unused, *others]
        asked = target_columns.columns(self.labels, self.numbers)
        needed = [self.text, *(asked or [self.label])]
        wanted = [name for name in (self.split, self.group) if name and name not in needed]
        found: list[tuple[Item, rows.Row]] = []
        strange: list[str] = []
        for name, split in tables:
            file, shown = listing.path(name), readable(name)
            strange += [shown] if rows.encoding(file, shown, self.format) == characters.FALLBACK else []
            for number, row in enumerate(rows.read(file, shown, self.format, needed, wanted), start=1):
                if isinstance(row, Unused):
                    unused.append(row)
                    continue
                row[self.text] = row[self.text][: characters.LONGEST + 1]  # one more tells that it is cut
                where = f"{shown} row {number}"
                item = Item(
                    id=f"{readable(str(PurePosixPath(name).with_suffix('')))}-{number:06}",
                    image=file,
                    text=row[self.text],
                    split=given_split(row.get(self.split, ""), f"{self.path}: {where}") or split,
                    group=row.get(self.group or "") or None,
                    origin=where,
                )
                found.append((item, row))
        left = len(unused) - len(listing.unused) - len(others)
        warnings = [f"rows of the tables left out, listed in excluded.csv: {left}"] if left else []
        if self.format.encoding is None:
            warnings += characters.fallback_warning(strange)
        cells = pd.DataFrame({name: [row[name] for _, row in found] for name in needed[1:]}, dtype=object)
        target = targets.read(cells, self.labels, self.numbers, self.path)
        if target is None:
            labels = [class_name(label) or None for label in text_labels(cells[self.label].tolist())]
            items = [replace(item, label=label) for (item, _), label in zip(found, labels, strict=True)]
            return Contents(items, ordered(name for name in labels if name), tuple(unused), tuple(warnings))
        items = [replace(item, target=value) for (item, _), value in zip(found, target.values, strict=True)]
        return Contents(items, (), tuple(unused), (*warnings, *target.warnings), target=target.target)

    def _tables(self, names: Sequence[str]) -> tuple[list[tuple[str, str | None]], list[Unused]]:
        """Return the tables with the split in their name, and what else there is. Raises ValueError if there is none."""
        tables = [name for name in names if self.format.separator or name.lower().endswith(rows.ENDINGS)]
        if not tables:
            there = ", ".join(map(readable, names[:10])) or "nothing"
            raise ValueError(
                f"data.source.path: {self.path}: expected tables ({', '.join(rows.ENDINGS)}), found {there}; of files with "
                "another extension, name the separator in data.source.separator"
            )
        splits = {name: split_name(PurePosixPath(name).name) for name in tables} if len(tables) > 1 else {}
        unused = [Unused(readable(name), "not a table") for name in names if name not in tables]
        if any(splits.values()):
            unused += [Unused(readable(name), "no split in its name") for name, split in splits.items() if not split]
            return [(name, split) for name, split in splits.items() if split], unused
        return [(name, None) for name in tables], unused
