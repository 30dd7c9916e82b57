"""What a model got wrong about the test images, by the kind of its target: what is worth showing, and what is tested.

Every kind chooses images, each for one output of the network, and lists its errors; pictures, maps and tests follow from that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

SHOWN, EXAMPLES = 9, 5
"""Images per strip; fewer where there are many strips."""
PAIRS = 5
"""Pairs of classes or labels."""
SEVERAL = 5
"""Labels or numbers with strips of their own."""

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Shown:
    """Test images (n,), each with the output of the network (n,) that it is shown for: a class, label or number."""

    places: Places
    outputs: Places


@dataclass(frozen=True)
class Pair:
    """Two classes or labels that are mistaken together: how often, and the images that show it.

    `confused`: `predicted` was predicted for images of `true`; `missed`: both labels were missed. `expected` is how often
    labels would be mistaken together if their mistakes were independent, and `p` is adjusted for the number of pairs tested;
    None for classes, which are counted and not tested.
    """

    kind: str
    true: int
    predicted: int
    count: int
    shown: Shown
    expected: float | None = None
    p: float | None = None


@dataclass(frozen=True)
class Errors:
    """The errors (N,) of one output, or of all: 0 or 1, or `sized`, the absolute error.

    Attributes that predict errors are compared within the `strata` (N,), too.
    """

    values: Floats
    strata: Places
    output: int | None = None
    sized: bool = False


class Mistakes(Protocol):
    """A model's answers for N test images."""

    @property
    def mistakes(self) -> int | None:
        """The number of images with a mistake; None for numbers, which are never exact."""

    def strips(self) -> dict[str, Shown]:
        """Return images by the name of their strip, the most telling first; names end with `-k` where they are of output k."""

    def pairs(self) -> tuple[list[Pair], int]:
        """Return pairs of classes or labels, and the number of those that were tested."""

    def errors(self) -> list[Errors]:
        """Return what attributes may predict."""

    def maps(self, shown: Shown) -> dict[str, tuple[Places, int]]:
        """Return, by the names of their panels, outputs (n,) and 1 for what raises them or -1 for what lowers them."""

    def item(self, place: int, output: int) -> dict[str, Any]:
        """Describe an image that is shown for an output."""

    def points(self, places: Places) -> Mapping[str, Any]:
        """Return the answers for some images, for the embedding map."""


def lowest(places: Places, values: Floats, *, most: int = SHOWN) -> Places:
    """Return the places with the lowest values, lowest first."""
    found: Places = places[np.argsort(values, kind="stable")][:most]
    return found
