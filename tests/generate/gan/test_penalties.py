"""Penalties on critics whose gradient is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from darkroom.generate.gan.penalties import gradient_penalty, r1


class Linear(nn.Module):
    """A critic whose gradient is its weight everywhere."""

    def __init__(self, norm: float) -> None:
        super().__init__()
        weight = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(0))
        self.weight = nn.Parameter(weight * norm / weight.norm())

    def forward(self, images: Tensor) -> Tensor:
        return (images * self.weight).sum((1, 2, 3))


def images(seed: int) -> Tensor:
    return torch.randn(6, 1, 5, 4, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("norm", [0.5, 1.0, 3.0])
def test_the_gradient_penalty_of_a_linear_critic(norm: float) -> None:
    critic = Linear(norm)
    found = gradient_penalty(critic, images(1), images(2), torch.rand(6))
    assert found.item() == pytest.approx((norm - 1) ** 2, abs=1e-5)
    found.backward()  # d/dw (|w| - 1)^2 = 2 (|w| - 1) w / |w|
    assert critic.weight.grad is not None
    expected = 2 * (norm - 1) * critic.weight / norm
    assert torch.allclose(critic.weight.grad, expected, atol=1e-5)


def test_the_gradient_penalty_is_taken_between_the_images() -> None:
    def half_square(x: Tensor) -> Tensor:  # whose gradient is the image
        return x.square().sum((1, 2, 3)) / 2

    ones, shares = torch.ones(2, 1, 3, 3), torch.tensor([0.0, 0.5])
    found = gradient_penalty(half_square, 2 * ones, 0 * ones, shares)
    assert found.item() == pytest.approx(((6 - 1) ** 2 + (3 - 1) ** 2) / 2, rel=1e-5)


def test_a_flat_critic_has_a_finite_penalty_and_gradient() -> None:
    critic = Linear(0.0)
    found = gradient_penalty(critic, images(1), images(2), torch.rand(6))
    found.backward()
    assert found.item() == pytest.approx(1, abs=1e-5)
    assert critic.weight.grad is not None
    assert torch.isfinite(critic.weight.grad).all()


def test_r1_of_a_quadratic() -> None:
    scale = torch.tensor(3.0, requires_grad=True)
    real = images(1)
    found = r1(lambda x: scale * x.square().sum((1, 2, 3)) / 2, real)  # gradient: scale times the image
    squares = real.square().sum((1, 2, 3)).mean()
    assert found.item() == pytest.approx((9 * squares / 2).item(), rel=1e-5)
    found.backward()
    assert scale.grad is not None
    assert scale.grad.item() == pytest.approx((3 * squares).item(), rel=1e-5)
