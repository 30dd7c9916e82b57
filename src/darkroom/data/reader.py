"""What reads the samples of each kind into a store; splitting them and all that follows is the same for every kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.data.item import Contents, Item, Unused
from darkroom.data.kind import SampleKind, Shape
from darkroom.data.twins import Twins


@dataclass
class Read:
    """The items that could be read, in order, and what was found while reading."""

    items: list[Item] = field(default_factory=list)
    fingerprints: list[str] = field(default_factory=list)
    """Equal for equal samples."""
    masks: list[int] = field(default_factory=list)
    """The row of each item's mask in `masks.npy`, -1 for none."""
    excluded: list[Unused] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    """Further columns of the store's table, such as the texts themselves."""
    shape: Shape = ()
    """For the data card: (height, width, channels) of images; of other samples, the shape that networks take."""


class Reader(Protocol):
    """Reads one kind of sample; a source of other samples than images returns one from its method `reader`."""

    kind: SampleKind

    def read(self, contents: Contents, root: Path) -> Read:
        """Read every item; those that cannot be read are listed. Raises ValueError if none is left.

        `samples.npy` is written here or, if it depends on the splits, in `finish`.
        """

    def twins(self, root: Path, rows: NDArray[np.int64]) -> Twins:
        """Find the near-duplicates among these rows of the items just read, which have no copies; see `twins.NONE`."""

    def finish(self, root: Path, table: pd.DataFrame) -> Shape | None:
        """Write what depends on the splits in `table`, the store's table, and `preparation.json`.

        Returns the shape that networks take, None for images, whose shape follows from the samples.
        """

    def describe(self) -> str:
        """Return what one sample is, for the data card: its size, and what else matters about all of them."""


def nothing(contents: Contents, excluded: Sequence[Unused], what: str) -> str:
    """Return the error for a source without a single readable file; `what` is the name of one sample."""
    if not excluded:
        return f"data.source: holds no {what}s"
    origin, reason = excluded[0]
    count = max(len(contents.items), len(excluded))
    return f"data.source: none of its {count} files is a readable {what}; {origin!r}: {reason}"
