"""The command `generate sample`: draw new images from a trained generator and write them as PNG files.

    images/        00000.png and so on
    samples.csv    or .parquet: path, label: one row per image, without a label for a model without classes
    summary.json   the number of images, the seed, and the weights that they belong to

The table is one that the source `manifest` reads.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import files, registry, settings, sheets
from darkroom.data import incoming, table
from darkroom.fit.batches import as_bytes
from darkroom.fit.model import intact_weights, parts, read_about, say_if_kept
from darkroom.generate.model import CHUNK, GenerativeModel, even_labels, read_generator

SAMPLES, IMAGES, SUMMARY = "samples", "images", "summary.json"
COLUMNS: table.Columns = {"path": "text", "label": "text"}
COUNT = 100
"""Images that are drawn by default."""


def run(
    *,
    model: Path,
    classes: str | None = None,
    n: int | None = None,
    seed: int = 0,
    format: str = "csv",
    out: Path,
) -> None:
    """Draw `n` images, by default 100, from the generator in `model`, the folder of a seed.

    `classes` are names with commas between them, which take turns; by default all. The same seed draws the same images. The
    table's `format` is csv or parquet. Raises ValueError for unknown classes, and if `out` is not a result of this command.
    """
    name = table.file_name(SAMPLES, format)
    generator = read_trained_generator(model)
    chosen = None if classes is None else next(csv.reader([classes], skipinitialspace=True))
    count = COUNT if n is None else n
    numbers = generator.numbers(count, None if chosen is None else [chosen[k % len(chosen)] for k in range(count)])
    incoming.check_out(out.resolve(), table.file_names(SAMPLES), "generate sample", {"model": model.resolve()})
    with files.folder(out.resolve()) as fresh:
        table.write(fresh / name, COLUMNS, _written(generator, numbers, seed, fresh), total=count)
        files.write_json(fresh / SUMMARY, {"images": count, "seed": seed, "weights": generator.weights})
    print(f"{count:,} images: {out}/{IMAGES} and {name}")


@dataclass(frozen=True, eq=False)
class TrainedGenerator:
    """A generator with the sampling options of its evaluation, its class names, and the sha256 of its weights."""

    network: GenerativeModel
    classes: tuple[str, ...]
    weights: str

    def numbers(self, count: int, labels: Sequence[str | int] | None = None) -> Tensor:
        """Return the class number of each image (count,) from names or numbers; without them the classes take turns.

        Raises ValueError for unknown classes, labels of a model without classes, and fewer than one image.
        """
        if count < 1:
            raise ValueError(f"got a count of {count}; expected at least 1")
        if labels is None:
            return even_labels(count, self.network.classes)
        if len(labels) != count:
            raise ValueError(f"got {len(labels)} labels for {count} images; expected one, or one per image")
        return torch.tensor([self._number(label) for label in labels])

    def sample(self, numbers: Tensor, seed: int) -> Iterator[NDArray[np.uint8]]:
        """Yield images (B, H, W, C) of these classes, a batch in memory at a time; the same seed gives the same images."""
        draws = torch.Generator().manual_seed(seed)
        for part in numbers.split(CHUNK):
            with torch.inference_mode():
                yield as_bytes(self.network.sample(part, draws))

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
    return TrainedGenerator(read_generator(model, options), about.classes, weights)


def _written(generator: TrainedGenerator, numbers: Tensor, seed: int, folder: Path) -> Iterator[tuple[str, str | None]]:
    """Write the images, and yield the row of each."""
    (folder / IMAGES).mkdir()
    digits = max(5, len(str(len(numbers) - 1)))
    drawn = (image for batch in generator.sample(numbers, seed) for image in batch)
    for count, (image, number) in enumerate(zip(drawn, numbers.tolist(), strict=True)):
        path = f"{IMAGES}/{count:0{digits}}.png"
        sheets.save_image(image[..., 0] if image.shape[2] == 1 else image, folder / path)
        yield path, generator.classes[number] if generator.network.classes else None
