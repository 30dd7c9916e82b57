"""What an epoch shows: always as many images as there are items, and rare classes as often as the sampling says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.fit.sampling import SAMPLINGS, balanced_sampler, even

LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=60).map(lambda found: np.array(found, np.int64))


@pytest.mark.parametrize("name", SAMPLINGS)
@given(labels=LABELS, seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_an_epoch_has_as_many_images_as_there_are_items(name: str, labels: np.ndarray, seed: int) -> None:
    order = SAMPLINGS[name](labels, np.random.default_rng(seed))
    assert len(order) == len(labels)
    assert order.min() >= 0
    assert order.max() < len(labels)
    assert np.array_equal(order, SAMPLINGS[name](labels, np.random.default_rng(seed)))


@given(labels=LABELS, seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_even_shows_each_class_alike_and_each_item_of_a_class_alike(labels: np.ndarray, seed: int) -> None:
    order = even(labels, np.random.default_rng(seed))
    shown = np.bincount(labels[order], minlength=5)[np.unique(labels)]
    assert shown.max() - shown.min() <= 1
    for label in np.unique(labels):
        times = np.bincount(order, minlength=len(labels))[labels == label]
        assert times.max() - times.min() <= 1


def test_the_balanced_sampler_draws_rare_classes_as_often_as_common_ones() -> None:
    labels = np.repeat([0, 1, 3], [900, 90, 10])  # class 2 has no item
    generator = np.random.default_rng(0)
    shown = np.bincount(np.concatenate([labels[balanced_sampler(labels, generator)] for _ in range(30)]), minlength=4)
    assert shown[2] == 0
    assert np.abs(shown[[0, 1, 3]] / 10_000 - 1).max() < 0.05  # five standard deviations of 30,000 draws
