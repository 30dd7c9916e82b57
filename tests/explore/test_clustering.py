"""Every registered clustering, the choice of the number of clusters, and agreement beside scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from darkroom import registry
from darkroom.data.components import components
from darkroom.explore.agreement import agreement, knn_accuracy
from darkroom.explore.clustering.found import Tried, choose, points


def blobs(sizes: tuple[int, ...], *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Well-separated groups of points (N, 8), with their numbers, largest first."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centers = 3 * np.eye(8)[: len(sizes)]
    return (centers[labels] + generator.normal(0, 0.2, (len(labels), 8))).astype(np.float32), labels


@pytest.mark.parametrize("name", registry.entries("clustering"))
def test_separate_groups_are_found_with_their_number_largest_first(name: str) -> None:
    given, labels = blobs((60, 40, 30, 20))
    options = registry.options("clustering", name).model_validate(
        {"name": name} | ({"most": 6} if name != "hdbscan" else {})
    )
    found = registry.build(options).cluster(given, seed=1).labels
    clustered = found >= 0
    assert clustered.mean() > 0.9
    assert (found[clustered] == labels[clustered]).all()


@pytest.mark.parametrize("name", registry.entries("clustering"))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_or_equal_points_give_a_label_each(name: str, count: int) -> None:
    options = registry.options("clustering", name)()
    assert len(registry.build(options).cluster(np.zeros((count, 2), np.float32), seed=0).labels) == count


def test_the_highest_silhouette_among_stable_numbers_is_chosen_and_otherwise_the_most_stable() -> None:
    tried = (Tried(2, 0.99, 0.1), Tried(3, 0.85, 0.3), Tried(4, 0.6, 0.9))
    assert choose(tried) == 3
    assert choose((Tried(2, 0.3, 0.9), Tried(3, 0.7, 0.1))) == 3


def test_agreement_is_that_of_scikit_learn_and_holds_its_interval() -> None:
    generator = np.random.default_rng(3)
    labels = generator.integers(0, 4, 300)
    clusters = np.where(generator.random(300) < 0.7, (labels + 1) % 4, generator.integers(-1, 5, 300))
    found = agreement(clusters, labels, generator=generator)
    assert found["nmi"]["value"] == pytest.approx(normalized_mutual_info_score(labels, clusters))
    assert found["ari"]["value"] == pytest.approx(adjusted_rand_score(labels, clusters))
    for one in found.values():
        assert one["low"] <= one["value"] <= one["high"]
    assert found["hungarian"]["value"] == pytest.approx(np.mean(clusters == (labels + 1) % 4), abs=0.02)


def test_neighbors_vote_from_train_on_test_and_leave_one_out_without_a_test_split() -> None:
    given, labels = blobs((30, 30))
    labels = np.where(np.arange(60) % 7 == 0, -1, labels)
    splits = np.where(np.arange(60) % 3 == 0, "test", "train").astype(object)
    found = knn_accuracy(given, labels, splits)
    assert (found["on"], found["value"]) == ("test", 1.0)
    assert found["images"] == int(((labels >= 0) & (splits == "test")).sum())
    alone = knn_accuracy(given, labels, np.full(60, "train", object))
    assert (alone["on"], alone["images"]) == ("leave-one-out", int((labels >= 0).sum()))
    assert knn_accuracy(given, np.full(60, -1), splits)["value"] is None


def test_components_are_those_of_a_singular_value_decomposition_however_many_vectors_there_are() -> None:
    for count in (12, 60):
        given = np.random.default_rng(0).normal(size=(count, 20)).astype(np.float32)
        mean, axes = components(given, 5)
        expected = np.linalg.svd(given - given.mean(0))[2][:5]
        assert np.abs(np.diag(expected @ axes)).min() > 0.999
        assert np.allclose(mean, given.mean(0), atol=1e-6)
    assert points(np.ones((4, 3), np.float32), 2).shape == (4, 1)
