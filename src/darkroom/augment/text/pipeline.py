"""Apply transforms of texts in order, reproducibly: a copy depends only on the policy's seed, the item and its number."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from darkroom import registry
from darkroom.settings import Section


class Drawn(NamedTuple):
    """Transformed copies, and what was applied to each as JSON."""

    texts: list[str]
    applied: list[str]


class TextPipeline:
    """Transforms in order."""

    def __init__(self, transforms: Sequence[Section], *, seed: int) -> None:
        self._seed = seed
        self._steps: list[tuple[str, Any]] = [(step.name, registry.build(step)) for step in transforms]  # type: ignore[attr-defined]

    def draw(self, texts: Sequence[str], *, items: Sequence[str], copies: Sequence[int]) -> Drawn:
        """Make copy number `copies[i]` of the item `items[i]` from each text; one that no transform changes equals the text."""
        draws = [self._generator(item, copy) for item, copy in zip(items, copies, strict=True)]
        found, applied = list(texts), [[] for _ in texts]  # type: list[str], list[list[dict[str, Any]]]
        for name, transform in self._steps:
            for place, changed in enumerate(transform(found, draws)):
                if changed.applied is not None:
                    found[place] = changed.text
                    applied[place].append({"name": name, **changed.applied})
        return Drawn(found, [json.dumps(steps, ensure_ascii=False) for steps in applied])

    def _generator(self, item: str, copy: int) -> np.random.Generator:
        key = hashlib.blake2b(f"{self._seed}/{copy}/{item}".encode(), digest_size=16).digest()
        return np.random.Generator(np.random.PCG64(int.from_bytes(key, "little")))
