"""The `registry` section: the best models as versions in MLflow's registry."""

from __future__ import annotations

from typing import Literal

from darkroom.report.config import ClassifierEntry, DetectorEntry
from darkroom.settings import Name, Section


class Card(Section):
    """What a model card says that nothing measures."""

    intended_use: str = ""
    """What the models are for, and what they are not for."""
    license: str = ""
    """The license of the models."""
    data_license: str = ""
    """The license of the images."""
    contact: str = ""
    """Who answers questions about the models."""


class Registry(Card):
    """Registers the best classifier, and the best detector of each task, with a model card."""

    classifier: Name | None = None
    """The classifier's name in the registry; by default `NAME-classifier`."""
    detectors: dict[str, Name] = {}
    """The detectors' names by task, such as `normal-good`; by default `NAME-TASK`."""


class PackageSpec(Section):
    """The job `serve package`."""

    name: str
    """The data set's."""
    registered: str
    """The model's name in the registry."""
    kind: Literal["classifier", "detector"]
    classifiers: list[ClassifierEntry] = []
    """The classifiers to choose from."""
    detectors: list[DetectorEntry] = []
    """The detectors to choose from."""
    card: Card
