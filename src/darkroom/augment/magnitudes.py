"""Operations and magnitudes of the published policies, with torchvision's ranges.

Plain Python, because the config's check of `data.label_preserving` uses it. Shears are slopes, translations fractions of the
side (pixels for TrivialAugment), rotations degrees, and factors distances from 1. The value of binary operations, such as
`equalize`, is their probability: 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple


class Range(NamedTuple):
    """Values of an operation from the smallest to the largest magnitude; `signed` ones go either way."""

    start: float
    end: float
    neutral: float = 0.0
    signed: bool = False

    def at(self, magnitude: float) -> float:
        """Return the value at a magnitude from 0 to 1."""
        return self.start + magnitude * (self.end - self.start)


GEOMETRIC = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
OPERATIONS = (
    "identity",
    *GEOMETRIC,
    *("brightness", "saturation", "contrast", "sharpness", "posterize", "solarize"),
    *("autocontrast", "equalize", "invert"),
)
"""All operations: the identity, those that move pixels, then the others."""
BINARY = ("autocontrast", "equalize", "invert")
MAGNITUDES = 30
"""Maximum magnitude of RandAugment and TrivialAugment."""
LEVELS = 9
"""Maximum level of AutoAugment and AugMix."""
DEPTH = 3
"""Maximum number of operations in an AugMix chain; it draws at least one."""
PIXELS = 32
"""Maximum translation of TrivialAugment in pixels, whatever the image size."""


def _ranges(*, shear: float, shift: float, turn: float, factor: float, bits: tuple[float, float]) -> dict[str, Range]:
    """Return the operations that the policies share, in the papers' order."""
    return {
        "identity": Range(0, 0),
        **{name: Range(0, shear, signed=True) for name in ("shear_x", "shear_y")},
        **{name: Range(0, shift, signed=True) for name in ("translate_x", "translate_y")},
        "rotate": Range(0, turn, signed=True),
        **{name: Range(0, factor, signed=True) for name in ("brightness", "saturation", "contrast", "sharpness")},
        "posterize": Range(*bits, neutral=8),
        "solarize": Range(1, 0, neutral=1),
        "autocontrast": Range(1, 1),
        "equalize": Range(1, 1),
    }


RANDAUGMENT = _ranges(shear=0.3, shift=150 / 331, turn=30, factor=0.9, bits=(8, 4))
AUTOAUGMENT = {**RANDAUGMENT, "invert": Range(1, 1)}
AUTOAUGMENT.pop("identity")
TRIVIALAUGMENT = _ranges(shear=0.99, shift=PIXELS, turn=135, factor=0.99, bits=(8, 2))
AUGMIX = _ranges(shear=0.3, shift=1 / 3, turn=30, factor=0.9, bits=(4, 0))
AUGMIX.pop("identity")

Step = tuple[str, float, int]
"""An operation, its probability, and its level."""


def _policy(text: str) -> tuple[tuple[Step, Step], ...]:
    """Parse pairs of steps, one pair per line."""
    pairs = [line.split() for line in text.strip().splitlines()]
    return tuple(
        ((first, float(p), int(level)), (second, float(q), int(other))) for first, p, level, second, q, other in pairs
    )


