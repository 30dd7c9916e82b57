"""Batch transforms that move, hide or mix pixels, beside a slower way of doing the same."""

import math

import pytest
import torch
from torchvision.transforms.v2 import functional

from darkroom import registry
from darkroom.augment.batch.drawing import blank
from darkroom.augment.batch.geometric import homography
from darkroom.augment.batch.noise import blur
from darkroom.augment.batch.warp import by_number, one_by_one, sources, warp

FILLS = ["constant", "edge", "reflect"]


def build(name, **options):
    return registry.build(registry.options("batch transform", name)(**options))


def noise(count=40, channels=3, size=(28, 20), seed=0):
    draws = torch.Generator().manual_seed(seed)
    return torch.rand(count, *size, channels, generator=draws).permute(0, 3, 1, 2)


def run(transform, images, targets=None, strength=1.0, seed=0):
    targets = torch.eye(len(images)) if targets is None else targets
    return transform(images, targets, torch.full((len(images),), strength), torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("mode", "theirs"), [("nearest", "nearest"), ("linear", "bilinear")])
def test_an_affine_map_is_torchvisions(mode, theirs):
    images = noise(24, size=(28, 21))
    draws = torch.Generator().manual_seed(3)
    turn, slant, lean, x, y = (
        (torch.rand(24, generator=draws) * 2 - 1) * most for most in (180.0, 20.0, 20.0, 6.0, 6.0)
    )
    scale = torch.rand(24, generator=draws) + 0.6
    maps = sources(
        rotate=turn.deg2rad(), scale=scale, shear_x=slant.deg2rad(), shear_y=lean.deg2rad(), shift_x=x, shift_y=y
    )
    ours = warp(images, maps, "constant", mode)
    for row in range(24):
        amounts = turn[row].item(), [x[row].item(), y[row].item()], scale[row].item()
        wanted = functional.affine(images[row], *amounts, [slant[row].item(), lean[row].item()], theirs)
        assert ((ours[row] - wanted).abs() > 1e-3).float().mean() < 0.005


@pytest.mark.parametrize("name", ["affine", "elastic", "pad_crop"])
def test_fills(name):
    white = torch.ones(60, 1, 20, 28)
    darkest = {fill: run(build(name, fill=fill, p=1), white)[0].min() for fill in FILLS}
    assert darkest == {"constant": 0, "edge": 1, "reflect": 1}


@pytest.mark.parametrize("name", ["hflip", "vflip", "rotate", "affine", "crop", "pad_crop", "perspective", "elastic"])
def test_nearest_makes_no_new_brightness(name):
    images = (noise(channels=1) > 0.5).float()
    assert set(run(build(name, p=1), images)[0].unique().tolist()) == {0.0, 1.0}


def test_flips_mirror():
    images = noise()
    assert torch.equal(run(build("hflip", p=1), images)[0], images.flip(-1))
    assert torch.equal(run(build("vflip", p=1), images)[0], images.flip(-2))


def test_pad_crop_is_a_cut_from_the_padded_image():
    images = noise(60)
    padded = torch.nn.functional.pad(images, (3, 3, 3, 3))
    made, _ = run(build("pad_crop", pixels=3), images)
    places = set()
    for row, image in enumerate(made):
        fits = [
            (top, left)
            for top in range(7)
            for left in range(7)
            if torch.equal(image, padded[row, :, top : top + 28, left : left + 20])
        ]
        assert len(fits) == 1
        places.add(fits[0])
    assert len(places) > 25
    assert {0, 6} <= {place for pair in places for place in pair}


def test_a_crop_shows_a_part_of_the_size_asked_for():
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(20.0), indexing="ij")
    places = torch.stack([rows / 27, columns / 19])[None].repeat(300, 1, 1, 1)
    made, _ = run(build("crop", area=0.5, ratio=1.5, interpolation="linear"), torch.cat([places, places[:, :1]], dim=1))
    spans = (made[:, :2].amax((2, 3)) - made[:, :2].amin((2, 3))).clamp(max=1)
    area = spans.prod(1)
    assert area.min() > 0.45
    assert area.mean() == pytest.approx(0.75, abs=0.04)
    ratio = (spans[:, 1] / spans[:, 0]).log().abs()
    assert ratio.max() < math.log(1.5) + 0.08
    assert ratio.max() > math.log(1.3)


