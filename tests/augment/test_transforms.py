"""Properties of every offline transform: shapes, masks, fills, options."""

import json

import numpy as np
import pytest
from pydantic import ValidationError
from tests.augment.drawn import COLORED, FILLED, MOVE, NAMES, SIZES, always, blobs, noise, pipeline

from darkroom import registry


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [*SIZES, (224, 160)])
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_and_type_stay_and_the_input_is_left_alone(name, size, channels):
    drawing = pipeline(always(name), size=size)
    image = noise(size, channels)
    image.flags.writeable = False  # as a store's images are
    changed = 0
    for copy in range(6):
        drawn = drawing.draw(image, item="x", copy=copy)
        assert drawn.image.shape == image.shape
        assert drawn.image.dtype == np.uint8
        assert [step["name"] for step in json.loads(drawn.applied)] == [name]
        changed += not np.array_equal(drawn.image, image)
    assert changed or (channels == 1 and name in COLORED)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (2, 40), (40, 2)])
def test_tiny_and_narrow_images_are_taken(name, size):
    drawing = pipeline(always(name), size=size)
    for copy in range(3):
        assert drawing.draw(noise(size), item="x", copy=copy).image.shape == (*size, 1)


@pytest.mark.parametrize("name", COLORED)
def test_colors_of_gray_images_stay_as_they_are(name):
    gray = noise((28, 28))
    for copy in range(4):
        assert np.array_equal(pipeline(always(name)).draw(gray, item="x", copy=copy).image, gray)


@pytest.mark.parametrize("name", NAMES)
def test_never_applied_with_probability_zero(name):
    image = noise((28, 28))
    drawn = pipeline({"name": name, "p": 0}).draw(image, item="x", copy=0)
    assert np.array_equal(drawn.image, image)
    assert drawn.applied == "[]"


@pytest.mark.parametrize("name", MOVE)
@pytest.mark.parametrize("size", SIZES)
def test_a_mask_goes_where_its_image_goes(name, size):
    drawing = pipeline(always(name), size=size)
    mask = blobs(size)
    for copy in range(10):
        drawn = drawing.draw(mask[..., None], mask, item="x", copy=copy)
        assert np.array_equal(drawn.image[..., 0], drawn.mask)


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(MOVE)))
def test_what_moves_nothing_leaves_the_mask(name):
    mask = blobs((28, 28))
    drawn = pipeline({"name": name, "p": 1}).draw(noise((28, 28)), mask, item="x", copy=0)
    assert np.array_equal(drawn.mask, mask)


@pytest.mark.parametrize("name", FILLED)
def test_masks_stay_binary_and_fit_under_every_fill_and_interpolation(name):
    mask = blobs((33, 17))
    for fill in ("reflect", "constant", "edge"):
        for interpolation in ("nearest", "linear", "cubic"):
            options = {"name": name, "p": 1, "fill": fill, "interpolation": interpolation}
            drawn = pipeline(options, size=(33, 17)).draw(mask[..., None], mask, item="x", copy=0)
            assert set(np.unique(drawn.mask)) <= {0, 255}
            assert ((drawn.image[..., 0] > 127) == (drawn.mask > 127)).mean() > 0.8


@pytest.mark.parametrize("name", FILLED)
def test_constant_fill_is_black_and_the_others_are_not(name):
    white = np.full((28, 28, 1), 255, np.uint8)
    darkest = {
        fill: min(
            pipeline({"name": name, "p": 1, "fill": fill}).draw(white, item="x", copy=copy).image.min()
            for copy in range(10)
        )
        for fill in ("reflect", "constant", "edge")
    }
    assert darkest == {"reflect": 255, "constant": 0, "edge": 255}


@pytest.mark.parametrize("name", ["crop", "perspective", *FILLED])
@pytest.mark.parametrize(
    ("size", "few", "blends"), [((28, 28), False, False), ((96, 80), True, False), ((96, 80), False, True)]
)
def test_pixels_of_photographs_alone_are_blended(name, size, few, blends):
    """By default: images that are small, or of few values, keep their values."""
    image = (blobs(size) if few else 2 * (noise(size)[..., 0] // 4))[..., None]  # even values alone
    drawn = [pipeline(always(name), size=size).draw(image, item="x", copy=k).image for k in range(5)]
    assert any(set(np.unique(made)) - set(np.unique(image)) for made in drawn) == blends


def test_nearest_makes_no_new_brightness():
    image = blobs((28, 28))[..., None]
    for name in MOVE:
        drawn = pipeline({"name": name, "p": 1}).draw(image, item="x", copy=0)
        assert set(np.unique(drawn.image)) <= {0, 255}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("hflip", {"p": 1.5}),
        ("rotate", {"degrees": 0}),
        ("rotate", {"degrees": 181}),
        ("affine", {"scale": 1}),
        ("affine", {"fill": "wrap"}),
        ("affine", {"interpolation": "area"}),
        ("crop", {"area": 0}),
        ("crop", {"ratio": 0.5}),
        ("perspective", {"scale": 0.5}),
        ("elastic", {"sigma": 0}),
        ("brightness_contrast", {"brightness": -0.1}),
        ("gamma", {"gamma": 1}),
        ("gauss_noise", {"std": 2}),
        ("gauss_blur", {"sigma": 0}),
        ("cutout", {"size": 1}),
        ("cutout", {"holes": 0}),
        ("cutout", {"value": 256}),
        ("affine", {"degrees": 5}),
        ("rotate90", {"turns": []}),
        ("rotate90", {"turns": [4]}),
        ("translate", {"by": 1}),
        ("shear", {"degrees": 61}),
        ("brightness", {"by": 0}),
        ("contrast", {"by": 1.1}),
        ("hue", {"by": 0.6}),
        ("solarize", {"threshold": 1.1}),
        ("posterize", {"bits": 8}),
        ("clahe", {"clip": 1}),
        ("salt_and_pepper", {"share": 0}),
        ("motion_blur", {"length": 0}),
        ("jpeg", {"quality": 0}),
        ("random_erasing", {"area": 1}),
        ("grid_dropout", {"ratio": 1}),
    ],
)
def test_options_out_of_range_are_refused(name, wrong):
    with pytest.raises(ValidationError):
        registry.options("transform", name)(**wrong)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_says_what_it_is(name):
    fields = registry.options("transform", name).model_fields
    assert "p" in fields
    assert all(field.description for key, field in fields.items() if key != "name")
    assert registry.entry("transform", name).summary
