"""Seeds derived from the purpose of a draw: no two draws share a stream, and each can be repeated."""

from __future__ import annotations

import hashlib


def derive(*keys: int | str) -> int:
    """Derive a seed in [0, 2**63) from keys, such as `derive(seed, "epoch", 3)`; other keys give an unrelated seed."""
    digest = hashlib.sha256("\0".join(f"{type(key).__name__}:{key}" for key in keys).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
