"""Strength: amounts scaled within their ranges, and pixels that change accordingly."""

import cv2
import numpy as np
import pytest
import torch

from darkroom import registry
from darkroom.augment import occlusion
from darkroom.augment.config import Policy
from darkroom.augment.pipeline import Pipeline
from darkroom.augment.strength import is_binary, marked, operations, reach, scaled, strongest

NAMES = list(registry.taking("transform", "image"))
KINDS = [(kind, name) for kind in ("transform", "batch transform") for name in registry.entries(kind)]
BINARY = {"hflip", "vflip", "rotate90", "grayscale", "equalize"}
ASKED = {
    *("hflip", "vflip", "rotate", "translate", "scale", "shear", "perspective", "elastic", "crop"),
    *("brightness", "contrast", "saturation", "hue", "gamma", "grayscale", "solarize", "posterize", "equalize"),
    *("clahe", "gauss_noise", "salt_and_pepper", "gauss_blur", "motion_blur", "jpeg", "occlusion"),
}


def options(name, kind="transform", **values):
    return registry.options(kind, name)(**values)


def drawn(step, image, copies):
    drawing = Pipeline([step], image.shape[:2], seed=0)
    return [drawing.draw(image, item="x", copy=copy).image for copy in range(copies)]


def photograph(side):
    """Smooth blobs in color over most of the range: what noise and compression work on."""
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    smooth = cv2.GaussianBlur(image, (0, 0), side / 12)
    return ((smooth - smooth.min()) * (220 / np.ptp(smooth)) + 20).astype(np.uint8)


def change(name, strength):
    """The mean change of a pixel over some draws, in levels of 255."""
    image = photograph(28)
    drawn_images = drawn(scaled(options(name, p=1), strength), image, 40)
    return np.abs(np.stack(drawn_images).astype(int) - image).mean()


def test_every_operation_that_a_data_set_may_declare_is_marked():
    assert operations() >= ASKED


@pytest.mark.parametrize("name", NAMES)
def test_something_says_how_far_it_goes(name):
    assert list(marked(options(name)))
    assert is_binary(options(name)) == (name in BINARY)


@pytest.mark.parametrize(("kind", "name"), KINDS)
def test_scaled_options_are_valid_for_every_strength(kind, name):
    plain = options(name, kind)
    assert scaled(plain, 0) is None
    assert scaled(plain, 1) == plain
    for strength in (1e-9, 0.01, 0.3, 0.77, 1.5, 2, 4):
        stronger = scaled(plain, strength)
        assert stronger.__class__.model_validate(stronger.model_dump()) == stronger


@pytest.mark.parametrize("name", NAMES)
def test_the_weakest_and_the_strongest_can_be_drawn(name):
    for strength in (1e-9, 4):
        for image in drawn(scaled(options(name, p=1), strength), photograph(8), 3):
            assert image.shape == (8, 8, 3)


@pytest.mark.parametrize(("name", "more"), [*((name, {}) for name in occlusion.AMOUNTS), ("cutout", {"holes": 4})])
@pytest.mark.parametrize("side", [8, 28])
@pytest.mark.parametrize("strength", [2, 4])
def test_even_the_strongest_occlusion_leaves_something_to_see(name, more, side, strength):
    """Offline and online: some of every image, and a good part of some."""
    image = photograph(side)
    offline = np.stack(drawn(scaled(options(name, p=1, **more), strength), image, 40))
    images = torch.from_numpy(image).permute(2, 0, 1).expand(200, -1, -1, -1)
    transform = registry.build(options(name, "batch transform", p=1, **more))
    strengths = torch.full((200,), float(strength))
    made, _ = transform(images / 255, torch.ones(200, 1), strengths, torch.Generator().manual_seed(0))
    online = (made * 255).round().byte().permute(0, 2, 3, 1).numpy()
    for shown in ((offline == image).all(-1), (online == image).all(-1)):
        seen = shown.mean((1, 2))
        assert seen.min() > 0.1
        assert seen.mean() > 0.15
        assert seen.max() > 0.2


