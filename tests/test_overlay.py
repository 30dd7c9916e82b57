"""Maps over images, outlines of masks."""

from __future__ import annotations

import numpy as np
import pytest

from darkroom.overlay import OUTLINE, Scale, outline, overlay, peak, scale


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 10, 1), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_map_without_heat_leaves_the_image_in_gray(image: np.ndarray, channels: int) -> None:
    drawn = overlay(image.repeat(channels, axis=2), np.full((12, 10), 0.5, np.float32), Scale(0.5, 1))
    assert (drawn == image).all()
    assert drawn.shape == (12, 10, 3)
    assert drawn.dtype == np.uint8


def test_more_heat_is_seen_more_and_beyond_the_scale_no_further(image: np.ndarray) -> None:
    heats = (0.0, 0.1, 0.5, 1.0, 7.0)
    drawn = [overlay(image, np.full((12, 10), heat), Scale(0, 1)).astype(int) for heat in heats]
    apart = [np.abs(d - image).mean() for d in drawn]
    assert apart == sorted(apart)
    assert (drawn[3] == drawn[4]).all()
    assert apart[1] > 10, "weak heat is seen"


def test_a_map_of_another_size_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"expected a map of 12×10 pixels as its image, got \(10, 12\)"):
        overlay(image, np.zeros((10, 12)), Scale(0, 1))


def test_the_outline_goes_round_the_mask_and_hides_none_of_it() -> None:
    pixels = np.zeros((12, 10, 3), np.uint8)
    mask = np.zeros((12, 10), bool)
    mask[0:5, 2:8] = True
    marked = (outline(pixels, mask) == OUTLINE).all(2)
    assert not (marked & mask).any()
    assert marked[5, 2:8].all()
    assert marked[0:5, [1, 8]].all()
    assert marked.sum() == 6 + 2 * 5, "nothing is drawn beyond the border of the image"
    assert not outline(pixels, np.zeros((12, 10), bool)).any()
    assert not pixels.any(), "the given picture is not drawn on"


def test_the_scale_begins_at_the_median_normal_image() -> None:
    assert scale(np.array([1.0, 2, 9]), np.linspace(0, 10, 11)) == Scale(2, 9)
    same = scale(np.array([3.0]), np.array([3.0]))
    assert same.low < same.high
    nothing = scale(np.zeros(3), np.zeros(3))
    assert nothing.low < nothing.high


def test_one_pixel_is_no_peak() -> None:
    values = np.zeros((100, 100))
    values[3, 4] = 1
    assert peak(values) == 0
