"""Changes that keep shape and gradient, and draw for each image."""

from __future__ import annotations

import pytest
import torch

from darkroom.generate.gan.diffaugment import CHANGES, Change, augment, cutout, shift, translation


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 33, 17)], ids=str)
@pytest.mark.parametrize("change", CHANGES)
def test_changes_keep_the_shape_vary_by_image_and_pass_gradients_on(change: Change, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    images = torch.rand(1, *shape).expand(16, *shape).clone().requires_grad_()
    changed = augment(images, [change])
    assert changed.shape == images.shape
    assert torch.isfinite(changed).all()
    assert len(torch.unique(changed.flatten(1), dim=0)) > 4
    changed.square().sum().backward()
    assert images.grad is not None
    assert torch.isfinite(images.grad).all()
    assert images.grad.abs().sum() > 0


def test_gradients_agree_with_differences() -> None:
    images = torch.rand(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)

    def seeded(x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        return augment(x, ["color", "translation", "cutout"])

    assert torch.autograd.gradcheck(seeded, images)


def test_a_shift_moves_whole_pixels_and_lets_zeros_in() -> None:
    images = torch.arange(1.0, 5).reshape(1, 1, 1, 4).expand(3, 1, 2, 4)
    moved = shift(images, torch.tensor([1, 0, -2]), 3)
    assert moved[:, 0, 0].tolist() == [[0, 1, 2, 3], [1, 2, 3, 4], [3, 4, 0, 0]]
    assert torch.equal(moved[:, :, 0], moved[:, :, 1])
    down = shift(images.transpose(2, 3), torch.tensor([1, 0, -2]), 2)
    assert torch.equal(down.transpose(2, 3), moved)


def test_translation_reaches_an_eighth_of_each_side() -> None:
    torch.manual_seed(0)
    images = torch.zeros(500, 1, 32, 16)
    images[:, :, 16, 8] = 1
    rows, columns = translation(images)[:, 0].nonzero()[:, 1:].unbind(1)
    assert set(rows.tolist()) == set(range(12, 21))
    assert set(columns.tolist()) == set(range(6, 11))


def test_cutout_covers_up_to_a_quarter() -> None:
    torch.manual_seed(0)
    shown = cutout(torch.ones(500, 1, 16, 12)).mean((1, 2, 3))
    assert shown.min() == pytest.approx(0.75)
    assert shown.max() <= 1 - 4 * 3 / (16 * 12)
