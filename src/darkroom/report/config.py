"""The job `report build`: which results belong on the page."""

from __future__ import annotations

from typing import Any

from darkroom.settings import Section


class ClassifierEntry(Section):
    """One trained classifier; its results are in `classify/POLICY/MODEL/seed-SEED/{model,evaluation}`."""

    policy: str
    model: str
    seed: int


class GeneratorEntry(Section):
    """One trained generator; its results are in `generate/MODEL/seed-SEED/{model,evaluation}`."""

    model: str
    seed: int


class DetectorEntry(Section):
    """One fitted detector; its results are in `detect/TASK/DETECTOR/seed-SEED/{model,evaluation}`."""

    task: str
    normal: tuple[str, ...]
    contamination: float = 0.0
    """Share of the images that it was fitted on which are anomalous."""
    detector: str
    seed: int


class BuildSpec(Section):
    """What the page shows, in the config's order."""

    name: str
    policies: list[str]
    """Policies with transformed copies, in `augment/POLICY`."""
    synthetic: list[str] = []
    """Policies with copies that a generator drew, in `generate/synthetic/POLICY`."""
    gallery: bool = False
    """Whether there is a picture of every augmentation technique, in `gallery`."""
    audits: list[str] = []
    """Policies with an audit, in `audit/policies/POLICY`."""
    classifiers: list[ClassifierEntry]
    generators: list[GeneratorEntry]
    detectors: list[DetectorEntry]
    config: dict[str, Any] = {}
    """The resolved config by section, shown under "How this was made"; without `tracking`, which is no part of a result."""
