import hashlib
import json
import random
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from darkroom import registry
from darkroom.augment.config import Policy
from darkroom.augment.pipeline import Numbers, Pipeline, build
from darkroom.augment.transforms.affine import matrix
from darkroom.augment.transforms.noise import line

NAMES = list(registry.entries("transform"))
FILLED = ("rotate", "translate", "scale", "shear", "affine", "elastic")
MOVE = ("hflip", "vflip", "rotate90", "crop", "perspective", *FILLED)
COLORED = ("saturation", "hue", "grayscale")
SIZES = [(8, 8), (28, 20), (33, 17), (28, 28)]


def pipeline(*transforms, size=(28, 28), seed=0):
    return Pipeline(Policy(offline=list(transforms)).offline, size, seed=seed)


def always(name):
    """A transform with its default options that is always applied."""
    return {"name": name, "p": 1}


def photograph(size, channels, seed=0):
    """Smooth blobs over most of the range: what noise and compression work on."""
    smooth = cv2.GaussianBlur(noise(size, channels, seed), (0, 0), min(size) / 12).reshape(*size, channels)
    low, high = smooth.min(), smooth.max()
    return ((smooth - low) * (220 / (high - low)) + 20).astype(np.uint8)


def noise(size, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, channels), np.uint8)


def blobs(size):
    """A binary picture of random squares of four pixels, 0 or 255."""
    cells = np.random.default_rng(3).integers(0, 2, (size[0] // 2 + 1, size[1] // 2 + 1), np.uint8)
    return cells.repeat(2, 0).repeat(2, 1)[: size[0], : size[1]] * 255


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
@pytest.mark.parametrize("channels", [1, 3])
def test_the_numbers_drawn_do_not_depend_on_what_was_drawn_before(name, channels):
    image, other = noise((28, 28), channels), noise((28, 28), channels, seed=1)
    used, fresh = pipeline(always(name), "gauss_noise"), pipeline(always(name), "gauss_noise")
    for copy in range(3):
        used.draw(other, item="other", copy=copy)
        np.random.seed(copy)  # noqa: NPY002 - a transform that used it would be caught
        random.seed(copy)
        cv2.setRNGSeed(copy)
        first, second = (drawing.draw(image, item="x", copy=copy) for drawing in (used, fresh))
        assert np.array_equal(first.image, second.image)
        assert first.applied == second.applied


def fingerprint():
    """Of one draw of every transform, its pixels and its record."""
    drawn = [pipeline(always(name)).draw(noise((28, 28), 3), item="x", copy=1) for name in NAMES]
    return hashlib.sha256(b"".join(d.image.tobytes() + d.applied.encode() for d in drawn)).hexdigest()


def test_another_process_draws_the_same():
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_transforms as t; print(t.fingerprint())"
    call = [sys.executable, "-c", code, str(Path(__file__).parent)]
    other = subprocess.run(call, capture_output=True, text=True, check=True)
    assert other.stdout.strip() == fingerprint()


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


@pytest.mark.parametrize(
    ("size", "few", "blends"), [((28, 28), False, False), ((96, 80), True, False), ((96, 80), False, True)]
)
def test_affine_blends_pixels_of_photographs_alone(size, few, blends):
    """By default: images that are small, or of few values, keep their values."""
    image = (blobs(size) if few else 2 * (noise(size)[..., 0] // 4))[..., None]  # even values alone
    drawn = [pipeline({"name": "affine", "p": 1}, size=size).draw(image, item="x", copy=k).image for k in range(5)]
    assert any(set(np.unique(made)) - set(np.unique(image)) for made in drawn) == blends


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
