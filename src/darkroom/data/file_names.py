"""Read labels and groups from file names by a template such as `{label}_{group}_{}`."""

from __future__ import annotations

import re

FIELDS = ("label", "group")
HOLE = re.compile(r"\{(\w*)\}")


class Template:
    """A text with `{label}` and `{group}` for what to read, and `{}` for what may be anything.

    Every hole takes as few characters as possible, at least one.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.fields = [name for name in HOLE.findall(text) if name]
        parts = HOLE.split(text)
        self._pattern = re.compile(
            "".join(
                re.escape(part) if place % 2 == 0 else (f"(?P<{part}>.+?)" if part else ".+?")
                for place, part in enumerate(parts)
            )
        )

    def read(self, name: str) -> dict[str, str] | None:
        """Return the fields of a name, or None if it does not match."""
        match = self._pattern.fullmatch(name)
        return None if match is None else match.groupdict()


def check(text: str) -> str:
    """Return a template unchanged, for `AfterValidator`. Raises ValueError saying what a template may hold."""
    named = [name for name in HOLE.findall(text) if name]
    rest = HOLE.sub("", text)
    if not named or len(set(named)) < len(named) or set(named) - set(FIELDS) or "{" in rest or "}" in rest:
        raise ValueError(
            f"got {text!r}; expected {{label}}, {{group}} or both, each once, and {{}} for what may be anything, as in "
            "{label}_{group}_{}"
        )
    return text
