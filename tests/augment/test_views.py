import pytest
import torch
from pydantic import ValidationError

from darkroom import registry

NAMES = list(registry.taking("view", "image"))


def view(name, **options):
    return registry.build(registry.options("view", name)(**options))


def batch(channels=1, height=12, width=12, **more):
    return torch.rand(3, channels, height, width, generator=torch.Generator().manual_seed(0)).to(**more)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("channels", "height", "width"), [(1, 8, 8), (3, 33, 17), (1, 28, 28)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_views_keep_shape_type_and_range_and_repeat(name, channels, height, width, dtype):
    images = batch(channels, height, width, dtype=dtype)
    before = images.clone()
    large = {"rotate": {"degrees": 20}, "scale": {"by": 0.3}}.get(name, {})  # enough to be seen in 8 pixels
    views = view(name, **large)(images)
    assert len(views) == len(view(name, **large).looks) > 0
    for seen, again in zip(views, view(name, **large)(images), strict=True):
        assert seen.shape == images.shape
        assert seen.dtype == dtype
        assert torch.equal(seen, again)
        assert 0 <= seen.min() <= seen.max() <= 1
        assert not torch.equal(seen, images)
    assert torch.equal(images, before)


@pytest.mark.parametrize("name", ["rotate", "scale", "crop", "five_crop", "ten_crop"])
def test_interpolating_views_keep_the_range_and_differ_from_the_plain_image(name):
    images = batch(3, 20, 13).round()
    for seen in view(name, linear=True)(images):
        assert seen.shape == images.shape
        assert 0 <= seen.min() <= seen.max() <= 1
        assert not torch.equal(seen, images)


@pytest.mark.parametrize("name", NAMES)
def test_an_image_of_one_brightness_looks_the_same_from_everywhere(name):
    images = torch.full((2, 3, 16, 16), 0.25)
    assert all(torch.allclose(seen, images) for seen in view(name)(images))


@pytest.mark.parametrize("name", NAMES)
def test_each_image_is_seen_by_itself(name):
    images = batch(3, 16, 16)
    for together, *alone in zip(view(name)(images), *(view(name)(image[None]) for image in images), strict=True):
        assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize("name", ["hflip", "vflip"])
def test_a_flip_undoes_itself(name):
    images, flip = batch(), view(name)
    assert torch.equal(flip(flip(images)[0])[0], images)


def test_shifts_go_four_ways_and_back():
    images = batch()
    right, left, down, up = view("shift", pixels=2)(images)
    assert torch.equal(right[..., 2:], images[..., :-2])
    assert torch.equal(left[..., :-2], images[..., 2:])
    assert torch.equal(down[..., 2:, :], images[..., :-2, :])
    assert torch.equal(up[..., :-2, :], images[..., 2:, :])
    assert torch.equal(right[..., 0], images[..., 0])


def test_a_quarter_turn_is_a_quarter_turn():
    images = batch()
    forth, back = view("rotate", degrees=90)(images)
    assert torch.equal(forth, images.rot90(1, (2, 3)))
    assert torch.equal(back, images.rot90(-1, (2, 3)))
    upside_down, _ = view("rotate", degrees=180)(batch(height=7, width=11))
    assert torch.equal(upside_down, batch(height=7, width=11).flip(-1, -2))


def test_a_turn_keeps_right_angles_in_oblong_images():
    images = torch.zeros(1, 1, 21, 61)
    images[..., 10, 25:36] = 1
    turned, _ = view("rotate", degrees=90)(images)
    assert torch.equal(turned[0, 0].nonzero(), torch.tensor([[row, 30] for row in range(5, 16)]))


def test_scaling_enlarges_then_reduces():
    images = torch.zeros(1, 1, 40, 40)
    images[..., 10:30, 10:30] = 1
    larger, smaller = view("scale", by=0.2)(images)
    assert larger.sum() == 24 * 24
    assert smaller.sum() == 16 * 16


def test_five_crops_are_the_corners_and_the_middle_and_ten_their_mirror_images_too():
    options = {"area": 0.25}
    images = batch(3, 12, 20)
    five, ten = view("five_crop", **options)(images), view("ten_crop", **options)(images)
    assert (len(five), len(ten)) == (5, 10)
    for crop, mirrored in zip(ten[:5], ten[5:], strict=True):
        assert torch.equal(crop.flip(-1), mirrored)
    assert all(torch.equal(*pair) for pair in zip(five, ten[:5], strict=True))
    (middle,) = view("crop", **options)(images)
    assert torch.equal(middle, five[4])
    quarters = [images[..., top : top + 6, left : left + 10] for top in (0, 6) for left in (0, 10)]
    parts = [*quarters, images[..., 3:9, 5:15]]
    for crop, part in zip(five, parts, strict=True):
        assert torch.equal(crop, part.repeat_interleave(2, -1).repeat_interleave(2, -2))


def test_the_smaller_the_area_the_less_of_the_image_is_seen():
    images = torch.zeros(1, 1, 32, 32)
    images[..., 14:18, 14:18] = 1
    sums = [float(view("crop", area=area, linear=True)(images)[0].sum()) for area in (0.9, 0.5, 0.1)]
    assert 16 < sums[0] < sums[1] < sums[2]


@pytest.mark.parametrize("area", [0.01, 0.999])
@pytest.mark.parametrize("name", ["crop", "five_crop", "ten_crop"])
def test_a_crop_takes_at_least_a_pixel_away_and_leaves_at_least_one(name, area):
    for seen in view(name, area=area)(batch(1, 5, 3)):
        assert not torch.equal(seen, batch(1, 5, 3))


def test_a_shift_as_large_as_the_image_is_refused():
    with pytest.raises(ValueError, match="shifts by 12 pixels, but images are 12x12"):
        view("shift", pixels=12)(batch())


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("shift", {"pixels": 0}),
        ("rotate", {"degrees": 200}),
        ("scale", {"by": 0}),
        ("crop", {"area": 1}),
        ("ten_crop", {"area": 0}),
        ("hflip", {"p": 0.5}),
    ],
)
def test_options_out_of_range_are_refused(name, wrong):
    with pytest.raises(ValidationError):
        registry.options("view", name)(**wrong)


@pytest.mark.parametrize("name", NAMES)
def test_every_option_says_what_it_is(name):
    fields = registry.options("view", name).model_fields
    assert all(field.description for key, field in fields.items() if key != "name")
    assert registry.entry("view", name).summary
