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
"""Studies by chapter."""


def folder(name: str) -> Path:
    """Return the folder of a study: its `config.yaml`, `experiment.py` and `page.md`."""
    return Path(__file__).parent / name


def page(name: str) -> Path:
    """Return the text of a study."""
    return folder(name) / "page.md"


def studies() -> tuple[str, ...]:
    """Return the names of all studies in the order of the booklet; their places are the numbers of the pages."""
    return tuple(name for names in CHAPTERS.values() for name in names)
