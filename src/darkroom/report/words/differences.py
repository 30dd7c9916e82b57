"""Two texts side by side, with the words marked in which they differ."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from markupsafe import Markup

MOST = 400
"""Words that are compared."""
AROUND = 8
"""Words kept of a longer stretch without a difference, on each side of one."""


def marked(before: str, after: str) -> tuple[Markup, Markup]:
    """Return both texts on one line, escaped: deleted words in `del`, inserted ones in `ins`; long equal stretches are cut."""
    old, new = before.split()[:MOST], after.split()[:MOST]
    found: tuple[list[Markup], list[Markup]] = ([], [])
    for kind, start, end, other, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            same = Markup.escape(" ".join(_shortened(old[start:end], start > 0, end < len(old) or last < len(new))))
            found[0].append(same)
            found[1].append(same)
            continue
        for parts, words, tag in ((found[0], old[start:end], "del"), (found[1], new[other:last], "ins")):
            if words:
                parts.append(Markup(f"<{tag}>{{}}</{tag}>").format(" ".join(words)))
    return Markup(" ").join(found[0]), Markup(" ").join(found[1])


def _shortened(words: Sequence[str], behind: bool, ahead: bool) -> list[str]:
    """Cut words without a difference to those next to one, which is behind them, ahead of them, or both."""
    kept = AROUND * (behind + ahead) or 2 * AROUND
    if len(words) <= kept + 1:
        return [*words]
    first = AROUND if behind else 0 if ahead else kept
    return [*words[:first], "…", *(words[-AROUND:] if ahead else ())]
