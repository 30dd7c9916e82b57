"""A policy ready to draw from: every draw depends on the policy's seed, the item and the copy, and on nothing else.

Albumentations seeds each transform of a composition alike (`set_random_seed`), so that all of them draw the same
numbers: what flips always rotates left. Here the transforms share one stream, reseeded for each draw.
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

UNTOLD = frozenset(
    {"shape", "output_shape", "interpolation", "fill", "fill_mask", "mask", "seed", "kernel"}
    | {"bbox_matrix", "matrix_bbox", "max_height", "max_width"}
)
"""Parameters of Albumentations that follow from the image, the config or other parameters, or that say nothing."""
LONGEST = 64
"""Arrays of more whole numbers are not told."""


class Drawn(NamedTuple):
    """One transformed copy: (H, W, C) uint8, its mask (H, W) if there is one, and what was applied as JSON."""

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
        """The copy of that number of an item; image (H, W, C) uint8, mask (H, W) uint8.

        Inputs are left alone; the result may be the input itself where no transform was drawn.
        """
        self._begin(item, copy)
        data: dict[str, Any] = {"image": image} if mask is None else {"image": image, "mask": mask}
        applied = []
        for name, transform in self._steps:
            data = transform(**data)
            if transform.params:  # empty when its coin said no
                applied.append(_told(name, transform.params))
        return Drawn(data["image"], data.get("mask"), f"[{','.join(applied)}]")

    def _begin(self, item: str, copy: int) -> None:
        """Put both generators into the state that belongs to this draw; new generators would take ten times as long."""
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
    """Python's random numbers, taken from a NumPy generator: seeding Python's own is slower than a light transform."""

    def __init__(self, source: np.random.Generator) -> None:
        super().__init__()
        self._source = source
        self.begin()

    def begin(self) -> None:
        """Forget numbers taken ahead, as the source was given another state."""
        self._ahead: Iterator[float] = iter(())
        self.gauss_next = None

    def random(self) -> float:
        """The next number from 0 to below 1."""
        for number in self._ahead:
            return number
        self._ahead = iter(self._source.random(16).tolist())
        return next(self._ahead)

    def getrandbits(self, k: int) -> int:
        """The next k bits."""
        return int.from_bytes(self._source.bytes(-(-k // 8)), "little") >> (-k % 8)


def build(options: Section, size: tuple[int, int]) -> Any:
    """The Albumentations transform that these options name, for images of this size (height, width)."""
    kind, name = options.__class__.plugin  # type: ignore[attr-defined]
    handed = {"size": size} if registry.entry(kind, name).takes("size") else {}
    return registry.build(options, **handed)


def _told(name: str, params: dict[str, Any]) -> str:
    """One applied transform as JSON: its name and the numbers drawn, but no matrices or fields of noise.

    Written by hand: the json module would take as long as an affine transform of a small image.
    """
    text = f'{{"name":"{name}"'
    for key, value in params.items():
        if key in UNTOLD:
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
