"""The `generate` section: generative models × seeds, and the judge that measures them all."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from darkroom.augment.config import Synthetic
from darkroom.fit.config import Seeds, Training, inherit, refuse
from darkroom.generate.options import Sampling
from darkroom.registry import Plugin
from darkroom.settings import Count, Name, Section, unique


class GeneratorTraining(Training):
    """Training defaults for generators: longer than for classifiers."""

    epochs: Count = 30
    """Passes over the training images."""
    batch_size: Count = 64
    """Images per step."""


RESERVED = ("folds", "judge", "synthetic")
"""Folder names that models cannot take."""
SMALL = {"name": "affine", "rotate": 12, "translate": 0.1, "scale": 0.1, "shear": 6}


class JudgeTraining(Training):
    """Training defaults for the judge: smaller batches than for classifiers."""

    epochs: Count = 16
    """Passes over the training images."""
    batch_size: Count = 64
    """Images per step."""


class Generator(Section):
    """One generative model and how it is trained."""

    generator: Annotated[Section, Plugin("generator", named_by_entry=True)]
    """Which family. Left out: the one with this entry's name."""
    training: GeneratorTraining = GeneratorTraining()
    """Overrides `generate.training`, key by key."""

    @model_validator(mode="after")
    def _suited(self) -> Self:
        refuse(self.training, self.generator)
        return self


Network = Annotated[Section, Plugin("network", default="resnet"), Field(validate_default=True)]
Online = Annotated[list[Annotated[Section, Plugin("batch transform")]], Field(validate_default=True)]


class JudgeConfig(Section):
    """The classifier that recognizes what samples show, trained on real training samples only."""

    network: Network = {"name": "resnet"}  # type: ignore[assignment]
    """Which network. Left out: `resnet`, or for rows of tables `gradient_boosting`."""
    training: JudgeTraining = JudgeTraining()
    """How it is trained."""
    online: Online = [SMALL]  # type: ignore[list-item]
    """Batch transforms during its training, as `online` of a policy. Left out: small rotations, shifts, scalings and shears
    of images."""


class Generate(Section):
    """Trains every model with every seed on the training samples, samples from it and evaluates it on the test split."""

    models: dict[Name, Generator] = {}
    """Generators by name. Left out: `vae`, or for rows of tables `gaussian_copula` and `tvae`."""
    seeds: Seeds = (0,)
    """A number of seeds, or a list of them."""
    training: GeneratorTraining = GeneratorTraining()
    """Training settings that all models share."""
    snapshots: Annotated[int, Field(ge=1, le=50)] = 10
    """Snapshots per training: images from the same noise, drawn and measured more often at the start."""
    judge: JudgeConfig = JudgeConfig()
    """The classifier that samples are classified by and measured in the features of. One of rows is also trained on samples,
    and compared on the test rows."""
    samples: Count = 2000
    """Maximum number of samples to evaluate a model on; of images, as many as there are test images."""
    inception: str | None = None
    """Inception-v3 weights file for an FID that compares with published ones: pytorch-fid's
    `pt_inception-2015-12-05-6726825d.pth`, or torchvision's. Left out: not measured."""
    steps: Annotated[list[Count], AfterValidator(unique)] = [5, 10, 20, 50]
    """Numbers of sampling steps to evaluate, for models that sample in steps; an empty list evaluates none."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, value: Any) -> Any:
        if value is None:
            value = {}
        if isinstance(value, dict) and value.get("models") in (None, {}):
            value = {**value, "models": {"vae": {}}}
        return inherit(value, "models", "generator")

    @field_validator("models")
    @classmethod
    def _named(cls, models: dict[str, Generator]) -> dict[str, Generator]:
        if taken := sorted(set(RESERVED) & models.keys()):
            raise ValueError(f'a model cannot be named "{taken[0]}": that folder is reserved')
        return models


class TrainSpec(Generator):
    """Spec of the job `generate train`; sampling options are at their defaults, see `trained`."""

    snapshots: Count | None
    """None for samples that are not images."""
    seed: int


OfKind = Annotated[Section, Plugin("drawn samples", default="image"), Field(validate_default=True)]


def trained(generator: Section) -> Section:
    """Return the options that training depends on, with sampling options reset to their defaults."""
    fields = generator.__class__.model_fields
    sampling = {name for name, field in fields.items() if Sampling() in field.metadata}
    return generator.model_copy(update={name: fields[name].default for name in sampling})


class SynthesizeSpec(Section):
    """Spec of the job `generate synthesize`, which fills up the classes of a policy."""

    drawn: OfKind = {"name": "image"}  # type: ignore[assignment]
    """What is drawn: the kind of samples."""
    generator: Annotated[Section, Plugin("generator")]
    judge: Network
    """The judge's network."""
    synthetic: Synthetic


class JudgeSpec(JudgeConfig):
    """Spec of the job `generate judge`."""

    backbone: str | None = None
    """Fingerprint of the network's pretrained weights."""


class FoldSpec(Section):
    """Spec of the job `generate fold`, which fills up the classes of a policy in one training of a cross-validation."""

    folds: Annotated[int, Field(ge=2)]
    """Number of folds."""
    fold: Annotated[int, Field(ge=0)]
    """The fold that is held out."""
    seed: int
    """The classifier's seed, which also draws the folds."""
    judge: JudgeSpec
    train: TrainSpec
    """How the generator is trained."""
    synthesize: SynthesizeSpec
    """Which samples are drawn, and which of them are kept."""


class EvaluateSpec(Section):
    """Spec of the job `generate evaluate`."""

    evaluation: Annotated[Section, Plugin("generator evaluation", default="image"), Field(validate_default=True)] = {
        "name": "image"
    }  # type: ignore[assignment]
    """What is measured, by the kind of samples."""
    again: Annotated[JudgeConfig | None, Field(exclude_if=lambda again: again is None)] = None
    """The judge, if it is trained once more, on samples."""
    generator: Annotated[Section, Plugin("generator")]
    judge: Network
    """The judge's network."""
    backbone: str | None
    """The installed ImageNet features, as `NAME==VERSION`."""
    inception: str | None = None
    """The Inception-v3 weights file."""
    inception_sha256: str | None = None
    """Its checksum, so that other weights make the evaluation stale."""
    samples: Count
    steps: tuple[Count, ...]
    seed: int
