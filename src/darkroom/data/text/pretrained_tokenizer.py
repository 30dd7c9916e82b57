"""The tokenizer of a pretrained model, kept with the texts that it cuts."""

from __future__ import annotations

import shutil
from pathlib import Path

from darkroom import files, settings

FILE = "tokenizer.json"
"""Its name in the folder of a Hugging Face model."""


def keep(raw: Path, path: str | None) -> None:
    """Copy the tokenizer at `path`, a file or a model's folder, to the raw data. Raises ValueError if there is none."""
    if path is None:
        return
    found = file(path)
    if found is None:
        raise ValueError(
            f"data.source.tokenizer: there is no {FILE} at {settings.quoted(path, 200)} (relative paths start in "
            f"{Path.cwd()}); give the folder of a Hugging Face model"
        )
    shutil.copyfile(found, raw / FILE)


def kept(raw: Path) -> Path | None:
    """Return the tokenizer in the raw data, None without one."""
    return raw / FILE if (raw / FILE).is_file() else None


def file(path: str) -> Path | None:
    """Return the tokenizer's file at a path; None if there is none."""
    local = files.local(path)
    found = local / FILE if local is not None and local.is_dir() else local
    return found if found is not None and found.is_file() else None
