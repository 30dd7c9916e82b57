"""Limits on occlusion: even at the highest strength, part of the image stays visible."""

from __future__ import annotations

import math

MOST = 0.8
"""Maximum fraction of an image's area that `strength` may hide; an option that itself hides more is kept."""

AMOUNTS = {"cutout": "size", "random_erasing": "area", "grid_dropout": "ratio"}
"""Occluding transforms, each with the option that controls how much it hides."""


def hidden(name: str, amount: float, holes: int = 1) -> float:
    """Return the maximum fraction of an image's area that an occlusion of this amount hides, at most 1."""
    return amount if name == "random_erasing" else min(1.0, holes * amount**2)


def limit(name: str, amount: float, holes: int = 1) -> float:
    """Return the maximum to which strength may raise an amount: the area for `random_erasing`, else a hole's side."""
    return max(amount, MOST if name == "random_erasing" else math.sqrt(MOST / holes))
