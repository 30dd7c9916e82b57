"""Estimate how long a run takes without a GPU, from costs per pixel measured on one core."""

from __future__ import annotations

import os

from darkroom.classify.jobs import policies
from darkroom.config.load import Config
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
FIXED = 6
"""Jobs that every config has: fetch, prepare, card, sheets, report."""


def minutes(scene: Scene, config: Config, *, cores: int | None = None) -> float:
    """Return the minutes that a first run takes on this number of cores, by default all."""
    cores = cores or os.cpu_count() or 1
    pixels = _pixels(scene, config)
    trained = 0.8 * scene.images
    work = [STARTS * FIXED, scene.images * scene.sample.seconds]
    if config.detect:
        seconds = scene.images * (pixels / FORWARD + DETECTOR)
        work += [2 * STARTS + seconds] * (len(config.detect.detectors) * len(config.detect.seeds))
    if config.classify:
        section = config.classify
        for model in section.models.values():
            name, way = model.network.name, getattr(getattr(model, "transfer", None), "name", "")  # type: ignore[attr-defined]
            if name == "pretrained":
                pixels = (getattr(model.network, "size", None) or 224) ** 2
            forward = pixels / (FORWARD if name == "pretrained" else SCRATCH * BACKWARD)
            epochs = 0 if way == "probe" else model.training.epochs
            seconds = epochs * trained * BACKWARD * forward + scene.images * forward
            work += [2 * STARTS + seconds] * (len(section.seeds) * len(policies(config)))
    if config.generate:
        epochs = max(model.training.epochs for model in config.generate.models.values())
        work.append(3 * STARTS + 2 * epochs * trained * pixels / SCRATCH)
    return max(max(work), sum(work) / cores) / 60


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
