"""Darkroom: a declarative pipeline for learning from images, and the library behind it."""

from __future__ import annotations

import importlib
import sys
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if sys.platform == "win32":
    _REFUSED = "Darkroom runs on Linux and macOS; on Windows, use it inside WSL"
    if PurePath(sys.argv[0]).stem in ("darkroom", "-m"):  # the command line shows no traceback
        sys.exit(_REFUSED)
    raise ImportError(_REFUSED)

if TYPE_CHECKING:
    from darkroom.data.store import open_store
    from darkroom.library import create, load, plugins

    __version__: str

__all__ = ["__version__", "create", "load", "open_store", "plugins"]

_PLACES = {
    "create": "darkroom.library",
    "load": "darkroom.library",
    "open_store": "darkroom.data.store",
    "plugins": "darkroom.library",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that importing the package stays fast."""
    if name == "__version__":
        from importlib import metadata

        return metadata.version("darkroom")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
