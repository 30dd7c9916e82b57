"""Reviews of films made up of a few words, and the store that a source makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from darkroom import files, registry
from darkroom.data import prepare
from darkroom.data.config import PrepareSpec
from darkroom.data.store import Store, open_store
from darkroom.log import silent

NOUNS = ["plot", "actor", "scene", "score", "camera", "script", "ending", "dialogue"]


def prepared(folder: Path, source: dict[str, Any], **data: Any) -> tuple[Store, dict[str, Any]]:
    """Return the store that a source gives, and its card."""
    spec = PrepareSpec.model_validate({"name": "toy", "source": source, **data})
    with files.folder(folder / "raw") as raw:
        registry.build(spec.source).fetch(raw)
    prepare.run(spec, raw=folder / "raw", out=folder / "prepared", log=silent)
    return open_store(folder / "prepared"), files.read_json(folder / "prepared" / "card.json")


def rows(word: str, count: int, start: int = 0) -> list[str]:
    return [f"the {NOUNS[i % 8]} number {i} is {word} {NOUNS[(i // 8) % 8]}" for i in range(start, start + count)]


def table(path: Path, good: list[str], bad: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("text\tlabel\n" + "".join(f"{t}\tpos\n" for t in good) + "".join(f"{t}\tneg\n" for t in bad))
