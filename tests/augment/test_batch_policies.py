"""Operations and policies beside torchvision's, image by image."""

import math

import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from darkroom import registry
from darkroom.augment import magnitudes
from darkroom.augment.batch import operations
from darkroom.augment.batch.operate import operate
from darkroom.augment.batch.policies import Table
from darkroom.augment.magnitudes import LEVELS, MAGNITUDES, OPERATIONS, reach

THEIRS = {
    "identity": "Identity",
    "shear_x": "ShearX",
    "shear_y": "ShearY",
    "translate_x": "TranslateX",
    "translate_y": "TranslateY",
    "saturation": "Color",
    "autocontrast": "AutoContrast",
}
POLICIES = {
    "randaugment": (magnitudes.RANDAUGMENT, v2.RandAugment._AUGMENTATION_SPACE, MAGNITUDES),
    "trivialaugment_wide": (magnitudes.TRIVIALAUGMENT, v2.TrivialAugmentWide._AUGMENTATION_SPACE, MAGNITUDES),
    "autoaugment": (magnitudes.AUTOAUGMENT, v2.AutoAugment._AUGMENTATION_SPACE, LEVELS),
    "augmix": (magnitudes.AUGMIX, v2.AugMix._AUGMENTATION_SPACE, LEVELS),
}


def theirs(name):
    return THEIRS.get(name, name.capitalize())


def pictures(channels=3, count=8, size=(28, 21), seed=0):
    """Smooth random pictures as bytes: neighbors differ little, so that sharpening and turning are seen."""
    draws = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 6, 5, generator=draws)
    smooth = torch.nn.functional.interpolate(coarse, size, mode="bilinear")
    return (smooth * 255 + torch.rand(smooth.shape, generator=draws) * 8).clamp(0, 255).byte()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_torchvisions(name, channels):
    images = pictures(channels)
    ranges, space, most = POLICIES["autoaugment"] if name == "invert" else POLICIES["randaugment"]
    height, width = images.shape[-2:]
    for magnitude in (most // 3, most):
        values = space[theirs(name)][0](most + 1, height, width)
        value = float(values[magnitude]) if values is not None else 0.0
        for sign in (1, -1) if ranges[name].signed else (1,):
            kept = torch.full((len(images),), OPERATIONS.index(name))
            ours = operate(images.float() / 255, [(kept, torch.full((len(images),), sign * value).double())])
            them = torch.stack(
                [
                    v2.RandAugment()._apply_image_or_video_transform(image, theirs(name), sign * value, "nearest", {})
                    for image in images
                ]
            )
            far = (ours * 255 - them.float()).abs()
            assert (far > 2.01).float().mean() < 0.004, (magnitude, sign)
            assert (far == 0).float().mean() > 0.3 or far.max() <= 2.01


def test_a_slot_gives_each_image_what_it_alone_would_get():
    images = pictures(count=60).float() / 255
    draws = torch.Generator().manual_seed(1)
    table = Table(magnitudes.AUTOAUGMENT)
    slots = []
    for _ in range(3):
        magnitude = torch.rand(60, generator=draws).double()
        slots.append(table.settle(table.any(60, draws), magnitude, torch.ones(60), (28, 21), draws))
    together = operate(images, slots)
    for row in range(60):
        alone = operate(images[row : row + 1], [(a[row : row + 1], b[row : row + 1]) for a, b in slots])
        assert torch.allclose(together[row], alone[0], atol=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
def test_ranges_are_torchvisions(policy):
    ranges, space, most = POLICIES[policy]
    assert {theirs(name) for name in ranges} == space.keys()
    table = Table(ranges, shares=policy != "trivialaugment_wide")
    draws = torch.Generator().manual_seed(0)
    count = most + 1
    for name, extent in ranges.items():
        values, signed = space[theirs(name)]
        number = torch.full((count,), OPERATIONS.index(name))
        operation, value = table.settle(number, torch.arange(count).double() / most, torch.ones(count), (50, 41), draws)
        assert signed == extent.signed
        assert torch.equal(operation, number)
        if name == "posterize":
            value = value.round()
        if values(count, 50, 41) is not None:
            assert torch.allclose(value.abs(), values(count, 50, 41).double(), atol=1e-4)


@pytest.mark.parametrize("policy", ["cifar10", "imagenet", "svhn"])
def test_autoaugment_has_torchvisions_pairs(policy):
    pairs = v2.AutoAugment(v2.AutoAugmentPolicy(policy))._policies
    ours = magnitudes.AUTOAUGMENT_POLICIES[policy]
    assert [[(theirs(o), p, level) for o, p, level in pair] for pair in ours] == [
        [(o, p, level or 0) for o, p, level in pair] for pair in pairs
    ]


@pytest.mark.parametrize("factor", [0.3, 1.0, 1.7])
def test_colors_are_torchvisions(factor):
    images = pictures().float() / 255
    factors = torch.full((len(images),), factor)
    assert torch.allclose(
        operations.brightness(images, factors), functional.adjust_brightness(images, factor), atol=1e-5
    )
    assert torch.allclose(operations.contrast(images, factors), functional.adjust_contrast(images, factor), atol=1e-5)
    assert torch.allclose(
        operations.saturation(images, factors), functional.adjust_saturation(images, factor), atol=1e-5
    )
    assert torch.allclose(operations.sharpness(images, factors), functional.adjust_sharpness(images, factor), atol=1e-5)
    assert torch.allclose(operations.gamma(images, factors), functional.adjust_gamma(images, factor), atol=1e-5)
    assert torch.allclose(operations.hue(images, factors / 4), functional.adjust_hue(images, factor / 4), atol=1e-4)
    assert torch.allclose(operations.grayscale(images), functional.rgb_to_grayscale(images, 3), atol=1e-5)


def test_hue_of_gray_and_pure_colors():
    pixels = torch.tensor([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0.5], [1, 1, 0], [0, 0, 0]]).reshape(6, 3, 1, 1)
    turned = operations.hue(pixels.float(), torch.full((6,), 1 / 3))[:, :, 0, 0]
    wanted = torch.tensor([[0, 1, 0], [0, 0, 1], [1, 0, 0], [0.5, 0.5, 0.5], [0, 1, 1], [0, 0, 0]])
    assert torch.allclose(turned, wanted.float(), atol=1e-5)


def test_policies_draw_all_their_operations_evenly():
    table = Table(magnitudes.RANDAUGMENT)
    drawn = torch.bincount(table.any(14_000, torch.Generator().manual_seed(0)), minlength=len(OPERATIONS))
    assert drawn[OPERATIONS.index("invert")] == 0
    assert all(abs(count - 1000) < 4 * math.sqrt(1000) for count in drawn[:-1].tolist())


def test_strength_scales_values_and_chances():
    table, count = Table(magnitudes.AUTOAUGMENT), 4000
    draws = torch.Generator().manual_seed(0)
    for name, value in {"rotate": 15.0, "posterize": 6.0, "solarize": 0.5, "shear_x": 0.15}.items():
        number = torch.full((count,), OPERATIONS.index(name))
        _, settled = table.settle(number, torch.ones(count), torch.full((count,), 0.5), (28, 28), draws)
        assert torch.allclose(settled.abs(), torch.tensor(value).double(), atol=1e-4)
        _, most = table.settle(number, torch.ones(count), torch.full((count,), 9.0), (28, 28), draws)
        assert torch.allclose(most.abs(), torch.tensor(magnitudes.AUTOAUGMENT[name].end).double(), atol=1e-4)
    number = torch.full((count,), OPERATIONS.index("equalize"))
    operation, _ = table.settle(number, torch.ones(count), torch.full((count,), 0.25), (28, 28), draws)
    assert abs((operation == number).float().mean() - 0.25) < 0.03


def test_augmix_blends_and_its_operations_are_mild():
    images = pictures(count=200).float() / 255
    augmix = registry.build(registry.options("batch transform", "augmix")())
    made, _ = augmix(images, torch.eye(200), torch.ones(200), torch.Generator().manual_seed(0))
    alike = [torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1] for a, b in zip(made, images, strict=True)]
    assert torch.stack(alike).median() > 0.8


