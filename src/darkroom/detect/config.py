"""The `detect` section: anomaly detectors fitted on normal images only."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from darkroom.fit.config import Seeds, Training, inherit, refuse
from darkroom.registry import Plugin, entry
from darkroom.settings import Count, Name, Section, unique

Rule = Literal["quantile", "extreme_value", "best_f1", "recall"]
"""Ways to set the threshold."""


class DetectorTraining(Training):
    """As for classifiers, with more and smaller steps, since normal images may be few."""

    epochs: Count = 40
    """Passes over the normal training images."""
    batch_size: Count = 32
    """Images per step."""


class DetectorConfig(Section):
    """One detector and, if gradient steps train it, its training."""

    detector: Annotated[Section, Plugin("detector", named_by_entry=True)]
    """The detector and its options; by default the detector this entry is named after."""
    training: Annotated[DetectorTraining | None, Field(validate_default=True)] = DetectorTraining()
    """Overrides of single keys of `detect.training`; ignored by a detector fitted in closed form."""

    @field_validator("training", mode="after")
    @classmethod
    def _only_if_trained(cls, value: DetectorTraining | None, info: ValidationInfo) -> DetectorTraining | None:
        return value if "detector" not in info.data or is_trained(info.data["detector"]) else None

    @model_validator(mode="after")
    def _suited(self) -> Self:
        for part in members(self.detector):
            if self.training is not None:
                refuse(self.training, part)
        return self


def members(detector: Section) -> tuple[Section, ...]:
    """Return the detectors that it averages or applies to spectrograms, or itself."""
    found: tuple[Section, ...] | Section = getattr(detector, "of", detector)
    return found if isinstance(found, tuple) else (found,)


def classifiers(detector: Section) -> list[str]:
    """Return the models of `classify` that it uses as feature extractors."""
    return list(dict.fromkeys(name for part in members(detector) if (name := getattr(part, "classifier", None))))


def is_trained(detector: Section) -> bool:
    """Whether gradient steps train it, or one of its members: those have a method `task`."""
    return any("task" in entry(*part.plugin).methods for part in members(detector))  # type: ignore[attr-defined]


def _tasks(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        value = [value]
    return tuple(tuple(map(_label, v)) if isinstance(v, list | tuple) else (_label(v),) for v in value)


def _distinct(tasks: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    for classes in tasks:
        unique(classes)
    unique([sorted(classes) for classes in tasks])
    unique([task_name(classes) for classes in tasks])
    return tasks


def _label(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


ClassName = Annotated[str, Field(min_length=1)]
Normal = Annotated[
    tuple[Annotated[tuple[ClassName, ...], Field(min_length=1)], ...],
    Field(min_length=1, title="class name, or list of class names and lists of class names"),
    BeforeValidator(_tasks, json_schema_input_type=ClassName | int | list[ClassName | int | list[ClassName | int]]),
    AfterValidator(_distinct),
]


def _shares(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


MOST_CONTAMINATION = 0.5
Contamination = Annotated[
    tuple[Annotated[float, Field(ge=0, le=MOST_CONTAMINATION)], ...],
    Field(min_length=1, title=f"number from 0 to {MOST_CONTAMINATION:g}, or list of such numbers"),
    BeforeValidator(_shares, json_schema_input_type=float | list[float]),
    AfterValidator(unique),
]


class Detect(Section):
    """Every detector is fitted on the normal training images; all other test images are anomalies."""

    normal: Normal = (("good",),)
    """The normal class. A list makes each entry normal in turn; classes in a nested list are normal together. `unlabeled`
    stands for the images without a label, which may contain a few anomalies: they are ranked by score."""
    contamination: Contamination = (0.0,)
    """Share of anomalous images among the training images, to measure how detectors cope with contaminated data. They are
    drawn from the other classes of the train split and added to its normal images; validation and test images do not change.
    A list makes each share a task of its own."""
    detectors: dict[Name, DetectorConfig] = {}
    """Detectors by name; by default `pca` and `autoencoder`, or `pca`, `padim` and `patchcore` for images of 64 pixels or more if
    the extra `backbone` is installed (`data.size` is then 224 unless it is set or another section uses the images)."""
    seeds: Seeds = (0,)
    """Number of seeds, or list of seeds."""
    training: DetectorTraining = DetectorTraining()
    """Training shared by all detectors that gradient steps train."""
    false_alarms: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share of normal images that may be flagged as anomalous; `quantile` and `extreme_value` set the threshold by it."""
    recall: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Share of anomalous images to find. Every evaluation measures the false-alarm rate at which the test images reach it;
    `threshold: recall` sets the threshold by it."""
    threshold: Rule = "quantile"
    """How the threshold is set on validation images: `quantile` of the normal scores at that share of false alarms,
    `extreme_value` from a fit to their largest scores, or, with labeled anomalies among them, `recall` or `best_f1`."""
    examples: Count = 1000
    """Maximum number of test images in the report's ranked list, those with the highest scores."""
    resamples: Count = 1000
    """Bootstrap resamples behind each 95 % interval."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        if value is None:
            value = {}
        if isinstance(value, dict) and value.get("detectors") in (None, {}):
            value = {**value, "detectors": {"pca": {}, "autoencoder": {}}}
        return inherit(value, "detectors", "detector")


def task_name(normal: tuple[str, ...], contamination: float = 0.0) -> str:
    """Return a task's folder name: its normal classes, a hash if those are no safe folder name, and its contamination."""
    text = "+".join(normal)
    safe = re.sub(r"[^A-Za-z0-9+_-]", "_", text)[:48]
    digest = hashlib.sha256("\0".join(normal).encode()).hexdigest()[:8]
    mixed = f".contamination-{contamination}" if contamination else ""  # the only part of a name with a dot
    return f"normal-{safe}{mixed}" if safe == text else f"normal-{safe}-{digest}{mixed}"


class FitSpec(DetectorConfig):
    """The job `detect fit`."""

    normal: tuple[str, ...]
    contamination: float = 0.0
    """Share of anomalous images among the training images."""
    backbone: str | None = None
    """Feature extractor: the packaged weights' version, a file's sha256, or the name of a classifier."""
    network: Annotated[Section, Plugin("network")] | None = None
    """That classifier's network."""
    seed: int


class EvaluateSpec(Section):
    """The job `detect evaluate`."""

    detector: Annotated[Section, Plugin("detector")]
    normal: tuple[str, ...]
    backbone: str | None = None
    network: Annotated[Section, Plugin("network")] | None = None
    false_alarms: float
    recall: float = 0.95
    threshold: Rule
    examples: Count
    resamples: Count
    seed: int
