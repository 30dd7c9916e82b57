"""Arrays to read, and the splits that came of them."""

import struct
from collections import Counter
from typing import Any

import numpy as np


def splits(prepared: Any) -> dict[str, int]:
    return dict(Counter(prepared.store.items["split"]))


def arrays(count: int = 12, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *(shape or (6, 5))), dtype=np.uint8)


def idx_bytes(values: np.ndarray) -> bytes:
    kind = {"u1": 8, ">i4": 12, ">f4": 13}[values.dtype.str.lstrip("|")]
    return bytes([0, 0, kind, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()
