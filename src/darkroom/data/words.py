"""Names fit for a picture or a sentence."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence


def shown(name: str, length: int = 28) -> str:
    """Return a name fit for a picture or sentence: on one line, without control characters, cut at `length`."""
    plain = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in name).strip() or "?"
    return plain if len(plain) <= length else plain[: length - 1] + "…"


def listed(names: Sequence[str], limit: int = 5) -> str:
    """Return some names for a sentence: `"a", "b" and 3 more`."""
    text = ", ".join(f'"{shown(name, 60)}"' for name in names[:limit])
    return text if len(names) <= limit else f"{text} and {len(names) - limit} more"
