"""Transforms of waveforms in order, reproducible: a draw depends only on the policy's seed, the item and the copy.

audiomentations draws from Python's and NumPy's global generators. They are seeded for each draw, and their states restored.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkroom import registry
from darkroom.data.sound import FULL
from darkroom.settings import Section

OMITTED = frozenset({"should_apply", "number", "noise"})
"""Parameters left out of the record."""


class Sounded(NamedTuple):
    """One transformed copy (T,) int16, and what was applied as JSON."""

    waveform: NDArray[np.int16]
    applied: str


class SoundPipeline:
    """Transforms in order, for waveforms of one rate in hertz."""

    def __init__(self, transforms: Sequence[Section], rate: int, *, seed: int) -> None:
        self._seed, self._rate = seed, rate
        self._steps = [(options.name, _build(options, rate)) for options in transforms]  # type: ignore[attr-defined]

    def draw(self, waveform: NDArray[np.int16], *, item: str, copy: int) -> Sounded:
        """Make copy number `copy` of an item from its waveform (T,) int16, which is not modified."""
        samples = waveform.astype(np.float32) / FULL
        applied = []
        with _seeded(f"{self._seed}/{copy}/{item}"):
            for name, transform in self._steps:
                samples = transform(samples, self._rate)
                if transform.parameters["should_apply"]:
                    kept = {key: _rounded(v) for key, v in transform.parameters.items() if key not in OMITTED}
                    applied.append({"name": name, **kept})
        made = np.clip(np.rint(samples * FULL), -FULL, FULL - 1).astype(np.int16)
        return Sounded(made, json.dumps(applied, separators=(",", ":")))


@contextlib.contextmanager
def _seeded(key: str) -> Iterator[None]:
    """Seed the global generators by a text, and restore their states afterwards."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    seed = hashlib.blake2b(key.encode(), digest_size=16).digest()
    random.seed(seed)
    np.random.seed(np.frombuffer(seed, np.uint32))  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002


def _build(options: Section, rate: int) -> Any:
    kind, name = options.__class__.plugin  # type: ignore[attr-defined]
    return registry.build(options, **({"rate": rate} if registry.entry(kind, name).takes("rate") else {}))


def _rounded(value: Any) -> Any:
    return float(f"{value:.5g}") if isinstance(value, float | np.floating) else value