def test_reach():
    assert reach("randaugment", {"magnitude": 9, "operations": 1})["rotate"] == pytest.approx(9)
    far = reach("randaugment", {"magnitude": 15, "operations": 2})
    assert far["rotate"] == pytest.approx(30)  # twice the same way
    assert far["translate"] == pytest.approx(150 / 331)
    assert far["shear"] == pytest.approx(math.degrees(math.atan(0.3)))
    assert far["brightness"] == pytest.approx(0.45)
    assert far["equalize"] == 1
    assert "identity" not in far
    assert "invert" not in far
    wide = reach("trivialaugment_wide", {"magnitude": 30})
    assert (wide["rotate"], wide["translate"], wide["posterize"]) == (135, 1, 6)
    assert "rotate" not in reach("randaugment", {"magnitude": 0, "operations": 2})
    assert "rotate" not in reach("augmix", {"severity": 1, "depth": None})
    assert reach("augmix", {"severity": 4, "depth": None})["rotate"] == pytest.approx(30)
    assert reach("autoaugment", {"policy": "cifar10", "magnitude": 1.0})["translate"] == pytest.approx(150 / 331 * 2)
    assert reach("autoaugment", {"policy": "svhn", "magnitude": 0.5})["rotate"] == pytest.approx(30 * 4 / 9 / 2)
    with pytest.raises(ValueError, match="affine is none of"):
        reach("affine", {})


def test_the_table_needs_no_torch():
    import ast
    from pathlib import Path

    tree = ast.parse(Path(magnitudes.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert modules <= {"__future__", "math", "collections.abc", "typing"}
