"""Five worked examples of dropout, each by both conventions. Plain numbers: no network, no draws.

A unit is dropped with probability p and kept with q = 1 - p. Inverted dropout divides the kept units by q in training and
changes nothing in testing; test-time scaling leaves the kept units alone and multiplies all of them by q in testing.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Values:
    """What dropout makes of activations: in training under one mask, in testing, and in testing divided by q by mistake."""

    train: Floats
    test: Floats
    slip: Floats


def inverted(h: Floats, kept: Floats, q: float) -> Values:
    """Return inverted dropout of activations (D,) under a mask (D,) of 0 and 1; the slip scales in testing as well."""
    return Values(h * kept / q, h, h / q)


def scaled_in_testing(h: Floats, kept: Floats, q: float) -> Values:
    """Return dropout with test-time scaling; the slip divides by q instead of multiplying."""
    return Values(h * kept, h * q, h / q)


def kept_exactly(kept: int, units: int, q: float) -> float:
    """Return the binomial probability that exactly `kept` of `units` survive."""
    return math.comb(units, kept) * q**kept * (1 - q) ** (units - kept)


def over_masks(w: Floats, h: Floats, b: float, q: float) -> tuple[Floats, Floats]:
    """Return the probability of each of the 2^D masks and its pre-activation w·(m h / q) + b under inverted dropout."""
    masks = np.array(list(itertools.product([0.0, 1.0], repeat=len(h))))
    return np.prod(np.where(masks == 1, q, 1 - q), axis=1), (masks * h / q) @ w + b


def examples() -> dict[str, dict[str, float | list[float]]]:
    """Work out the five examples: one unit, twenty units, a layer, a neuron, and all masks of a neuron."""
    unit, kept, q = np.array([8.0]), np.array([1.0]), 0.8
    h, mask, half = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 0.0, 1.0, 0.0]), 0.5
    w, b = np.array([0.5, -1.0, 0.25, 1.0]), -2.0
    by = {name: how(h, mask, half) for name, how in (("inverted", inverted), ("classic", scaled_in_testing))}
    chances, outputs = over_masks(w, h, b, half)
    mean = float(chances @ outputs)
    return {
        "a": {
            "inverted_train": _one(inverted(unit, kept, q).train),
            "inverted_test": _one(inverted(unit, kept, q).test),
            "classic_train": _one(scaled_in_testing(unit, kept, q).train),
            "classic_test": _one(scaled_in_testing(unit, kept, q).test),
            "slip": _one(scaled_in_testing(unit, kept, q).slip),
        },
        "b": {
            "mean": 20 * 0.7,
            "std": math.sqrt(20 * 0.7 * 0.3),
            "exactly_14": kept_exactly(14, 20, 0.7),
            "none": kept_exactly(0, 20, 0.7),
        },
        "c": {
            **{f"{name}_{when}": _listed(getattr(by[name], when)) for name in by for when in ("train", "test")},
            "slip": _listed(by["classic"].slip),
        },
        "d": {
            "inverted": float(w @ by["inverted"].test + b),
            "classic": float(w @ by["classic"].test + b),
            "slip": float(w @ by["classic"].slip + b),
        },
        "e": {
            "masks": float(len(outputs)),
            "mean": mean,
            "test": float(w @ h + b),
            "std": math.sqrt(float(chances @ (outputs - mean) ** 2)),
            "std_formula": math.sqrt(float((1 - half) / half * (w * h) @ (w * h))),
            "relu_mean": float(chances @ np.maximum(outputs, 0)),
            "relu_test": max(0.0, float(w @ h + b)),
        },
    }


def _one(values: Floats) -> float:
    return float(values[0])


def _listed(values: Sequence[float] | Floats) -> list[float]:
    return [float(value) for value in values]
