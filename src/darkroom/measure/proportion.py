"""The interval of a share of independent items, which has a width even where the share is 0 or 1."""

from __future__ import annotations

import math
from typing import Any

Z = 1.959964
"""The 0.975 quantile of the normal distribution."""


def wilson(count: int, items: int, *, reason: str) -> dict[str, Any]:
    """`count` of `items` as a share, with its 95 % score interval (Wilson 1927); `reason` in place of it for no items.

    Resampling the items would give an interval of no width when none of them, or each, is counted.
    """
    if not items:
        return {"value": None, "reason": reason}
    share = count / items
    middle = (share + Z**2 / (2 * items)) / (1 + Z**2 / items)
    half = Z * math.sqrt(share * (1 - share) / items + Z**2 / (4 * items**2)) / (1 + Z**2 / items)
    return {"value": share, "low": min(share, max(0.0, middle - half)), "high": max(share, min(1.0, middle + half))}
