"""What every generative model can do, and what those with a latent space can do as well.

A model is a plain torch module, built from the store's shape, (C, H, W) for images, and the number of classes (0 if samples have
no labels). Only `task` knows how it is trained. Draws come from the generator that is passed in, so the same seed gives the same
samples. A model of images takes and gives floats (B, C, H, W) in [0, 1], one of tables rows (B, D) as a store holds them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom.fit.config import Training
from darkroom.fit.model import read_about, rebuild
from darkroom.generate.config import trained
from darkroom.settings import Section

if TYPE_CHECKING:
    from darkroom.fit.task import Task

CHUNK = 256
"""Images per forward pass."""


class GenerativeModel(nn.Module, ABC):
    """Learns from samples to make new ones.

    A class attribute `TRAINING`, a literal, holds the family's own defaults of its `training` section;
    `REFUSES` maps the keys `patience`, `swa` and `schedule` (a schedule that waits for the validation loss) that do not fit it to
    the reason.
    """

    classes: int
    """Number of classes that it is conditional on; 0 for an unconditional model."""

    @abstractmethod
    def task(self, training: Training) -> Task:
        """Return the task that trains this model. Labels of a batch are integers (B,), all -1 without classes.

        A model that minimizes one loss defines `losses` and returns `generate.task.GeneratorTask(self, training)`,
        imported inside the method.
        """

    def losses(self, images: Tensor, labels: Tensor, *, progress: float = 1.0) -> dict[str, Tensor]:
        """Return the scalars of one batch: `loss`, which is minimized, and any parts to record.

        Images are (B, C, H, W) in [0, 1], labels (B,); `progress` is the fraction of training steps done.
        """
        raise NotImplementedError(f"{type(self).__name__} trains by a task of its own")

    @abstractmethod
    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Draw samples (N, ...), float32, of classes (N,); an unconditional model only counts the labels.

        Called in evaluation mode, during training too. `generator` is on the CPU and determines every draw; the model
        chooses how many images it makes at a time.
        """

    def neutral(self) -> dict[str, Any]:
        """Return the sampling options to change so that samples follow the learned distribution; empty if they do already.

        Options that trade variety for fidelity are set to trade nothing, so that families compare.
        """
        return {}


class FittedGenerator(GenerativeModel):
    """A generative model that is fitted in closed form instead of trained."""

    @abstractmethod
    def fit(self, samples: NDArray[Any], labels: NDArray[np.int64]) -> None:
        """Fit to samples (N, ...) as a store holds them, with their labels (N,), -1 without classes."""

    def task(self, training: Training) -> Task:
        raise TypeError(f"{type(self).__name__} is fitted in closed form")


@runtime_checkable
class Stepwise(Protocol):
    """A generative model that samples in a number of steps."""

    steps: int
    """Steps that `sample` takes."""

    def sample_with(self, labels: Tensor, generator: torch.Generator, *, steps: int) -> Tensor:
        """Draw as `GenerativeModel.sample` does, in `steps` steps."""


def even_labels(count: int, classes: int) -> Tensor:
    """Return labels (count,) in which the classes take turns; all 0 for an unconditional model."""
    return torch.arange(count) % max(1, classes)


@runtime_checkable
class Reconstructs(Protocol):
    """A generative model that reconstructs images and bounds their likelihood, whatever its codes are."""

    def reconstruct(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return images (B, C, H, W) in [0, 1] of classes (B,) after encoding and decoding; same shape and range."""

    def bound(self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Bound:
        """Return the ELBO of each image; without a generator, draws, if any, come from torch's global stream."""


class Bound(NamedTuple):
    """The two parts of each image's evidence lower bound (B,), in nats: elbo = reconstruction - kl."""

    reconstruction: Tensor
    kl: Tensor

    @property
    def elbo(self) -> Tensor:
        """The lower bound on each image's log-likelihood (B,)."""
        return self.reconstruction - self.kl


class LatentModel(GenerativeModel):
    """A generative model that also maps images to a latent space (B, D) with a standard normal prior, and back.

    Labels (B,) accompany images and codes; an unconditional model ignores them.
    """

    latent: int

    @abstractmethod
    def encode(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, (B, D) each, of the posterior of images (B, C, H, W) in [0, 1]."""

    @abstractmethod
    def decode(self, latent: Tensor, labels: Tensor) -> Tensor:
        """Return the expected image (B, C, H, W) in [0, 1] of each latent code (B, D)."""

    @abstractmethod
    def bound(self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Bound:
        """Return the ELBO of each image from one posterior draw, from torch's global stream without a generator."""

    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Decode codes drawn from the prior to expected images (N, C, H, W) in [0, 1]."""
        codes = torch.randn(len(labels), self.latent, generator=generator).to(labels.device)
        decoded = [self.decode(*some) for some in zip(codes.split(CHUNK), labels.split(CHUNK), strict=True)]
        return torch.cat(decoded)

    def reconstruct(self, images: Tensor, labels: Tensor) -> Tensor:
        """Decode each image's posterior mean."""
        return self.decode(self.encode(images, labels)[0], labels)

    def interpolate(self, first: Tensor, second: Tensor, steps: int, labels: tuple[Tensor, Tensor]) -> Tensor:
        """Decode straight lines between the posterior means of paired images (B, C, H, W): (B, steps, C, H, W).

        `labels` are those of both ends; the first half of a line is decoded with the first end's label.
        """
        start, end = self.encode(first, labels[0])[0], self.encode(second, labels[1])[0]
        shares = torch.linspace(0, 1, steps)
        path = torch.lerp(start[:, None], end[:, None], shares[:, None])  # (B, steps, D)
        classes = torch.where(shares < 0.5, labels[0][:, None], labels[1][:, None])  # (B, steps)
        images: Tensor = self.decode(path.flatten(0, 1), classes.flatten()).unflatten(0, path.shape[:2])
        return images


def read_generator(folder: Path, options: Section | None = None) -> GenerativeModel:
    """Load the trained model in a `generate train` folder, with these sampling options or else the family's defaults.

    Raises ValueError if `options` describe a differently trained model.
    """
    about = read_about(folder)
    if options is not None and (wanted := trained(options).model_dump(mode="json")) != about.plugin:
        raise ValueError(f"{folder} holds {about.plugin}, not {wanted}; only sampling options may differ from training")
    network = rebuild("generator", folder, about.shape, len(about.classes), options=options)
    assert isinstance(network, GenerativeModel)
    return network
