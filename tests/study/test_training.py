"""Divisions of a set in memory, and the classifiers trained on them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from darkroom.nets.mlp import MLP
from darkroom.registry import chosen
from darkroom.study.training import Division, classifier, digits, divide


def division(seed: int) -> Division:
    return divide(digits(), train=120, val=60, test=300, seed=seed)


def test_a_division_is_disjoint_and_has_all_classes() -> None:
    found = division(0)
    assert [len(found.train), len(found.val), len(found.test)] == [120, 60, 300]
    assert len(np.unique(np.concatenate([found.train, found.val, found.test]))) == 480
    assert np.bincount(digits().labels[found.train], minlength=10).min() >= 10


def test_seeds_change_the_training_images_and_not_the_test_images() -> None:
    assert (division(0).test == division(1).test).all()
    assert set(division(0).train) != set(division(1).train)


def test_too_few_images_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"digits has 1797 images; 1500 \+ 0 \+ 400"):
        divide(digits(), train=1500, val=0, test=400, seed=0)


def test_a_seed_repeats_a_training_bit_for_bit() -> None:
    parts, store = division(0), digits()
    spec: dict[str, Any] = {
        "network": chosen(MLP, hidden=[32]),
        "training": {"epochs": 10, "batch_size": 32},
    }
    first, second, other = (classifier(store, parts.train, **spec, seed=seed, held_out=parts.val) for seed in (0, 0, 1))
    logits = [model.logits(store.samples[parts.test]) for model in (first, second, other)]
    assert (logits[0] == logits[1]).all()
    assert (logits[0] != logits[2]).any()
    assert first.correct(store, parts.test).mean() > 0.5
    assert list(first.history["epoch"]) == list(range(10))
