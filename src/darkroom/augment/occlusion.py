"""How much of an image strength may hide: the strongest occlusion, too, leaves something to see."""

from __future__ import annotations

import math

MOST = 0.8
"""Strength alone hides no greater share of an image's area; a setting that asks for more itself gets it."""

AMOUNTS = {"cutout": "size", "random_erasing": "area", "grid_dropout": "ratio"}
"""Each transform that hides a part of the image, with the option that says how much."""


def hidden(name: str, amount: float, holes: int = 1) -> float:
    """The share of an image's area, up to 1, that an occlusion of this amount hides at most."""
    return amount if name == "random_erasing" else min(1.0, holes * amount**2)


def limit(name: str, amount: float, holes: int = 1) -> float:
    """How far strength may raise an amount: the area for `random_erasing`, else the side of a hole."""
    return max(amount, MOST if name == "random_erasing" else math.sqrt(MOST / holes))
