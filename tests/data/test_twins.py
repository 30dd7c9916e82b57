"""Near-duplicates are photographs of one object under different light, not images that merely look alike."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from darkroom.data import twins
from darkroom.data.descriptors import describe

Image = NDArray[np.uint8]


def textures(count: int, side: int = 64, channels: int = 1, seed: int = 0) -> Image:
    """Return random textures: noise blurred to the grain of a surface."""
    noise = np.random.default_rng(seed).normal(size=(count, side, side, channels)).astype(np.float32)
    soft = np.stack([cv2.GaussianBlur(image, (0, 0), 2).reshape(image.shape) for image in noise])
    return np.clip(128 + 30 * soft / soft.std(), 0, 255).astype(np.uint8)


def jpeg(image: Image) -> Image:
    kept = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return np.asarray(cv2.imdecode(kept, cv2.IMREAD_UNCHANGED), np.uint8).reshape(image.shape)


def lit(image: Image) -> Image:
    slope = np.linspace(0.5, 1.2, image.shape[1])[None, :, None] * np.linspace(1, 0.7, image.shape[0])[:, None, None]
    return np.clip(image * slope, 0, 255).astype(np.uint8)


PHOTOGRAPHS: dict[str, Callable[[Image], Image]] = {
    "brighter": lambda image: np.clip(image + 40.0, 0, 255).astype(np.uint8),
    "less contrast": lambda image: (60 + 0.5 * image).astype(np.uint8),
    "gamma": lambda image: (255 * (image / 255) ** 1.8).astype(np.uint8),
    "light from a side": lit,
    "shifted": lambda image: np.roll(image, (1, 1), axis=(0, 1)),
    "jpeg": jpeg,
    "noise": lambda image: np.clip(image + np.random.default_rng(1).normal(0, 6, image.shape), 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("name", PHOTOGRAPHS)
@pytest.mark.parametrize("channels", [1, 3])
def test_a_second_photograph_is_found_and_nothing_else(name: str, channels: int) -> None:
    images = textures(120, channels=channels)
    again = np.stack([PHOTOGRAPHS[name](image) for image in images[:20]])
    found = twins.find(np.concatenate([images, again]))
    assert found.pairs.tolist() == [[row, 120 + row] for row in range(20)]
    assert found.groups == tuple((row, 120 + row) for row in range(20))
    assert found.threshold is not None
    assert (found.similarity > found.threshold[0]).all()


@pytest.mark.parametrize("count", [12, 20, 40, 100])
def test_small_sets_too(count: int) -> None:
    images = textures(count)
    found = twins.find(np.concatenate([images, np.stack([lit(images[0]), lit(images[1])])]))
    assert set(found.groups) <= {(0, count), (1, count + 1)}
    assert len(found.groups) == 2
    assert twins.find(images).groups == ()


def test_a_group_of_several_photographs_is_one_group() -> None:
    images = textures(150)
    shades = [(50 + share * images[:3]).astype(np.uint8) for share in (0.3, 0.45, 0.6, 0.7)]
    found = twins.find(np.concatenate([images, *shades]))
    assert found.groups == tuple((row, *range(150 + row, 162, 3)) for row in range(3))
    assert len(found.pairs) == 3 * 10


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (16, 40, 3)])
def test_images_of_noise_are_not_grouped(shape: tuple[int, int, int]) -> None:
    for seed in range(3):
        images = np.random.default_rng(seed).integers(0, 256, (200, *shape), dtype=np.uint8)
        assert twins.find(images).groups == ()


@pytest.mark.parametrize("count", [40, 150, 600, 1797])
def test_digits_that_look_alike_are_not_grouped(count: int) -> None:
    images = (load_digits().images[:count, :, :, None] * (255 / 16)).astype(np.uint8)
    assert twins.find(images).groups == ()


def test_neither_order_nor_threads_matter() -> None:
    plain = textures(90, side=20)
    images = np.concatenate([plain, np.stack([lit(image) for image in plain[:30]])])
    found = twins.find(images)
    assert len(found.groups) == 30
    order = np.random.default_rng(3).permutation(len(images))
    turned = twins.find(images[order])
    assert {frozenset(order[list(rows)].tolist()) for rows in turned.groups} == set(map(frozenset, found.groups))
    for threads in (1, 2):
        with threadpool_limits(threads):
            again = twins.find(images)
        assert again.pairs.tolist() == found.pairs.tolist()
        assert again.similarity.tolist() == found.similarity.tolist()
        assert again.threshold == found.threshold


def test_only_the_rows_asked_for() -> None:
    images = np.concatenate([textures(60), textures(60), textures(60)])
    found = twins.find(images, np.arange(30, 120))
    assert found.groups == tuple((row, row + 60) for row in range(30, 60))


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_nothing_to_see(count: int) -> None:
    assert twins.find(np.full((count, 20, 20, 1), 7, np.uint8)).groups == ()
    assert twins.find(np.zeros((count, 1, 1, 3), np.uint8)).groups == ()
    images = textures(40)
    images[:count] = 90  # flat
    assert twins.find(images).groups == ()


def test_the_search_is_exact() -> None:
    vectors = describe(textures(700, side=20), np.arange(700))
    near, similarity = twins.neighbors(vectors, np.array([3, 699, 5]), 20)
    exact = (vectors @ vectors.T).astype(np.float64)
    np.fill_diagonal(exact, -2)
    for row, found, values in zip((3, 699, 5), near, similarity, strict=True):
        np.testing.assert_allclose(values, np.sort(exact[row])[::-1][:20], atol=1e-4)
        np.testing.assert_allclose(exact[row, found], values, atol=1e-4)
        assert row not in found


def test_a_chain_of_chance_joins_nothing() -> None:
    chain = {(row, row + 1): 20.0 for row in range(9)}
    assert max(map(len, twins.coherent(chain))) <= 3


def test_what_is_left_when_rows_are_taken_out() -> None:
    images = textures(30)
    found = twins.find(np.concatenate([images, images[:3], np.stack([lit(image) for image in images[:2]])]))
    assert found.groups == ((0, 30, 33), (1, 31, 34), (2, 32))
    stays = np.ones(35, bool)
    stays[[5, 31, 2]] = False
    left = found.among(stays)
    assert left.groups == ((0, 28, 30), (1, 31))
    assert left.pairs.tolist() == [[0, 28], [0, 30], [1, 31], [28, 30]]
    assert len(left.similarity) == 4
