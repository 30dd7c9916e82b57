"""Estimate how long a run takes without a GPU, from rough costs per pixel on one core."""

from __future__ import annotations

import os

from darkroom.classify.config import Classifier
from darkroom.classify.training_jobs import policies
from darkroom.config import photographs
from darkroom.config.model import Config
from darkroom.init.scene import Scene

STARTS = 7.0
"""Processor seconds to start a job and import its libraries."""
FORWARD = 2.0e6
"""Pixels per second through the pretrained network (39 images of 224×224)."""
BACKWARD = 3.0
"""Cost of a training step over that of a forward pass."""
SCRATCH = 1.0e6
"""Pixels per second in training the default residual network."""
DETECTOR = 0.02
"""Seconds per image that a detector adds to its features."""
VIEWS = 4
"""Augmented views of each training image that a probe learns from."""
TUNED_EPOCHS = 10
"""Epochs of fine-tuning by default."""
TRAINED = 0.8
"""Share of the images in training."""
CORES = os.cpu_count() or 1
FIXED = 6
"""Jobs that every config has: fetch, prepare, card, sheets, report."""


def minutes(scene: Scene, config: Config) -> float:
    """Return the minutes that a first run takes on all cores."""
    pixels = _pixels(scene, config)
    work = [STARTS * FIXED, scene.images * scene.sample.seconds]
    if config.detect:
        seconds = scene.images * (pixels / FORWARD + DETECTOR)
        work += [2 * STARTS + seconds] * (len(config.detect.detectors) * len(config.detect.seeds))
    if config.classify:
        for model in config.classify.models.values():
            training = _training(model, scene.images, pixels)
            work += [2 * STARTS + training] * (len(config.classify.seeds) * len(policies(config)))
    if config.generate:
        epochs = max(model.training.epochs for model in config.generate.models.values())
        work.append(3 * STARTS + 2 * epochs * TRAINED * scene.images * pixels / SCRATCH)
    return sum(work) / CORES / 60


def fine_tuning(scene: Scene, side: int) -> float:
    """Return the minutes to fine-tune the pretrained network with images of this side, with and without augmentation."""
    return 2 * TUNED_EPOCHS * TRAINED * scene.images * BACKWARD * side**2 / FORWARD / CORES / 60


def _training(model: Classifier, images: int, pixels: int) -> float:
    """Return the processor seconds to train and evaluate a classifier on images with this number of pixels."""
    if model.transfer is None:
        return model.training.epochs * TRAINED * images * pixels / SCRATCH
    network = model.network.model_dump()
    forward = (network["size"] or photographs.SIDE) ** 2 / FORWARD
    frozen = model.transfer.name == "probe"  # type: ignore[attr-defined]
    passes = VIEWS if frozen else model.training.epochs * BACKWARD
    return images * forward * (2 + TRAINED * passes)


def _pixels(scene: Scene, config: Config) -> int:
    """Return the pixels of a prepared image."""
    size = config.data.size or (scene.size if scene.one_size else 64)
    height, width = (size, size) if isinstance(size, int) else size
    return height * width


def about(value: float) -> str:
    """Return a duration in words, with no more digits than such an estimate has."""
    if value < 1.5:
        return "about a minute"
    if value < 90:
        return f"about {round(value) if value < 20 else round(value / 10) * 10} minutes"
    return f"about {round(value / 60) if value > 300 else round(value / 30) / 2:g} hours"
