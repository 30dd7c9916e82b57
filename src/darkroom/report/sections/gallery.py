"""The gallery page: every augmentation technique on images of the data set, with settings to copy."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.report.parts.table import Figure
from darkroom.report.words import text

ORDER = ("geometric", "photometric", "noise and blur", "occlusion", "mixing", "policies")
"""Families in page order; others follow."""
WHERE = {
    "offline": "copies made before training",
    "online": "applied to each batch during training",
}


@dataclass
class Showing:
    """A technique of one kind, offline or online: its images, and its settings in the config."""

    kind: str
    figures: list[Figure]
    settings: str
    amounts: str


@dataclass
class Technique:
    """A technique by its name in the config: offline, online or both."""

    name: str
    summary: str
    showings: list[Showing] = field(default_factory=list)

    @property
    def alike(self) -> bool:
        """Whether offline and online take the same settings."""
        return len({showing.settings for showing in self.showings}) == 1


@dataclass(frozen=True)
class Gallery:
    """Techniques by family."""

    families: list[tuple[str, list[Technique]]]
    images: int

    @property
    def number(self) -> int:
        """The number of techniques."""
        return sum(len(techniques) for _, techniques in self.families)


def gallery(folder: Path) -> Gallery:
    """Read what the job `augment gallery` left in a folder; offline and online techniques of one name go together."""
    found: dict[str, Any] = files.read_json(folder / "gallery.json")
    families: dict[str, dict[str, Technique]] = {}
    for entry in found["techniques"]:
        techniques = families.setdefault(entry["family"], {})
        technique = techniques.setdefault(entry["name"], Technique(entry["name"], entry["summary"].rstrip(".")))
        technique.showings.append(_showing(folder, entry))
    known = [family for family in ORDER if family in families]
    ordered = [*known, *(family for family in families if family not in known)]
    by_name = [(family, sorted(families[family].values(), key=lambda t: t.name)) for family in ordered]
    return Gallery(by_name, int(found["images"]))


def _showing(folder: Path, entry: dict[str, Any]) -> Showing:
    name, kind = entry["name"], entry["kind"]
    figures = []
    for picture in entry["pictures"]:
        alt = f"{name}: two images and their mix" if picture["caption"] else f"Images before and after {name}"
        figures.append(Figure(folder / picture["file"], alt, picture["caption"]))
    applied = entry["options"].get("p")  # a transform without an amount goes as far as its probability
    reached = (
        operation if far == applied else f"{operation} {text.compact(far)}"
        for operation, far in entry["amounts"].items()
    )
    return Showing(kind, figures, text.settings([{"name": name, **entry["options"]}]), ", ".join(reached))
