"""How a store's texts were read, so that new ones are read in exactly the same way."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.data.store import PREPARATION
from darkroom.data.text.rows import Format


@dataclass(frozen=True)
class TextPreparation:
    """What `data prepare` did to every text: `length` tokens of the texts in `column` of tables, or of files of their own.

    `pretrained` says whether the tokenizer is that of a pretrained model, see `text.coder`.
    """

    length: int
    column: str
    format: Format
    pretrained: bool = False

    def save(self, folder: Path) -> None:
        """Save to a stage's folder."""
        files.write_json(folder / PREPARATION, {"kind": "text", **asdict(self)})


def read_text_preparation(folder: Path) -> TextPreparation:
    """Read the preparation in a stage's folder. Raises FileNotFoundError if there is none."""
    path = folder / PREPARATION
    if not path.exists():
        raise FileNotFoundError(f"{folder} does not say how its texts were read: there is no {PREPARATION}")
    found: dict[str, Any] = files.read_json(path)
    how = Format(**found.get("format", {}))
    return TextPreparation(found["length"], found.get("column", "text"), how, found.get("pretrained", False))
