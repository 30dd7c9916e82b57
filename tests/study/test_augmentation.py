"""Techniques, rotations and the arithmetic of mixed labels."""

from __future__ import annotations

import numpy as np
import pytest

from darkroom import registry
from darkroom.study.augmentation.experiment import arithmetic, rotated
from darkroom.study.augmentation.techniques import applied, by_family
from darkroom.study.training import mnist

STORE = mnist()


def test_every_technique_for_images_has_a_family_and_changes_something() -> None:
    families = by_family()
    every = {name for names in families.values() for name in names}
    assert every == {*registry.taking("transform", "image"), *registry.taking("batch transform", "image")}
    images = STORE.samples[::500]
    same = {
        name
        for names in families.values()
        for name, kind in names.items()
        if name not in ("mixup", "cutmix") and (applied(kind, name, images) == images).all()
    }
    assert same <= {"hue", "saturation", "grayscale"}  # nothing to change in gray images


def test_every_technique_for_images_is_shown() -> None:
    shown = {name for names in by_family().values() for name in names}
    assert shown == {name for kind in ("batch transform", "transform") for name in registry.taking(kind, "image")}


def test_mixed_labels_are_the_shares_of_the_pixels() -> None:
    found = arithmetic(STORE, share=0.7, cut=(14, 10))
    assert found["kept"] == pytest.approx(1 - 140 / 784)
    assert max(found["mixup_error"], found["cutmix_error"], found["loss_error"]) < 1e-5


def test_half_a_turn_twice_is_the_image_itself() -> None:
    images = STORE.samples[:20]
    assert (rotated(images, 0) == images).all()
    assert np.abs(rotated(images, 180).astype(int) - images[:, ::-1, ::-1]).max() <= 1
    assert np.abs(rotated(images, 90).astype(int) - np.rot90(images, -1, (1, 2))).max() <= 1  # clockwise
