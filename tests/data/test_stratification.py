"""Splits stratified by several labels at once, or by quantiles of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from darkroom.data import split
from darkroom.data.stratification import strata
from darkroom.data.target import Kind, Target

SHARES = {"val": 0.1, "test": 0.2}
CHANCES = np.array([0.5, 0.2, 0.05, 0.02])


def found(kind: Kind, values: Any) -> NDArray[np.int64]:
    values = np.asarray(values, np.float32)
    return strata(Target(kind, tuple(map(str, range(values.shape[1])))), values)


def assign(places: NDArray[np.int64], groups: Any = None, seed: int = 0) -> NDArray[Any]:
    count = len(places)
    groups = np.arange(count) if groups is None else np.asarray(groups, np.int64)
    ids = [f"item-{n}" for n in range(count)]
    return np.array(split.assign(ids, places, groups, [None] * count, **SHARES, seed=seed))


@st.composite
def grouped(draw: st.DrawFn) -> tuple[NDArray[np.float32], list[int]]:
    count, labels = draw(st.integers(1, 60)), draw(st.integers(1, 4))
    cells = st.sampled_from([0.0, 1.0])
    rows = st.lists(cells, min_size=labels, max_size=labels) | st.just([np.nan] * labels)
    values = np.array([draw(rows) for _ in range(count)], np.float32)
    return values, [draw(st.integers(0, count)) for _ in range(count)]


@given(grouped(), st.integers(0, 3))
@settings(max_examples=100)
def test_groups_stay_whole_and_every_image_gets_a_split_and_a_fold(
    made: tuple[NDArray[np.float32], list[int]], seed: int
) -> None:
    values, groups = made
    places, ids = found("labels", values), [f"item-{n}" for n in range(len(values))]
    assert (places.sum(1) >= 1).all()
    parts = assign(places, groups, seed)
    folds = split.folds(ids, places, np.array(groups), count=3, seed=seed)
    given_ = np.array(["train", "val", "test"])[np.arange(len(values)) % 3].tolist()
    moved = split.regroup(ids, places, np.array(groups), given_, seed=seed)
    for assigned in (parts.tolist(), folds.tolist(), moved):
        assert split.torn(np.array(groups), assigned) == 0
    assert set(parts) <= {"train", "val", "test"}
    assert "train" in parts
    assert (places[parts == "train"].any(0) == places.any(0)).all()


def test_every_label_keeps_its_share_and_the_rarest_reach_every_split() -> None:
    generator = np.random.default_rng(0)
    values = (generator.random((600, 4)) < CHANCES).astype(float)
    values[:, 3] = 0
    values[:3, 3] = 1  # three images of the last label
    parts = assign(found("labels", values))
    for name, share in {"train": 0.7, **SHARES}.items():
        here = values[parts == name]
        assert len(here) == pytest.approx(600 * share, abs=3)
        assert np.abs(here[:, :3].sum(0) - values[:, :3].sum(0) * share).max() <= 2
        assert here[:, 3].sum() == 1
        none = (values.sum(1) == 0).sum()
        assert (here.sum(1) == 0).sum() == pytest.approx(none * share, abs=2)


def test_stratified_splits_are_closer_to_the_labels_shares_than_random_ones() -> None:
    generator = np.random.default_rng(1)
    values = (generator.random((400, 4)) < CHANCES).astype(float)

    def distance(parts: NDArray[Any]) -> float:
        return float(sum(np.abs(values[parts == n].mean(0) - values.mean(0)).mean() for n in ("val", "test")))

    random = [distance(generator.permutation(assign(found("labels", values)))) for _ in range(20)]
    assert distance(assign(found("labels", values))) < min(random) / 2


def test_numbers_are_stratified_by_quantiles() -> None:
    values = np.random.default_rng(2).lognormal(0, 2, (500, 1))
    parts = assign(found("numbers", values))
    ranks = values[:, 0].argsort().argsort() / 500
    for name, share in SHARES.items():
        tenths = np.bincount((ranks[parts == name] * 10).astype(int), minlength=10)
        assert (np.abs(tenths - 50 * share) <= 1).all()


@pytest.mark.parametrize("values", [[[3.0]] * 40, [[np.nan]] * 5, [[n % 2] for n in range(200)], [[1.0]]])
def test_numbers_that_repeat_or_are_missing_are_divided_too(values: list[list[float]]) -> None:
    places = found("numbers", values)
    assert (places.sum(1) == 1).all()
    assert "train" in assign(places)


def test_the_order_of_the_images_does_not_matter() -> None:
    generator = np.random.default_rng(3)
    places = found("labels", (generator.random((80, 3)) < 0.3).astype(float))
    ids, order = np.array([f"item-{n}" for n in range(80)]), generator.permutation(80)
    again = split.assign(ids[order].tolist(), places[order], np.arange(80), [None] * 80, **SHARES, seed=0)
    assert dict(zip(ids, assign(places), strict=True)) == dict(zip(ids[order], again, strict=True))
    folds = split.folds(ids.tolist(), places, np.arange(80), count=4, seed=0)
    other = split.folds(ids[order].tolist(), places[order], np.arange(80), count=4, seed=0)
    assert dict(zip(ids, folds, strict=True)) == dict(zip(ids[order], other, strict=True))
    assert set(np.bincount(folds)) <= {19, 20, 21}
