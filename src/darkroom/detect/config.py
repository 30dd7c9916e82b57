"""The `detect` section: anomaly detectors fitted on normal images alone."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from darkroom.fit.config import Seeds, Training, inherit
from darkroom.registry import Plugin, entry
from darkroom.settings import Count, Name, Section, unique

Rule = Literal["quantile", "extreme_value", "best_f1"]
"""How a threshold is set."""


class DetectorTraining(Training):
    """As for classifiers, but in more and smaller steps, as normal images may be few."""

    epochs: Count = 40
    """Passes over the normal training images."""
    batch_size: Count = 32
    """Images a step."""


class Detector(Section):
    """One detector, and how it is trained where it is a network."""

    detector: Annotated[Section, Plugin("detector", named_by_entry=True)]
    """Which detector; left out, the one called like this entry."""
    training: DetectorTraining | None = DetectorTraining()
    """Overrides of `detect.training`, key by key; of no use to a detector that is fitted in closed form."""

    @model_validator(mode="after")
    def _training_where_used(self) -> Self:
        if not is_trained(self.detector):
            object.__setattr__(self, "training", None)
        return self


def members(detector: Section) -> tuple[Section, ...]:
    """The detectors that it averages, or itself."""
    found: tuple[Section, ...] = getattr(detector, "of", (detector,))
    return found


def classifiers(detector: Section) -> list[str]:
    """The models of `classify` that it looks through."""
    return list(dict.fromkeys(name for part in members(detector) if (name := getattr(part, "classifier", None))))


def is_trained(detector: Section) -> bool:
    """Whether gradient steps train it, or one of those that it averages."""
    return any(entry(*part.plugin).takes("training") for part in members(detector))  # type: ignore[attr-defined]


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
    """Every detector is fitted on the normal training images; all else in the test split is an anomaly."""

    normal: Normal = (("good",),)
    """The normal class. A list makes each entry normal in turn; an entry that is a list is normal together."""
    contamination: Contamination = (0.0,)
    """Share of the training images that are anomalous ones taken for normal: to measure what detectors make of a mixture.
    They are drawn from the other classes of the train split and added to its normal images; validation and test images stay
    as they are. A list makes a task of each share."""
    detectors: dict[Name, Detector] = {}
    """Detectors by name. Left out: `pca` and `autoencoder`."""
    seeds: Seeds = (0,)
    """A number of seeds, or a list of them."""
    training: DetectorTraining = DetectorTraining()
    """What all detectors that are trained share."""
    false_alarms: Annotated[float, Field(gt=0, lt=1)] = 0.05
    """Share of normal images that may be called anomalous."""
    threshold: Rule = "quantile"
    """How the threshold is set on validation images: `quantile` of the normal ones at that share of false alarms,
    `extreme_value` from a fit to their largest scores, or `best_f1` where validation images of both kinds are labelled."""
    examples: Count = 1000
    """Test images in the report's ranked list; of more, those with the highest scores."""
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
    """The folder of a task: its normal classes, with a hash where a class name is no safe folder name, and what is mixed in."""
    text = "+".join(normal)
    safe = re.sub(r"[^A-Za-z0-9+_-]", "_", text)[:48]
    digest = hashlib.sha256("\0".join(normal).encode()).hexdigest()[:8]
    mixed = f".contamination-{contamination}" if contamination else ""  # no other part of a name has a dot
    return f"normal-{safe}{mixed}" if safe == text else f"normal-{safe}-{digest}{mixed}"


class FitSpec(Detector):
    """The job `detect fit`."""

    normal: tuple[str, ...]
    contamination: float = 0.0
    """Share of the training images that are anomalous."""
    backbone: str | None = None
    """What the detector looks through: the packaged weights' version, a file's sha256, or the name of a classifier."""
    network: Annotated[Section, Plugin("network")] | None = None
    """The network of that classifier."""
    seed: int


class EvaluateSpec(Section):
    """The job `detect evaluate`."""

    detector: Annotated[Section, Plugin("detector")]
    normal: tuple[str, ...]
    backbone: str | None = None
    network: Annotated[Section, Plugin("network")] | None = None
    false_alarms: float
    threshold: Rule
    examples: Count
    resamples: Count
    seed: int
