"""A transform of some classes only gives them away where its traces can be seen, and only there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from darkroom.audit import cue, folds
from darkroom.audit.config import MeasureSpec
from darkroom.audit.steps import steps
from darkroom.augment.copies import Copier
from darkroom.augment.makers.image import ImageCopies
from darkroom.data.store import Store, open_store
from darkroom.measure.bootstrap import Interval
from darkroom.settings import Section


def spec() -> MeasureSpec:
    return MeasureSpec.model_validate(
        {
            "name": "some",
            "network": {"name": "resnet", "width": 8, "stages": 2},
            "folds": 2,
            "images": 40,
            "policy": {"copies": 1, "offline": ["hflip"]},
            "training": {"epochs": 6, "batch_size": 64},
        }
    )


def measured(store: Store) -> Interval:
    asked = spec()
    [step] = steps(asked.policy)

    def copying(transforms: Sequence[Section], seed: int) -> Copier:
        return ImageCopies().copier(transforms, store, data=Path(), seed=seed)

    return cue.measure(asked, store, copying, *folds.folds(store, asked), step, 1.0)


@pytest.mark.training
def test_mirrored_digits_are_seen_and_mirrored_noise_is_not(digits: Path) -> None:
    store = open_store(digits)
    assert measured(store)["low"] > 0.7
    noise = np.random.default_rng(0).integers(0, 256, store.samples.shape, dtype=np.uint8)
    blind = measured(dataclasses.replace(store, samples=noise))
    assert blind["low"] < 0.5 < blind["high"] + 0.05


def test_only_a_transform_that_some_classes_go_without_is_a_cue() -> None:
    assert cue.partial({"a": 1, "b": 0.5}, {"a": 1, "b": 0.5}) is None
    assert cue.partial({"a": 1, "b": 1}, {"a": 0, "b": 0}) is None
    assert cue.partial({"a": 1, "b": 0}, {"a": 1, "b": 0}) == {"where": "policy", "without": ["b"]}
    assert cue.partial({"a": 1, "b": 1}, {"a": 0, "b": 0.5}) == {"where": "suggestion", "without": ["a"]}
