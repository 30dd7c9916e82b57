"""Short recordings to listen to, embedded in the page."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from darkroom import files

BUDGET = 1_500_000
"""Bytes of all clips together; 2 MB in base64."""


@dataclass(frozen=True)
class Clip:
    """A recording for an `audio` element."""

    name: str
    """Its class."""
    id: str
    uri: str


def clips(folder: Path) -> list[Clip]:
    """Read the clips in a data card's folder, as many as the budget allows; none if there is no clips.json."""
    about = folder / "clips.json"
    found: list[Clip] = []
    left = BUDGET
    for entry in files.read_json(about) if about.is_file() else ():
        data = (folder / entry["file"]).read_bytes()
        left -= len(data)
        if left < 0:
            break
        uri = f"data:audio/wav;base64,{base64.b64encode(data).decode('ascii')}"
        found.append(Clip(entry["class"], entry["id"], uri))
    return found
