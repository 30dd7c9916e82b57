"""What holds for every batch transform."""

import math

import pytest
import torch

from darkroom import registry
from darkroom.augment.config import MIXING
from darkroom.augment.strength import marked

NAMES = list(registry.taking("batch transform", "image"))
SIZES = [(28, 20), (17, 24)]
COUNT = 24
COLOR_ONLY = {"saturation", "hue", "grayscale"}


def make(name, **options):
    """Build a transform that is always applied, unless its options say otherwise."""
    model = registry.options("batch transform", name)
    always = {"p": 1} if "p" in model.model_fields else {}
    return registry.build(model(**{**always, **options}))


def noise(channels=3, size=(28, 20), count=COUNT, seed=0):
    """Random bytes as floats, channels last, as batches come."""
    draws = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, *size, channels), generator=draws).permute(0, 3, 1, 2).float() / 255


def run(transform, images, strength=1.0, seed=0):
    draws = torch.Generator().manual_seed(seed)
    strength = strength if isinstance(strength, torch.Tensor) else torch.full((len(images),), strength)
    return transform(images, classes(len(images)), strength, draws)


def classes(count):
    return torch.nn.functional.one_hot(torch.arange(count) % 5, 5).float()


def changed(after, before):
    return (after != before).flatten(1).any(1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_images_stay_images_and_the_input_is_left_alone(name, size, channels):
    images = noise(channels, size)
    before, targets = images.clone(), classes(COUNT)
    transform = make(name)
    for seed in range(4):
        after, soft = run(transform, images, seed=seed)
        assert after.shape == images.shape
        assert after.dtype == images.dtype
        assert after.device == images.device
        assert after.isfinite().all()
        assert after.min() >= 0
        assert after.max() <= 1
        assert torch.allclose(soft.sum(1), torch.ones(COUNT))
        assert name in MIXING or torch.equal(soft, targets)
        assert torch.equal(images, before)
    seen = changed(after, images).float().mean()
    assert seen == 0 if channels == 1 and name in COLOR_ONLY else seen > 0.4


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_bytes_and_another_seed_others(name):
    images, transform = noise(), make(name)
    first, again, other = (run(transform, images, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    if name not in ("hflip", "vflip", "grayscale", "equalize"):  # which, once applied, draw nothing
        assert not torch.equal(first[0], other[0])
    assert not torch.equal(*(run(make(name, **half(name)), images, seed=seed)[0] for seed in (0, 1)))


def half(name):
    return {"p": 0.5} if "p" in registry.options("batch transform", name).model_fields else {}


@pytest.mark.parametrize("name", NAMES)
def test_each_image_has_draws_of_its_own(name):
    images = noise(count=1).expand(COUNT, -1, -1, -1).contiguous()
    after, _ = run(make(name, **half(name)), images)
    if name not in MIXING:
        assert len({image.numpy().tobytes() for image in after}) > 1
    soft = run(make(name), noise())[1]
    assert (name not in MIXING) or len(soft.amax(1).unique()) > COUNT / 3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_strength_zero_changes_nothing(name, channels):
    images = torch.rand(COUNT, channels, 13, 11, generator=torch.Generator().manual_seed(0))
    after, soft = run(make(name), images, strength=0.0)
    assert torch.equal(after, images)
    assert torch.equal(soft, classes(COUNT))


@pytest.mark.parametrize("name", NAMES)
def test_one_strength_changes_no_other_image(name):
    images, transform = noise(), make(name, **half(name))
    strength = torch.ones(COUNT)
    strength[::3], strength[1::6] = 0.0, 2.5
    everywhere, soft = run(transform, images)
    here, here_soft = run(transform, images, strength)
    same = strength == 1
    assert torch.equal(here[same], everywhere[same])
    assert torch.equal(here_soft[same], soft[same])
    assert torch.equal(here[strength == 0], images[strength == 0])
    assert here.isfinite().all()
    assert here.min() >= 0
    assert here.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_a_greater_strength_changes_images_more(name):
    """On smooth images, where a small shift is a small change; what has no amount is applied more often."""
    grid = torch.linspace(0, 3, 28)
    phase = torch.arange(256)[:, None, None] / 40
    smooth = (torch.sin(grid[:, None] * 2 + phase) * torch.cos(grid + phase) * 0.4 + 0.5)[:, None].repeat(1, 3, 1, 1)
    images = (smooth * torch.tensor([1.0, 0.8, 0.6])[:, None, None]).clamp(0, 1)
    options = half(name) if is_p(name) else {}
    weak, full = ((run(make(name, **options), images, strength=s, seed=3)[0] - images).abs().mean() for s in (0.3, 1.0))
    assert weak < full * 0.85
    assert weak > 0


def is_p(name):
    return any(option == "p" for option, *_ in marked(registry.options("batch transform", name)()))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_layout_in_memory_does_not_matter(name, channels):
    images, transform = noise(channels), make(name)
    other, _ = run(transform, images.contiguous(memory_format=torch.contiguous_format))
    assert torch.equal(run(transform, images)[0], other)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if "p" in registry.options("batch transform", name).model_fields]
)
def test_applied_as_often_as_asked(name):
    images = noise(count=4000, size=(6, 5))
    seen = run(make(name, p=0.3), images)[0]
    always = changed(run(make(name), images)[0], images).float().mean()  # less than 1 where small draws change nothing
    share = changed(seen, images).float().mean()
    assert abs(share - 0.3 * always) < 4 * math.sqrt(0.3 * 0.7 / 4000) + 0.01


def test_flips_are_coins_of_their_own():
    images = noise(count=4000, size=(4, 4))
    for name in ("hflip", "vflip"):
        flipped = changed(run(make(name, p=0.5), images)[0], images)
        assert abs(flipped.float().mean() - 0.5) < 4 * math.sqrt(0.25 / 4000)
        pairs = (flipped[1:] == flipped[:-1]).float().mean()
        assert abs(pairs - 0.5) < 4 * math.sqrt(0.25 / 4000)


def test_every_transform_says_how_far_it_goes():
    for name in NAMES:
        assert list(marked(registry.options("batch transform", name)())), name
