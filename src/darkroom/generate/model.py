"""What every generative model can do, and what those with a latent space can do besides.

A model is a plain torch module whose constructor takes the image shape (C, H, W) and the number of classes, 0 where
images have no labels; its `task` is the thin shell that trains it. Random draws come from the generator that is handed
in, so that the same seed gives the same images.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from darkroom.fit.batches import Batches
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted, read_about, rebuild
from darkroom.fit.task import Task
from darkroom.fit.trainer import fit
from darkroom.generate.config import trained
from darkroom.log import Log
from darkroom.settings import Section

CHUNK = 256
"""Images made at a time."""


class GenerativeModel(nn.Module, ABC):
    """Learns from images to make new ones.

    A class attribute `TRAINING`, a literal, holds the family's own defaults of its `training` section.
    """

    classes: int
    """How many classes it can be asked for; 0 for a model that takes no notice of labels."""

    @abstractmethod
    def task(self, training: Training) -> Task:
        """The shell that trains this model: labels of a batch are integers (B,), all -1 where `classes` is 0."""

    @abstractmethod
    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """New images (N, C, H, W) in [0, 1], float32, of these classes (N,); a model without classes only counts them.

        Works in the middle of training too, in evaluation mode. `generator` is on the processor, and is all that the
        draws depend on; how many images are made at a time is the model's own affair.
        """

    def fit(
        self,
        train: Batches,
        val: Batches | None,
        training: Training,
        *,
        seed: int,
        log: Log,
        checkpoints: Path | None = None,
        callbacks: Sequence[pl.Callback] = (),
    ) -> Fitted:
        """Train on these batches; the weights are the model's own."""
        return fit(self.task(training), train, val, seed=seed, log=log, checkpoints=checkpoints, callbacks=callbacks)


def even_labels(count: int, classes: int) -> Tensor:
    """Labels (count,) in which the classes take turns; all 0 for a model without classes."""
    return torch.arange(count) % max(1, classes)


@runtime_checkable
class Reconstructs(Protocol):
    """A generative model that can show an image as it has understood it, whatever its codes are."""

    def reconstruct(self, images: Tensor, labels: Tensor) -> Tensor:
        """Each image (B, C, H, W) in [0, 1] of classes (B,) after the way through its code: the same shape and range."""

    def bound(self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Bound:
        """The ELBO of each image; drawn from torch's global stream without a generator, where anything is drawn."""


class Bound(NamedTuple):
    """The parts of the evidence lower bound of each image (B,), in nats: elbo = reconstruction - kl."""

    reconstruction: Tensor
    kl: Tensor

    @property
    def elbo(self) -> Tensor:
        """A lower bound of the log-likelihood of each image."""
        return self.reconstruction - self.kl


class LatentModel(GenerativeModel):
    """A generative model that also maps images to a latent space (B, D) with a standard normal prior, and back.

    Labels (B,) go in wherever images or codes do; a model without classes takes no notice of them.
    """

    latent: int

    @abstractmethod
    def encode(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance, each (B, D), of the latent code of images (B, C, H, W) in [0, 1]."""

    @abstractmethod
    def decode(self, latent: Tensor, labels: Tensor) -> Tensor:
        """The expected image (B, C, H, W) in [0, 1] of each latent code (B, D)."""

    @abstractmethod
    def bound(self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> Bound:
        """The ELBO of each image by one draw from its posterior; drawn from torch's global stream without a generator."""

    def sample(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """The expected images of codes drawn from the prior: (N, C, H, W) in [0, 1]."""
        codes = torch.randn(len(labels), self.latent, generator=generator).to(labels.device)
        decoded = [self.decode(*some) for some in zip(codes.split(CHUNK), labels.split(CHUNK), strict=True)]
        return torch.cat(decoded)

    def reconstruct(self, images: Tensor, labels: Tensor) -> Tensor:
        """Each image as its mean code shows it."""
        return self.decode(self.encode(images, labels)[0], labels)

    def interpolate(self, first: Tensor, second: Tensor, steps: int, labels: tuple[Tensor, Tensor]) -> Tensor:
        """From each image (B, C, H, W) of `first` to that of `second`, along a straight line: (B, steps, C, H, W).

        `labels` are those of both ends; the first half of the way is of the first one's class.
        """
        start, end = self.encode(first, labels[0])[0], self.encode(second, labels[1])[0]
        shares = torch.linspace(0, 1, steps)
        path = torch.lerp(start[:, None], end[:, None], shares[:, None])  # (B, steps, D)
        classes = torch.where(shares < 0.5, labels[0][:, None], labels[1][:, None])  # (B, steps)
        images: Tensor = self.decode(path.flatten(0, 1), classes.flatten()).unflatten(0, path.shape[:2])
        return images


def read_generator(folder: Path, options: Section | None = None) -> GenerativeModel:
    """The trained model in a folder of `generate train`, to sample by these options; left out, by the family's defaults.

    Raises ValueError when they are those of another model.
    """
    about = read_about(folder)
    if options is not None and (wanted := trained(options).model_dump(mode="json")) != about.plugin:
        raise ValueError(
            f"{folder} holds {about.plugin}, not {wanted}; only what sampling uses may differ from training"
        )
    network = rebuild("generator", folder, about.shape, len(about.classes), options=options)
    assert isinstance(network, GenerativeModel)
    return network.to(memory_format=torch.channels_last) if about.channels_last else network
