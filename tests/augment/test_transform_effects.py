"""What single offline transforms do to an image."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.augment.drawn import SIZES, always, noise, photograph, pipeline

from darkroom.augment.config import Policy
from darkroom.augment.pipeline import build
from darkroom.augment.transforms.affine import matrix
from darkroom.augment.transforms.noise import line


@settings(max_examples=30, deadline=None)
@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    rotate=st.floats(-180, 180),
    scale=st.floats(0.1, 2),
    shear=st.floats(-60, 60),
    x=st.floats(-9, 9),
    y=st.floats(-9, 9),
)
def test_affine_goes_where_albumentations_would(size, rotate, scale, shear, x, y):
    from albumentations.augmentations.geometric.functional import center, create_affine_transformation_matrix

    ours = matrix({"rotate": rotate, "scale": scale, "shear": shear, "translate": {"x": x, "y": y}}, *size)
    theirs = create_affine_transformation_matrix(
        {"x": x, "y": y}, {"x": shear, "y": 0}, {"x": scale, "y": scale}, rotate, center(size)
    )
    assert np.allclose(ours, theirs[:2])


def test_elastic_shifts_the_middle_by_what_it_says():
    size = (64, 64)
    options = Policy(offline=[{"name": "elastic", "p": 1, "displacement": 0.05, "sigma": 0.1}]).offline[0]
    transform = build(options, size)
    transform.set_random_seed(0)
    shifts = []
    for _ in range(20):
        transform(image=noise(size))
        shifts.append((transform.params["map_x"] - np.arange(64))[16:-16, 16:-16])
    assert np.std(shifts) == pytest.approx(0.05 * 64, rel=0.2)


def test_quarter_turns_are_exact():
    image = noise((8, 8), 3)
    for turns in (1, 2, 3):
        drawn = pipeline({"name": "rotate90", "turns": [turns], "p": 1}, size=(8, 8)).draw(image, item="x", copy=0)
        assert np.array_equal(drawn.image, np.rot90(image, turns))
    some = {pipeline(always("rotate90")).draw(noise((28, 28)), item="x", copy=n).applied for n in range(30)}
    assert len(some) == 3


def test_quarter_turns_of_oblong_images_are_refused():
    with pytest.raises(ValueError, match=r"28x20 pixels; set turns to \[2\] or remove.*data\.size"):
        pipeline({"name": "rotate90", "turns": [1, 2]}, size=(28, 20))
    assert pipeline("rotate90", size=(28, 20)).draw(noise((28, 20)), item="x", copy=0).image.shape == (28, 20, 1)


def test_contrast_keeps_the_mean_and_brightness_black():
    image = photograph((32, 32), 1) // 4 + 96  # far from black and white
    for drawn in _draws("contrast", image):
        assert drawn.image.mean() == pytest.approx(image.mean(), abs=1)
    for drawn in _draws("brightness", image):
        factor = json.loads(drawn.applied)[0]["factor"]
        assert drawn.image == pytest.approx(image * factor, abs=1.01)


def test_a_full_turn_of_the_hue_takes_red_to_cyan_and_no_saturation_is_gray():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    turns = {round(json.loads(d.applied)[0]["turn"], 2): d.image[0, 0] for d in _draws("hue", red, by=0.5)}
    assert all(color.max() == 200 for color in turns.values())  # brightness stays
    assert len({tuple(color) for color in turns.values()}) > 10
    for drawn in _draws("grayscale", red):
        assert len(np.unique(drawn.image[0, 0])) == 1


def _draws(name, image, **options):
    drawing = pipeline({**always(name), **options}, size=image.shape[:2])
    return [drawing.draw(image, item="x", copy=copy) for copy in range(20)]


def test_jpeg_treats_red_and_blue_as_a_camera_does():
    image = photograph((32, 32), 3)
    (drawn, *_) = _draws("jpeg", image, quality=20)
    quality = json.loads(drawn.applied)[0]["quality"]
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), (cv2.IMWRITE_JPEG_QUALITY, quality))
    assert np.array_equal(cv2.cvtColor(cv2.imdecode(coded, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), drawn.image)


@settings(max_examples=40, deadline=None)
@given(length=st.floats(1e-6, 40), angle=st.floats(0, 180))
def test_a_motion_blur_has_the_length_that_it_says(length, angle):
    weights = line(length, angle)
    assert weights.shape[0] == weights.shape[1]
    assert weights.shape[0] % 2 == 1
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-5)
    place = np.arange(len(weights)) - len(weights) // 2
    across, down = (weights.sum(axis) for axis in (0, 1))
    assert across @ place == pytest.approx(0, abs=0.02)
    spread = across @ place**2 + down @ place**2
    assert spread == pytest.approx(length**2 / 12, rel=0.05, abs=0.55)  # each axis adds up to 1/4 by splitting pixels


@pytest.mark.parametrize("size", [*SIZES, (224, 160)])
def test_what_is_hidden_is_as_large_as_said(size):
    white = np.full((*size, 1), 255, np.uint8)
    pixel = 1 / min(size)
    for drawn in _draws("cutout", white, size=0.5):
        assert 0 < (drawn.image == 0).mean() <= 0.25
    for drawn in _draws("random_erasing", white, area=0.3):
        assert (drawn.image != 255).mean() <= 0.3 + pixel
    shares = [(drawn.image == 0).mean() for drawn in _draws("grid_dropout", white, ratio=0.5)]
    assert np.mean(shares) == pytest.approx(0.25, abs=0.1)


def test_cutout_squares_are_centered_anywhere_and_clipped():
    white = np.full((40, 30, 1), 255, np.uint8)
    boxes = [np.argwhere(drawn.image[..., 0] == 0) for drawn in _draws("cutout", white, size=0.4)]
    sides = np.array([box.max(0) - box.min(0) + 1 for box in boxes])
    inside = np.array([(box.min(0) > 0).all() and (box.max(0) < (39, 29)).all() for box in boxes])
    assert (sides[inside, 0] == sides[inside, 1]).all()
    assert sides.max() <= 0.4 * 30
    assert not inside.all()


def test_erasing_fills_with_noise_of_its_own():
    white = np.full((32, 32, 3), 255, np.uint8)
    fills = {drawn.image[(drawn.image != 255).any(-1)].tobytes() for drawn in _draws("random_erasing", white)}
    assert len(fills) == 20


def test_salt_and_pepper_are_white_and_black():
    gray = np.full((40, 40, 3), 100, np.uint8)
    for drawn in _draws("salt_and_pepper", gray, share=0.2):
        assert set(np.unique(drawn.image)) <= {0, 100, 255}
        assert (drawn.image != 100).mean() <= 0.2
        assert (drawn.image == drawn.image[..., :1]).all()
