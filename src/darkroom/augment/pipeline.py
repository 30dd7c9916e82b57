"""Offline transforms in order, reproducible: a draw depends only on the policy's seed, the item and the copy.

Albumentations gives every transform of a composition the same seed (`set_random_seed`), so all draw the same numbers and,
say, every flipped image is also rotated left. Here the transforms share one stream, reseeded for each draw.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom import registry
from darkroom.settings import Section

OMITTED = frozenset(
    {"shape", "output_shape", "interpolation", "fill", "fill_mask", "mask", "seed", "kernel"}
    | {"bbox_matrix", "matrix_bbox", "max_height", "max_width"}
)
"""Albumentations parameters left out of the record: derived from the image, config or other parameters, or meaningless."""
LONGEST = 64
"""Maximum size of integer arrays in the record."""


class Drawn(NamedTuple):
    """One transformed copy (H, W, C) uint8, its mask (H, W) if there is one, and what was applied as JSON."""

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None
    applied: str


class Pipeline:
    """Transforms in order, for images of one size (height, width)."""

    def __init__(self, transforms: Sequence[Section], size: tuple[int, int], *, seed: int) -> None:
        self._seed = seed
        self._bits = np.random.PCG64(0)
        generator = np.random.Generator(self._bits)
        self._numbers = Numbers(generator)
        self._steps = [(options.name, build(options, size)) for options in transforms]  # type: ignore[attr-defined]
        for _, transform in self._steps:
            transform.set_random_state(generator, self._numbers)

    def draw(self, image: NDArray[np.uint8], mask: NDArray[np.uint8] | None = None, *, item: str, copy: int) -> Drawn:
        """Make copy number `copy` of an item; image (H, W, C) uint8, mask (H, W) uint8.

        Inputs are not modified; if no transform applies, the input itself is returned.
        """
        self._begin(item, copy)
        data: dict[str, Any] = {"image": image} if mask is None else {"image": image, "mask": mask}
        applied = []
        for name, transform in self._steps:
            data = transform(**data)
            if transform.params:  # empty if not applied
                applied.append(_record(name, transform.params))
        return Drawn(data["image"], data.get("mask"), f"[{','.join(applied)}]")

    def _begin(self, item: str, copy: int) -> None:
        """Set both generators to this draw's state; creating new generators would take ten times as long."""
        key = hashlib.blake2b(f"{self._seed}/{copy}/{item}".encode(), digest_size=32).digest()
        state, increment = int.from_bytes(key[:16], "little"), int.from_bytes(key[16:], "little") | 1
        self._bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": state, "inc": increment},
            "has_uint32": 0,
            "uinteger": 0,
        }
        self._numbers.begin()


class Numbers(random.Random):
    """A `random.Random` that draws from a NumPy generator; seeding Python's own is slower than a light transform."""

    def __init__(self, source: np.random.Generator) -> None:
        super().__init__()
        self._source = source
        self.begin()

    def begin(self) -> None:
        """Discard buffered numbers after the source's state was reset."""
        self._ahead: Iterator[float] = iter(())
        self.gauss_next = None

    def random(self) -> float:
        """Return the next number in [0, 1)."""
        for number in self._ahead:
            return number
        self._ahead = iter(self._source.random(16).tolist())
        return next(self._ahead)

    def getrandbits(self, k: int) -> int:
        """Return the next k bits."""
        return int.from_bytes(self._source.bytes(-(-k // 8)), "little") >> (-k % 8)


def build(options: Section, size: tuple[int, int]) -> Any:
    """Build the Albumentations transform for these options and images of this size (height, width)."""
    kind, name = options.__class__.plugin  # type: ignore[attr-defined]
    handed = {"size": size} if registry.entry(kind, name).takes("size") else {}
    return registry.build(options, **handed)


def _record(name: str, params: dict[str, Any]) -> str:
    """Return one applied transform as JSON: its name and drawn numbers, without matrices or noise fields.

    Formatted by hand: the json module would take as long as an affine transform of a small image.
    """
    text = f'{{"name":"{name}"'
    for key, value in params.items():
        if key in OMITTED:
            continue
        if isinstance(value, float | int):
            text += f',"{key}":{value:.5g}'
        elif isinstance(value, dict):
            text += f',"{key}":{{' + ",".join([f'"{axis}":{number:.5g}' for axis, number in value.items()]) + "}"
        elif isinstance(value, tuple):
            text += f',"{key}":[' + ",".join([str(number) for number in value]) + "]"
        elif value.dtype.kind == "i" and value.size <= LONGEST:
            text += f',"{key}":{value.tolist()}'
    return text + "}"
