"""The command `generate sample`: draw new samples from a trained generator and write them as files.

    images/        of images: 00000.png and so on
    samples.csv    or .parquet. Images: path, label: one row per image, without a label for a model without classes. Rows of a
                   table: its columns, and that of the class
    summary.json   the number of samples, the seed, and the weights that they belong to

The table is one that the source `manifest`, or of rows `table`, reads.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import files, registry, settings
from darkroom.data import incoming, table
from darkroom.data.kind import PLURAL, SINGULAR, SampleKind
from darkroom.fit.model import intact_weights, parts, read_about, say_if_kept
from darkroom.generate.drawn.kind import Drawn
from darkroom.generate.model import CHUNK, GenerativeModel, even_labels, read_generator

SAMPLES, SUMMARY = "samples", "summary.json"
COUNT = 100
"""Samples that are drawn by default."""


def run(
    *,
    model: Path,
    classes: str | None = None,
    n: int | None = None,
    seed: int = 0,
    format: str = "csv",
    out: Path,
) -> None:
    """Draw `n` samples, by default 100, from the generator in `model`, the folder of a seed.

    `classes` are names with commas between them, which take turns; by default all. The same seed draws the same samples. The
    table's `format` is csv or parquet. Raises ValueError for unknown classes, and if `out` is not a result of this command.
    """
    name = table.file_name(SAMPLES, format)
    generator = read_trained_generator(model)
    chosen = None if classes is None else next(csv.reader([classes], skipinitialspace=True))
    count = COUNT if n is None else n
    numbers = generator.numbers(count, None if chosen is None else [chosen[k % len(chosen)] for k in range(count)])
    incoming.check_out(out.resolve(), table.file_names(SAMPLES), "generate sample", {"model": model.resolve()})
    named = [generator.classes[k] if generator.network.classes else None for k in numbers.tolist()]
    with files.folder(out.resolve()) as fresh:
        batches = generator.sample(numbers, seed)
        written = generator.drawn.write(batches, named, model=generator.folder, folder=fresh, name=name)
        what = PLURAL[generator.kind]
        files.write_json(fresh / SUMMARY, {what: count, "seed": seed, "weights": generator.weights})
    print(f"{count:,} {what}: {out}/{written}")


@dataclass(frozen=True, eq=False)
class TrainedGenerator:
    """A generator with the sampling options of its evaluation, its class names, and the sha256 of its weights."""

    network: GenerativeModel
    classes: tuple[str, ...]
    weights: str
    kind: SampleKind
    folder: Path
    """That of the model."""

    @property
    def drawn(self) -> Drawn:
        """What it draws."""
        found: Drawn = registry.load("drawn samples", self.kind)()
        return found

    def numbers(self, count: int, labels: Sequence[str | int] | None = None) -> Tensor:
        """Return the class number of each sample (count,) from names or numbers; without them the classes take turns.

        Raises ValueError for unknown classes, labels of a model without classes, and fewer than one sample.
        """
        if count < 1:
            raise ValueError(f"got a count of {count}; expected at least 1")
        if labels is None:
            return even_labels(count, self.network.classes)
        if len(labels) != count:
            raise ValueError(
                f"got {len(labels)} labels for {count} {PLURAL[self.kind]}; expected one, or one per {SINGULAR[self.kind]}"
            )
        return torch.tensor([self._number(label) for label in labels])

    def sample(self, numbers: Tensor, seed: int) -> Iterator[NDArray[Any]]:
        """Yield samples (B, ...) of these classes as a store holds them, a batch in memory at a time.

        The same seed gives the same samples.
        """
        draws, drawn = torch.Generator().manual_seed(seed), self.drawn
        for part in numbers.split(CHUNK):
            with torch.inference_mode():
                yield drawn.stored(self.network.sample(part, draws))

    def _number(self, label: str | int) -> int:
        if not self.network.classes:
            raise ValueError(
                "the model is unconditional and takes no labels; set its conditional: true and train it again"
            )
        if isinstance(label, str) and label in self.classes:
            return self.classes.index(label)
        if isinstance(label, int) and 0 <= label < len(self.classes):
            return label
        raise ValueError(f"no class {settings.quoted(label)}.{settings.choice(str(label), self.classes)}")


def read_trained_generator(folder: Path) -> TrainedGenerator:
    """Load the generator in the folder of a seed, or in its `model` folder.

    Raises FileNotFoundError if there is no model, and ValueError if it is of another kind or its weights are damaged.
    """
    model, evaluation = parts(folder)
    about = read_about(model)
    if about.kind != "generator":
        raise ValueError(
            f"{folder} holds {about.what}, not a generator; give a folder such as results/NAME/generate/MODEL/seed-0"
        )
    weights = intact_weights(model)
    say_if_kept(model)
    record = evaluation / files.RECORD
    whole = (evaluation / files.MANIFEST).is_file() and record.is_file()
    chosen = files.read_json(record)["spec"]["generator"] if whole else about.plugin
    options = registry.options("generator", chosen["name"]).model_validate(chosen)
    return TrainedGenerator(read_generator(model, options), about.classes, weights, about.samples, model)
