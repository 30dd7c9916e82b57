"""The job `report build`: which results belong on the page."""

from __future__ import annotations

from typing import Any

from darkroom.settings import Section


class ResultEntry(Section):
    """One result; its folder is relative to `results/NAME`."""

    name: str = ""
    """What sets it apart from others of its kind, such as its policy."""
    folder: str


class SeedEntry(Section):
    """One trained or fitted model and its evaluation."""

    seed: int
    model_folder: str
    evaluation_folder: str


class ClassifierEntry(SeedEntry):
    """One trained classifier."""

    policy: str
    model: str


class GeneratorEntry(SeedEntry):
    """One trained generator."""

    model: str


class DetectorEntry(SeedEntry):
    """One fitted detector."""

    task: str
    normal: tuple[str, ...]
    contamination: float = 0.0
    """Share of anomalous images among those it was fitted on."""
    detector: str


class BuildSpec(Section):
    """What the page shows, in the config's order."""

    name: str
    policies: list[ResultEntry]
    """Policies with transformed copies."""
    card: ResultEntry | None = None
    """The pictures of the data."""
    sheets: list[ResultEntry] = []
    """The contact sheets of these copies."""
    synthetic: list[ResultEntry] = []
    """Policies with synthetic images."""
    gallery: ResultEntry | None = None
    """The images of every augmentation technique, if there are any."""
    audits: list[ResultEntry] = []
    """Policies with an audit."""
    labels: ResultEntry | None = None
    """The search for wrong labels, if there is one."""
    corrected: ResultEntry | None = None
    """What corrected labels change, if there are any."""
    clusterings: list[ResultEntry] = []
    """Clusters of the images, named by their embeddings."""
    ladder: ResultEntry | None = None
    """The ladder, if there is one."""
    simulations: list[ResultEntry] = []
    """Simulations of labeling, named by rule and seed."""
    classifiers: list[ClassifierEntry]
    pretrainings: list[ResultEntry] = []
    """Pretrained networks."""
    pretrain_baselines: ResultEntry | None = None
    """Features without pretraining, to compare with."""
    lr_ranges: list[ResultEntry] = []
    """Learning-rate range tests, named by their classifiers."""
    cross_validation: ResultEntry | None = None
    """The pooled folds of the classifiers."""
    learning_curve: ResultEntry | None = None
    """Scores by number of training images."""
    searches: list[ResultEntry] = []
    """Searches, by name."""
    explanation: ResultEntry | None = None
    """Why the classifiers err."""
    generators: list[GeneratorEntry]
    detectors: list[DetectorEntry]
    config: dict[str, Any] = {}
    """The resolved config by section, shown under "How this was made"; without `tracking` and `registry`."""
