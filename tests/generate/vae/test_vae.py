from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, distributions, nn

from darkroom.fit.config import Training
from darkroom.generate.vae import VAE, VAETask, kl_from_normal


def test_kl_of_a_case_worked_by_hand() -> None:
    # one coordinate N(1, 1): 1/2; another N(0, e^2): (e^2 - 1 - 2) / 2
    found = kl_from_normal(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 2.0], [0.0, 0.0]]))
    assert found.tolist() == pytest.approx([0.5 + (math.e**2 - 3) / 2, 0.0])


def test_kl_agrees_with_torch_and_is_never_negative() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, log_variance = (torch.randn(200, 7, generator=generator) for _ in range(2))
    posterior = distributions.Normal(mean, (log_variance / 2).exp())
    expected = distributions.kl_divergence(posterior, distributions.Normal(0.0, 1.0)).sum(1)
    assert torch.allclose(kl_from_normal(mean, log_variance), expected, rtol=1e-5)
    assert (expected >= 0).all()


def test_likelihoods_agree_with_torch_distributions() -> None:
    torch.manual_seed(0)
    images, logits = torch.rand(4, 1, 8, 8), torch.randn(4, 1, 8, 8)
    bernoulli, gaussian = VAE((1, 8, 8)), VAE((1, 8, 8), likelihood="gaussian")
    binary = images.round()
    expected = distributions.Bernoulli(logits=logits).log_prob(binary).sum((1, 2, 3))
    assert torch.allclose(bernoulli.log_likelihood(logits, binary), expected, rtol=1e-5)
    expected = distributions.Normal(logits.sigmoid(), math.exp(-1)).log_prob(images).sum((1, 2, 3))
    assert torch.allclose(gaussian.log_likelihood(logits, images), expected, rtol=1e-5)


def test_a_gray_value_is_the_share_of_ones() -> None:
    model, logits = VAE((1, 8, 8)), torch.randn(1, 1, 8, 8)
    half, ones, zeros = (model.log_likelihood(logits, torch.full((1, 1, 8, 8), gray)) for gray in (0.5, 1.0, 0.0))
    assert half.item() == pytest.approx((ones + zeros).item() / 2, rel=1e-5)


class Blank(nn.Module):
    """Logits of 0 whatever the code; keeps the codes it was given."""

    def forward(self, code: Tensor) -> Tensor:
        self.seen = code
        return torch.zeros(len(code), 1, 8, 8)


class Fixed(VAE):
    """Posterior N(1, 1) in its one coordinate, and a blank decoder."""

    def __init__(self, beta: float) -> None:
        super().__init__((1, 8, 8), latent=1, width=1, beta=beta)
        self.decoder = Blank()  # type: ignore[assignment]

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones(len(images), 1), torch.zeros(len(images), 1)


def test_the_bound_of_a_case_worked_by_hand() -> None:
    images = torch.rand(3, 1, 8, 8)
    found = VAETask(Fixed(beta=4.0), Training()).losses(images, torch.zeros(3))
    assert found["reconstruction"].item() == pytest.approx(-64 * math.log(2), rel=1e-5)
    assert found["kl"].item() == pytest.approx(0.5)
    assert found["elbo"].item() == pytest.approx(-64 * math.log(2) - 0.5, rel=1e-5)
    assert found["loss"].item() == pytest.approx(64 * math.log(2) + 4 * 0.5, rel=1e-5)


def test_codes_vary_as_their_posterior_says() -> None:
    model = Fixed(beta=1.0)
    model.bound(torch.rand(20_000, 1, 8, 8), torch.Generator().manual_seed(0))
    codes: Tensor = model.decoder.seen  # type: ignore[assignment]
    assert codes.mean().item() == pytest.approx(1, abs=0.03)
    assert codes.std().item() == pytest.approx(1, abs=0.03)
