"""Rows of tables that generators draw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.data import table
from darkroom.data.store import Store
from darkroom.data.tabular.columns import Column, decode
from darkroom.data.tabular.incoming import class_column, read_columns
from darkroom.generate.drawn.kind import Samples, Shown
from darkroom.generate.evaluation.marginals import draw_marginals
from darkroom.generate.evaluation.spaces import FeatureExtractor, JudgeClassifier
from darkroom.nets.table.inputs import Encoded
from darkroom.registry import register


@register("drawn samples", "table")
class DrawnRows:
    """Rows (N, D) as a store holds them."""

    def stored(self, samples: Tensor) -> Samples:
        """Return the same numbers."""
        found: NDArray[np.float32] = samples.numpy()
        return found

    def space(self, judge: JudgeClassifier, store: Store) -> FeatureExtractor:
        """Return the vectors of rows; see `vectors`."""
        return vectors(store)

    def show(self, store: Store, rows: NDArray[np.int64], drawn: Sequence[Shown], *, data: Path, path: Path) -> None:
        """Plot the distribution of the first columns, of the classes that were filled up."""
        labels = [label for label, _, _ in drawn]
        parts = {
            "training rows": store.samples[rows[np.isin(store.labels[rows], labels)]],
            "kept": np.concatenate([kept for _, kept, _ in drawn]),
            "rejected": np.concatenate([refused for _, _, refused in drawn]),
        }
        draw_marginals(parts, read_columns(data), path)

    def write(
        self, batches: Iterable[Samples], labels: Sequence[str | None], *, model: Path, folder: Path, name: str
    ) -> str:
        """Write a table with the columns of the training data, and the column of its class if samples have one."""
        columns, target = read_columns(model), class_column(model)
        kinds: dict[str, table.Cells] = {
            column.name: "number" if column.kind == "number" else "text" for column in columns
        }
        if labels[0] is not None:
            kinds[target] = "text"
        table.write(folder / name, kinds, _cells(batches, labels, columns), total=len(labels))
        return name


def _cells(batches: Iterable[Samples], labels: Sequence[str | None], columns: list[Column]) -> Iterator[list[Any]]:
    """Yield the cells of each row, with its class if it has one."""
    rows = (row for batch in batches for row in zip(*decode(batch, columns), strict=True))
    for row, label in zip(rows, labels, strict=True):
        yield [*row, *([] if label is None else [label])]


def vectors(store: Store) -> FeatureExtractor:
    """Return a function from rows (N, D) to vectors (N, E) whose Euclidean distances compare rows.

    Numbers are standardized by the training rows, with an indicator of missing ones, and categories are one-hot.
    """
    encoded = Encoded(store.shape)
    encoded.cells.adapt(np.asarray(store.samples[store.rows("train")]))

    def extract(rows: NDArray[Any]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = encoded(torch.from_numpy(np.array(rows, np.float32))).numpy()
        return found

    return extract
