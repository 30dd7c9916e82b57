"""Which values mean black and white in images deeper than 8 bits: one range per data set, so images stay comparable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkroom.data import decode
from darkroom.data.item import Pixels, UnreadableError

KINDS = {"whole": "whole numbers", "fractions": "fractions"}
"""Kinds of numbers in words; deep images have one range for each kind."""


def value_range(low: float, high: float, *, whole: bool) -> tuple[float, float]:
    """Return the values that become 0 and 255, for images whose values span `low` to `high`.

    Whole numbers: from 0 to the top of the smallest of 8, 10, 12, 14, 16, 24 and 32 bits that holds them all, so that
    12-bit images stored in 16 bits are not almost black. Fractions: 0..1, -1..1 or 0..255, the first that holds them
    all. Anything else is stretched from `low` to `high`.
    """
    if whole and low >= 0:
        return 0, next((2**bits - 1 for bits in (8, 10, 12, 14, 16, 24, 32) if high < 2**bits), high)
    if not whole:
        for bottom, top in ((0, 1), (-1, 1), (0, 255)):
            if bottom <= low and high <= top:
                return bottom, top
    return low, max(high, low + 1)


class Levels:
    """The ranges of a data set, measured over all images when first needed.

    `known` is the range of all deep images if the source knows it; `used` holds ranges found earlier, by kind of number.
    """

    def __init__(
        self,
        images: Sequence[Pixels],
        known: tuple[float, float] | None = None,
        used: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        self.images, self.known = images, known
        self.used = dict(used or {})
        """The ranges applied, by kind of number."""

    def pixels(self, image: Pixels) -> NDArray[np.uint8]:
        """Decode an image to (H, W, 1) gray or (H, W, 3) RGB. Raises UnreadableError."""
        values = decode.native(image)
        return decode.color(values if values.dtype == np.uint8 else self.to_uint8(values))

    def to_uint8(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Scale values of any other type to 0..255. Raises UnreadableError if some are not finite."""
        if values.dtype == np.bool_:
            return values.astype(np.uint8) * np.uint8(255)
        decode.refuse_not_finite(values)
        black, white = self._range(_kind(values))
        scaled = (values.astype(np.float64) - black) * (255 / (white - black))
        return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)

    def _range(self, kind: str) -> tuple[float, float]:
        if kind not in self.used:
            self.used[kind] = self.known or self._measured(kind)
        return self.used[kind]

    def _measured(self, kind: str) -> tuple[float, float]:
        low, high = np.inf, -np.inf
        for image in self.images:
            try:
                values = decode.native(image) if decode.head(image).deep else None
                if values is None or values.dtype == np.uint8 or _kind(values) != kind:
                    continue
                decode.refuse_not_finite(values)
            except UnreadableError:
                continue  # listed when it is decoded
            low, high = min(low, float(values.min())), max(high, float(values.max()))
        if low > high:
            raise UnreadableError(
                f"deeper than 8 bits ({KINDS[kind]}), unlike every image of the data set: which values mean black and white "
                "is unknown"
            )
        return value_range(low, high, whole=kind == "whole")


def _kind(values: NDArray[Any]) -> str:
    return "fractions" if values.dtype.kind == "f" else "whole"
