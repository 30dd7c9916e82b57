import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from darkroom import registry
from darkroom.augment.config import Policy
from darkroom.augment.policies import Numbers, Pipeline, build
from darkroom.augment.transforms.affine import matrix

NAMES = list(registry.entries("transform"))
MOVE = ("hflip", "vflip", "rotate", "affine", "crop", "perspective", "elastic")
FILLED = ("rotate", "affine", "elastic")
SIZES = [(8, 8), (33, 17), (28, 28)]


def pipeline(*transforms, size=(28, 28), seed=0):
    return Pipeline(Policy(offline=list(transforms)).offline, size, seed=seed)


def noise(size, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, channels), np.uint8)


def blobs(size):
    """A binary picture of random squares of four pixels, 0 or 255."""
    cells = np.random.default_rng(3).integers(0, 2, (size[0] // 2 + 1, size[1] // 2 + 1), np.uint8)
    return cells.repeat(2, 0).repeat(2, 1)[: size[0], : size[1]] * 255


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_and_type_stay_and_the_input_is_left_alone(name, size, channels):
    drawing = pipeline({"name": name, "p": 1}, size=size)
    image = noise(size, channels)
    image.flags.writeable = False  # as a store's images are
    changed = 0
    for copy in range(6):
        drawn = drawing.draw(image, item="x", copy=copy)
        assert drawn.image.shape == image.shape
        assert drawn.image.dtype == np.uint8
        assert [step["name"] for step in json.loads(drawn.applied)] == [name]
        changed += not np.array_equal(drawn.image, image)
    assert changed


@pytest.mark.parametrize("name", NAMES)
def test_never_applied_with_probability_zero(name):
    image = noise((28, 28))
    drawn = pipeline({"name": name, "p": 0}).draw(image, item="x", copy=0)
    assert np.array_equal(drawn.image, image)
    assert drawn.applied == "[]"


@pytest.mark.parametrize("name", MOVE)
@pytest.mark.parametrize("size", SIZES)
def test_a_mask_goes_where_its_image_goes(name, size):
    drawing = pipeline({"name": name, "p": 1}, size=size)
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


def test_nearest_makes_no_new_brightness():
    image = blobs((28, 28))[..., None]
    for name in MOVE:
        drawn = pipeline({"name": name, "p": 1}).draw(image, item="x", copy=0)
        assert set(np.unique(drawn.image)) <= {0, 255}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), item=st.text(max_size=20), copy=st.integers(0, 10**6))
def test_a_draw_depends_on_seed_item_and_copy_alone(seed, item, copy):
    image, transforms = noise((12, 12)), ("affine", "elastic", "gauss_noise", "cutout")
    used, fresh = (pipeline(*transforms, size=(12, 12), seed=seed) for _ in range(2))
    used.draw(noise((12, 12), seed=1), item="another", copy=3)
    assert np.array_equal(used.draw(image, item=item, copy=copy).image, fresh.draw(image, item=item, copy=copy).image)


def test_every_kind_of_number_follows_from_the_state():
    source = np.random.default_rng(0)
    start, numbers = source.bit_generator.state, Numbers(source)

    def some():
        source.bit_generator.state = start
        numbers.begin()
        pair = [numbers.randint(0, 9), numbers.gauss(), numbers.choice("abc"), numbers.uniform(2, 3), numbers.gauss()]
        return [*pair, numbers.getrandbits(70), numbers.sample(range(50), 5), [numbers.random() for _ in range(40)]]

    first = some()
    numbers.gauss()
    assert some() == first
    assert len(set(first[-1])) == 40
    assert all(numbers.getrandbits(k) < 2**k for k in range(1, 70))


def test_transforms_draw_independently_of_each_other():
    drawing = pipeline("hflip", "vflip")
    texts = [drawing.draw(noise((8, 8)), item="x", copy=copy).applied for copy in range(400)]
    counts = {text: texts.count(text) for text in set(texts)}
    assert len(counts) == 4
    assert all(60 < count < 140 for count in counts.values())


def test_the_record_holds_the_drawn_numbers():
    (step,) = json.loads(pipeline("affine").draw(noise((28, 28)), item="x", copy=0).applied)
    assert step.keys() == {"name", "rotate", "translate", "scale", "shear"}
    assert abs(step["rotate"]) <= 15
    assert abs(step["translate"]["x"]) <= 2.8
    assert 0.9 <= step["scale"] <= 1.1


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
