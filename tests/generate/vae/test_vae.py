from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, distributions, nn

from darkroom.generate.vae.likelihood import Likelihood
from darkroom.generate.vae.vae import VAE, kl_from_normal, warmed

LABELS = torch.tensor([0, 1, 2])


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
    binary = images.round()
    expected = distributions.Bernoulli(logits=logits).log_prob(binary).sum((1, 2, 3))
    assert torch.allclose(Likelihood("bernoulli")(logits, binary), expected, rtol=1e-5)
    expected = distributions.Normal(logits.sigmoid(), math.exp(-1)).log_prob(images).sum((1, 2, 3))
    assert torch.allclose(Likelihood("gaussian")(logits, images), expected, rtol=1e-5)


@pytest.mark.parametrize("logit", [-8.0, -0.7, 0.0, 1e-3, 3.0])
def test_the_continuous_bernoulli_is_a_density_with_its_own_mean(logit: float) -> None:
    likelihood, grays = Likelihood("continuous_bernoulli"), torch.linspace(0, 1, 20_001)
    logits = torch.full((len(grays), 1, 1, 1), logit)
    density = likelihood(logits, grays[:, None, None, None]).exp()
    assert torch.trapezoid(density, grays).item() == pytest.approx(1, abs=1e-3)
    mean = torch.trapezoid(density * grays, grays).item()
    assert likelihood.mean(logits[:1]).item() == pytest.approx(mean, abs=1e-3)
    bernoulli = Likelihood("bernoulli")(logits, grays[:, None, None, None]).exp()
    assert torch.trapezoid(bernoulli, grays).item() < 0.7  # no density of gray values


@pytest.mark.parametrize("name", ["bernoulli", "continuous_bernoulli", "gaussian"])
def test_every_likelihood_trains(name: str, train: Callable[..., Any]) -> None:
    _, fitted = train("vae", likelihood=name, latent=3, width=2)
    assert fitted.history.filter(like="loss").notna().all(axis=None)


def test_the_default_objective_is_the_bound() -> None:
    model = VAE((1, 8, 8), 3, latent=2, width=2)
    torch.manual_seed(0)
    found = model.losses(torch.rand(3, 1, 8, 8), LABELS)
    assert found["loss"].item() == pytest.approx(-found["elbo"].item())


def test_a_gray_value_is_the_share_of_ones() -> None:
    likelihood, logits = Likelihood("bernoulli"), torch.randn(1, 1, 8, 8)
    half, ones, zeros = (likelihood(logits, torch.full((1, 1, 8, 8), gray)) for gray in (0.5, 1.0, 0.0))
    assert half.item() == pytest.approx((ones + zeros).item() / 2, rel=1e-5)


class Blank(nn.Module):
    """Logits of 0 whatever the code; keeps the codes it was given."""

    def forward(self, code: Tensor, labels: Tensor) -> Tensor:
        self.seen = code
        return torch.zeros(len(code), 1, 8, 8)


class Fixed(VAE):
    """Posterior N(1, 1) in its one coordinate, and a blank decoder."""

    def __init__(self, beta: float) -> None:
        super().__init__((1, 8, 8), 3, latent=1, width=1, beta=beta)
        self.decoder = Blank()  # type: ignore[assignment]

    def encode(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones(len(images), 1), torch.zeros(len(images), 1)


def test_the_bound_of_a_case_worked_by_hand() -> None:
    found = Fixed(beta=4.0).losses(torch.rand(3, 1, 8, 8), LABELS)
    assert found["reconstruction"].item() == pytest.approx(-64 * math.log(2), rel=1e-5)
    assert found["kl"].item() == pytest.approx(0.5)
    assert found["elbo"].item() == pytest.approx(-64 * math.log(2) - 0.5, rel=1e-5)
    assert found["loss"].item() == pytest.approx(64 * math.log(2) + 4 * 0.5, rel=1e-5)


def test_codes_vary_as_their_posterior_says() -> None:
    model = Fixed(beta=1.0)
    model.bound(torch.rand(20_000, 1, 8, 8), torch.zeros(20_000), torch.Generator().manual_seed(0))
    codes: Tensor = model.decoder.seen  # type: ignore[assignment]
    assert codes.mean().item() == pytest.approx(1, abs=0.03)
    assert codes.std().item() == pytest.approx(1, abs=0.03)


def test_beta_rises_along_a_line_and_stays() -> None:
    assert [warmed(done, 0.5) for done in (0.0, 0.1, 0.25, 0.5, 0.8)] == pytest.approx([0, 0.2, 0.5, 1, 1])
    assert warmed(0.0, 0.0) == 1


def test_warm_up_follows_the_steps_of_the_run(train: Callable[..., Any]) -> None:
    # six steps, the first three quarters of them rising: step k weighs the KL part by 2 * (k - 1) / 6 / 0.75
    _, fitted = train("vae", epochs=2, beta=2.0, warmup=0.75, latent=3, width=2)
    weights = (fitted.steps["loss"] + fitted.steps["reconstruction"]) / fitted.steps["kl"]
    assert weights.to_numpy() == pytest.approx([2 * min(1, k / 6 / 0.75) for k in range(6)], abs=1e-3)
    weights = (fitted.history["val_loss"] + fitted.history["val_reconstruction"]) / fitted.history["val_kl"]
    assert weights.to_numpy() == pytest.approx([2, 2], abs=1e-3)


def test_the_class_reaches_encoder_and_decoder_and_can_be_left_out() -> None:
    torch.manual_seed(0)
    informed, blind = (VAE((1, 8, 8), 3, conditional=given, latent=3, width=4) for given in (True, False))
    assert (informed.classes, blind.classes) == (3, 0)
    for module in informed.modules():  # the tables of the levels start at zero; training moves them
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight)
    images, codes = torch.rand(1, 1, 8, 8).expand(3, -1, -1, -1), torch.randn(1, 3).expand(3, -1)
    for model, varies in ((informed, True), (blind, False)):
        means, shown = model.encode(images, LABELS)[0], model.decode(codes, LABELS)
        for one, other in ((means[0], means[1]), (shown[1], shown[2])):
            assert torch.allclose(one, other, atol=1e-6) != varies


def test_many_samples_are_those_of_a_few_at_a_time() -> None:
    torch.manual_seed(0)
    model = VAE((1, 8, 8), 3, latent=3, width=2)
    labels = torch.arange(600) % 3
    many = model.sample(labels, torch.Generator().manual_seed(0))
    codes = torch.randn(600, 3, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(many, model.decode(codes, labels), atol=1e-6)