@pytest.mark.parametrize(("kind", "name"), [kind for kind in KINDS if kind[1] in occlusion.AMOUNTS])
def test_strength_hides_no_more_than_most_of_an_image_unless_told_to(kind, name):
    amount = occlusion.AMOUNTS[name]
    assert reach(scaled(options(name, kind), 4))["occlusion"] == pytest.approx(occlusion.MOST)
    asked = options(name, kind, **{amount: 0.95})
    assert getattr(scaled(asked, 4), amount) == 0.95
    assert getattr(scaled(asked, 0.5), amount) == pytest.approx(0.475)


@pytest.mark.parametrize("name", sorted(set(NAMES) - BINARY))
def test_pixels_change_more_with_strength_and_hardly_at_all_with_little(name):
    changes = [change(name, strength) for strength in (0.02, 0.5, 1, 2)]
    assert changes[0] < 2 + 0.25 * changes[2]
    assert sorted(changes) == changes
    assert changes[2] > 1.2 * changes[0]


@pytest.mark.parametrize("name", sorted(BINARY))
def test_with_only_a_probability_strength_scales_how_often(name):
    plain = options(name, p=0.4)
    assert [scaled(plain, s).p for s in (0.5, 1, 2, 4)] == [0.2, 0.4, 0.8, 1.0]


def test_amounts_keep_to_their_side_of_what_changes_nothing():
    assert scaled(options("gamma", gamma=1.5), 0.5).gamma == 1.25
    assert scaled(options("crop", area=0.6, ratio=1.4), 0.5).model_dump(include={"area", "ratio"}) == {
        "area": pytest.approx(0.8),
        "ratio": pytest.approx(1.2),
    }
    assert scaled(options("posterize", bits=4), 0.5).bits == 6
    assert scaled(options("jpeg", quality=40), 2).quality == 1
    assert scaled(options("rotate", degrees=100), 3).degrees == 180


def test_a_negative_strength_is_refused():
    with pytest.raises(ValueError, match="at least 0, got -1"):
        scaled(options("rotate"), -1)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ({"name": "rotate", "degrees": 20}, {"rotate": 20}),
        ({"name": "affine", "rotate": 5, "shear": 0}, {"rotate": 5, "translate": 0.1, "scale": 0.1, "shear": 0}),
        ({"name": "rotate90"}, {"rotate": 180}),
        ({"name": "rotate90", "turns": [1, 3]}, {"rotate": 90}),
        ({"name": "rotate90", "p": 0}, {}),
        ({"name": "hflip", "p": 0.25}, {"hflip": 0.25}),
        ({"name": "vflip", "p": 0}, {}),
        ({"name": "crop", "area": 0.6, "ratio": 1}, {"crop": pytest.approx(0.4), "aspect": 0}),
        ({"name": "jpeg", "quality": 30}, {"jpeg": 70}),
        ({"name": "cutout", "size": 0.5, "holes": 2}, {"occlusion": 0.5}),
        ({"name": "random_erasing", "area": 0.2}, {"occlusion": 0.2}),
        ({"name": "grid_dropout", "ratio": 0.5}, {"occlusion": 0.25}),
    ],
)
def test_reach_is_in_one_unit_for_all_that_do_the_same(step, expected):
    (only,) = Policy(offline=[step]).offline
    assert reach(only) == expected


def test_the_reach_of_a_policy_is_that_of_its_operations():
    (drawn,) = Policy(online=[{"name": "randaugment", "operations": 1, "magnitude": 15}]).online
    assert reach(drawn)["rotate"] == 15
    assert {"invert", "sharpness", "autocontrast"} < operations()
    assert not {"magnitude", "severity"} & operations()


def test_the_strongest_of_all_classes_counts():
    policy = Policy(offline=[{"name": "rotate", "degrees": 10}], classes={"6": {"strength": {"rotate": 2}}})
    assert strongest(policy, policy.offline[0]) == {"rotate": 20}
    assert strongest(policy.model_copy(update={"balance": True}), policy.offline[0]) == {"rotate": 40}
    off = Policy(offline=["vflip"], classes={"6": {"strength": 0}})
    assert strongest(off, off.offline[0]) == {"vflip": 0.5}
