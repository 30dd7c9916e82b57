"""The order of the booklet. A study that nothing here names does not exist for it."""

from __future__ import annotations

from pathlib import Path

CHAPTERS: dict[str, tuple[str, ...]] = {
    "Networks and losses": ("nonlinearity", "perceptron", "activations", "outputs", "losses"),
    "Generalization": ("overfitting", "remedies", "dropout"),
    "Training": ("initialization", "backpropagation", "skips", "landscapes", "schedules", "augmentation"),
    "Generative models": ("gan", "vae", "diffusion", "families"),
    "Representations and anomalies": ("autoencoder", "anomalies"),
    "Labels and other data": ("supervision", "beyond_images"),
}
"""Studies by chapter; those whose folder does not exist yet are left out."""
ORDER = tuple(name for names in CHAPTERS.values() for name in names)
"""All of them; their places are the numbers of the pages."""


def folder(name: str) -> Path:
    """Return the folder of a study: its `config.yaml`, `experiment.py` and `page.md`."""
    return Path(__file__).parent / name


def page(name: str) -> Path:
    """Return the text of a study."""
    return folder(name) / "page.md"


def chapters() -> dict[str, tuple[str, ...]]:
    """Return the studies that exist by chapter, in the order of the booklet."""
    found = {title: tuple(name for name in names if page(name).is_file()) for title, names in CHAPTERS.items()}
    return {title: names for title, names in found.items() if names}


def studies() -> tuple[str, ...]:
    """Return the names of the studies that exist, in the order of the booklet."""
    return tuple(name for names in chapters().values() for name in names)
