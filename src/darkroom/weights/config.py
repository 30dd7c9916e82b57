"""The spec of `weights fetch`; a config has no section of that name, since weights are options of what uses them."""

from __future__ import annotations

from darkroom.settings import Section, Sha256


class FetchSpec(Section):
    """The job `weights fetch`."""

    architecture: str
    """Name of the backbone: timm's, or torchvision's after `torchvision/`."""
    weights: str
    """URL, or `hub`."""
    sha256: Sha256 | None = None
    """Checksum of what the URL serves."""
