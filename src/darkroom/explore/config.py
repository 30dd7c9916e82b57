"""The `explore` section: embed all images without using labels, and cluster them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, model_validator

from darkroom.nets import pretrained
from darkroom.registry import Plugin
from darkroom.settings import Name, Section, Seed

DEFAULT = ("pretrained", "pca")
"""Embeddings of a section that names none, the first one only if its weights are installed."""


class Embedding(Section):
    """One way to turn images into feature vectors."""

    embedding: Annotated[Section, Plugin("embedding", named_by_entry=True)]
    """Where the features come from. Default: the embedding named like this entry."""


class Clustered(Section):
    """Settings of a clustering."""

    clustering: Annotated[Section, Plugin("clustering", default="kmeans"), Field(validate_default=True)] = {
        "name": "kmeans"
    }  # type: ignore[assignment]
    """How images are grouped."""
    seed: Seed = 0
    """Seed of the clustering and of the map."""


class Explore(Clustered):
    """Embeds and clusters all images; labels, where there are any, only measure the result."""

    embeddings: dict[Name, Embedding] = {}
    """Embeddings by name, each clustered on its own. Default: `pretrained` if the extra `backbone` is installed, and `pca`."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        value = {} if value is None else value
        if not isinstance(value, Mapping):
            return value
        named = value.get("embeddings") or dict.fromkeys(DEFAULT if pretrained.installed() else DEFAULT[1:])
        if not isinstance(named, Mapping):
            return value
        return {**value, "embeddings": {name: _named(name, entry) for name, entry in named.items()}}


def _named(name: str, entry: Any) -> Any:
    """Name the embedding of an entry after it, unless the entry names one."""
    entry = {} if entry is None else entry
    if not isinstance(entry, Mapping):
        return entry
    options = entry.get("embedding") or {}
    return {**entry, "embedding": {"name": name, **options} if isinstance(options, Mapping) else options}


class EmbedSpec(Section):
    """The job `explore embed`."""

    embedding: Annotated[Section, Plugin("embedding")]
    backbone: str | None = None
    """Fingerprint of the pretrained weights."""
    network: Annotated[Section, Plugin("network")] | None = None
    """Network of the classifier that embeds, if one does."""


class ClusterSpec(Clustered):
    """The job `explore cluster`."""

    supervised: bool = False
    """Whether the features were learned from the labels of the training images."""