def test_a_homography_takes_the_square_to_the_corners():
    draws = torch.Generator().manual_seed(0)
    square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    corners = square + (torch.rand(50, 4, 2, generator=draws) - 0.5) * 0.6
    a, b, c, d, e, f, g, h = homography(corners).double()[:, :, None].unbind(1)
    u, v = square.double().unbind(1)
    depth = g * u + h * v + 1
    there = torch.stack([(a * u + b * v + c) / depth, (d * u + e * v + f) / depth], dim=-1)
    assert torch.allclose(there, corners.double(), atol=1e-5)


def test_elastic_shifts_are_of_the_size_asked_for():
    """On a ramp the change of brightness is the shift itself."""
    ramp = torch.linspace(0, 1, 41).expand(200, 1, 41, 41).contiguous()
    made, _ = run(build("elastic", p=1, displacement=0.05, interpolation="linear"), ramp)
    middle = (made - ramp)[..., 12:29] * 40
    assert middle.std() == pytest.approx(0.05 * 41, rel=0.1)


def test_blur_is_a_gaussian_of_each_image_s_own_width():
    images = torch.zeros(3, 2, 41, 37)
    images[:, :, 20, 18] = 1
    sigma = torch.tensor([0.6, 1.5, 3.0])
    made = blur(images, sigma)
    for row in range(3):
        wanted = functional.gaussian_blur(images[row], [35, 35], [sigma[row].item()] * 2)
        assert torch.allclose(made[row], wanted, atol=2e-4)
    assert torch.allclose(blur(torch.full((3, 1, 9, 8), 0.7), sigma), torch.full((3, 1, 9, 8), 0.7), atol=1e-5)


def test_noise_has_the_spread_asked_for():
    gray = torch.full((400, 1, 16, 16), 0.5)
    spread = (run(build("gauss_noise", std=0.1, p=1), gray)[0] - gray).flatten(1).std(1)
    assert spread.max() == pytest.approx(0.1, abs=0.015)
    assert spread.mean() == pytest.approx(0.05, abs=0.006)
    speckled, _ = run(build("salt_and_pepper", share=0.2, p=1), gray)
    assert (speckled == 0).float().mean() == pytest.approx(0.05, abs=0.006)
    assert (speckled == 1).float().mean() == pytest.approx(0.05, abs=0.006)


def test_holes_have_the_size_asked_for():
    white = torch.ones(300, 1, 40, 30)
    hidden = (run(build("cutout", size=0.4, p=1), white)[0] == 0).float()
    assert hidden.sum((1, 2, 3)).max() <= (0.4 * 30) ** 2  # a square whose side is a share of the shorter one
    rows, columns = hidden.amax(3).sum((1, 2)), hidden.amax(2).sum((1, 2))
    inside = (hidden[:, 0, 0].amax(1) + hidden[:, 0, -1].amax(1) + hidden[:, 0, :, [0, -1]].amax((1, 2))) == 0
    assert torch.equal(rows[inside], columns[inside])
    assert rows[inside].min() >= 0.2 * 30 - 1
    assert (rows < 0.2 * 30 - 1).any()  # some are centered near the border and clipped there
    many = (run(build("cutout", size=0.4, holes=4, p=1), white)[0] == 0).float()
    assert many.mean() > 1.7 * hidden.mean()
    everywhere = hidden.amax(0)[0]
    assert everywhere.amax(0).min() == 1  # every column is hidden now and then, and every row
    assert everywhere.amax(1).min() == 1
    erased = (run(build("random_erasing", area=0.3, p=1), white)[0] != 1).float().mean((1, 2, 3))
    assert erased.max() < 0.34
    assert erased.mean() == pytest.approx(0.3 * 17 / 32, abs=0.02)
    grid = (run(build("grid_dropout", ratio=0.5, p=1), white)[0] == 0).float().mean((1, 2, 3))
    assert grid.mean() == pytest.approx(0.25, abs=0.04)