AUTOAUGMENT_POLICIES = {
    "cifar10": _policy("""
        invert 0.1 0 contrast 0.2 6
        rotate 0.7 2 translate_x 0.3 9
        sharpness 0.8 1 sharpness 0.9 3
        shear_y 0.5 8 translate_y 0.7 9
        autocontrast 0.5 0 equalize 0.9 0
        shear_y 0.2 7 posterize 0.3 7
        saturation 0.4 3 brightness 0.6 7
        sharpness 0.3 9 brightness 0.7 9
        equalize 0.6 0 equalize 0.5 0
        contrast 0.6 7 sharpness 0.6 5
        saturation 0.7 7 translate_x 0.5 8
        equalize 0.3 0 autocontrast 0.4 0
        translate_y 0.4 3 sharpness 0.2 6
        brightness 0.9 6 saturation 0.2 8
        solarize 0.5 2 invert 0 0
        equalize 0.2 0 autocontrast 0.6 0
        equalize 0.2 0 equalize 0.6 0
        saturation 0.9 9 equalize 0.6 0
        autocontrast 0.8 0 solarize 0.2 8
        brightness 0.1 3 saturation 0.7 0
        solarize 0.4 5 autocontrast 0.9 0
        translate_y 0.9 9 translate_y 0.7 9
        autocontrast 0.9 0 solarize 0.8 3
        equalize 0.8 0 invert 0.1 0
        translate_y 0.7 9 autocontrast 0.9 0
        """),
    "imagenet": _policy("""
        posterize 0.4 8 rotate 0.6 9
        solarize 0.6 5 autocontrast 0.6 0
        equalize 0.8 0 equalize 0.6 0
        posterize 0.6 7 posterize 0.6 6
        equalize 0.4 0 solarize 0.2 4
        equalize 0.4 0 rotate 0.8 8
        solarize 0.6 3 equalize 0.6 0
        posterize 0.8 5 equalize 1 0
        rotate 0.2 3 solarize 0.6 8
        equalize 0.6 0 posterize 0.4 6
        rotate 0.8 8 saturation 0.4 0
        rotate 0.4 9 equalize 0.6 0
        equalize 0 0 equalize 0.8 0
        invert 0.6 0 equalize 1 0
        saturation 0.6 4 contrast 1 8
        rotate 0.8 8 saturation 1 2
        saturation 0.8 8 solarize 0.8 7
        sharpness 0.4 7 invert 0.6 0
        shear_x 0.6 5 equalize 1 0
        saturation 0.4 0 equalize 0.6 0
        equalize 0.4 0 solarize 0.2 4
        solarize 0.6 5 autocontrast 0.6 0
        invert 0.6 0 equalize 1 0
        saturation 0.6 4 contrast 1 8
        equalize 0.8 0 equalize 0.6 0
        """),
    "svhn": _policy("""
        shear_x 0.9 4 invert 0.2 0
        shear_y 0.9 8 invert 0.7 0
        equalize 0.6 0 solarize 0.6 6
        invert 0.9 0 equalize 0.6 0
        equalize 0.6 0 rotate 0.9 3
        shear_x 0.9 4 autocontrast 0.8 0
        shear_y 0.9 8 invert 0.4 0
        shear_y 0.9 5 solarize 0.2 6
        invert 0.9 0 autocontrast 0.8 0
        equalize 0.6 0 rotate 0.9 3
        shear_x 0.9 4 solarize 0.3 3
        shear_y 0.8 8 invert 0.7 0
        equalize 0.9 0 translate_y 0.6 6
        invert 0.9 0 equalize 0.6 0
        contrast 0.3 3 rotate 0.8 4
        invert 0.8 0 translate_y 0 2
        shear_y 0.7 6 solarize 0.4 8
        invert 0.6 0 rotate 0.8 4
        shear_y 0.3 7 translate_x 0.9 3
        shear_x 0.1 6 invert 0.6 0
        solarize 0.7 2 translate_y 0.6 7
        shear_y 0.8 4 invert 0.8 0
        shear_x 0.7 9 translate_y 0.8 3
        shear_y 0.8 5 autocontrast 0.7 0
        shear_x 0.7 2 invert 0.1 0
        """),
}
"""The pairs of steps AutoAugment found on each data set: operation, probability and level, twice."""


def reach(name: str, options: Mapping[str, Any]) -> dict[str, float]:
    """Return the maximum distance of each of a policy's operations from the identity.

    Units are degrees for `rotate` and `shear`, fractions of the side for `translate` (TrivialAugment's 32 pixels count as the
    whole side, as they are for the 32-pixel images it was made for), removed bits for `posterize`, and the distance from 1
    for factors such as `brightness`; binary operations have 1. If an image may be moved twice in the same way, distances
    add up. Raises ValueError for other transforms.
    """
    ranges, chains = _chains(name, options)
    far: dict[str, float] = {}
    for chain in chains:
        gone: dict[str, float] = {}
        for operation, magnitude in chain:
            distance = abs(ranges[operation].at(magnitude) - ranges[operation].neutral)
            before = gone.get(operation, 0.0)
            gone[operation] = before + distance if operation in GEOMETRIC else max(before, distance)
        for operation, distance in gone.items():
            plain = operation.removesuffix("_x").removesuffix("_y")
            far[plain] = max(far.get(plain, 0.0), distance)
    if "shear" in far:
        far["shear"] = math.degrees(math.atan(far["shear"]))
    if "posterize" in far:
        far["posterize"] = round(far["posterize"])
    if name == "trivialaugment_wide":
        far["translate"] /= PIXELS
    return {operation: distance for operation, distance in far.items() if distance}


def _chains(name: str, options: Mapping[str, Any]) -> tuple[dict[str, Range], list[list[tuple[str, float]]]]:
    """Return a policy's ranges and the sequences of operations, with magnitudes from 0 to 1, that an image may get."""
    if name == "autoaugment":
        share = options["magnitude"] / LEVELS
        pairs = AUTOAUGMENT_POLICIES[options["policy"]]
        return AUTOAUGMENT, [[(operation, level * share) for operation, p, level in pair if p] for pair in pairs]
    if name == "randaugment":
        ranges, magnitude, times = RANDAUGMENT, options["magnitude"] / MAGNITUDES, options["operations"]
    elif name == "trivialaugment_wide":
        ranges, magnitude, times = TRIVIALAUGMENT, options["magnitude"] / MAGNITUDES, 1
    elif name == "augmix":
        ranges, magnitude, times = AUGMIX, (options["severity"] - 1) / LEVELS, options["depth"] or DEPTH
    else:
        raise ValueError(f"{name} is none of the policies autoaugment, randaugment, trivialaugment_wide, augmix")
    return ranges, [[(operation, magnitude)] * times for operation in ranges]