def test_cutmix_weighs_by_the_pasted_area_exactly():
    """Each image is one flat brightness of its own, so that a pixel tells whose it is."""
    images = torch.arange(50.0)[:, None, None, None].expand(50, 1, 23, 17).contiguous() / 50
    made, soft = run(build("cutmix", alpha=1.0), images)
    owner = (made * 50).round().long().flatten(1)
    shares = torch.nn.functional.one_hot(owner, 50).float().mean(1)
    assert torch.allclose(soft, shares, atol=1e-6)
    partners = [(row > 0).nonzero()[:, 0] for row in soft]
    assert all(len(pair) <= 2 for pair in partners)
    assert len(soft.amax(1).unique()) > 30


def test_cutmix_pastes_one_rectangle():
    images = torch.arange(50.0)[:, None, None, None].expand(50, 1, 23, 17).contiguous()
    made, _ = run(build("cutmix"), images)
    for row, image in enumerate(made[:, 0]):
        inside = (image != row).nonzero()
        if len(inside):
            height, width = (inside.amax(0) - inside.amin(0) + 1).tolist()
            assert len(inside) == height * width


def test_mixup_is_a_convex_blend_in_the_same_proportion():
    images = noise(50)
    made, soft = run(build("mixup", alpha=1.0), images)
    assert torch.allclose(made, torch.einsum("ij,jchw->ichw", soft, images), atol=1e-5)
    own = soft.diagonal()
    assert own.min() < 0.2
    assert own.max() > 0.8


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_partners_are_a_permutation(name):
    _, soft = run(build(name, alpha=1.0), noise(64))
    strangers = (soft - torch.diag(soft.diagonal())).nonzero()
    assert len(strangers[:, 1].unique()) == len(strangers)


def test_mixup_proportions_follow_the_beta_distribution():
    _, soft = run(build("mixup", alpha=0.4), torch.zeros(3000, 1, 1, 1))
    share = soft.diagonal()
    assert share.mean() == pytest.approx(0.5, abs=0.03)
    assert share.var() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), abs=0.01)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(28, 20), (1, 7), (6, 1), (1, 1)])
@pytest.mark.parametrize("black", [True, False])
def test_pixels_are_the_same_whichever_way_they_are_picked(channels, size, black):
    """Picked one by one from Python, too; some places are far outside."""
    images = noise(6, channels, size)
    height, width = size
    draws = torch.Generator().manual_seed(0)
    places = (torch.randn(6, 2, *size, generator=draws) * 20 + torch.tensor([width, height]).view(2, 1, 1) / 2).round()
    places[0] *= 1e6
    alone, numbered = (pick(images, places.clone(), black, blank(images)) for pick in (one_by_one, by_number))
    assert torch.equal(alone, numbered)
    for row in range(6):
        for i in range(height):
            for j in range(width):
                x, y = places[row, :, i, j].tolist()
                inside = 0 <= x < width and 0 <= y < height
                near = images[row, :, int(min(max(y, 0), height - 1)), int(min(max(x, 0), width - 1))]
                assert torch.equal(alone[row, :, i, j], near if inside or not black else torch.zeros(channels))


def test_tall_images_are_picked_by_number():
    images = noise(1, 1, (2**15, 2))
    assert torch.equal(warp(images, torch.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]), "constant", "nearest"), images)


@pytest.mark.parametrize(("side", "blends"), [(28, False), (96, True)])
def test_affine_blends_pixels_of_large_images_alone(side, blends):
    images = torch.randint(0, 2, (4, 1, side, side), generator=torch.Generator().manual_seed(0)).float()
    made, _ = run(build("affine", p=1), images)
    assert bool(((made > 0.01) & (made < 0.99)).any()) == blends


@pytest.mark.parametrize("name", ["affine", "crop", "elastic", "perspective", "rotate"])
@pytest.mark.parametrize(("side", "blends"), [(28, False), (96, True)])
def test_pixels_of_large_images_alone_are_blended(name, side, blends):
    """By default, as offline: small images stay sharp."""
    images = torch.randint(0, 2, (4, 1, side, side), generator=torch.Generator().manual_seed(0)).float()
    made, _ = run(build(name, p=1), images)
    assert bool(((made > 0.01) & (made < 0.99)).any()) == blends
