from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from darkroom.generate.model import Reconstructs
from darkroom.generate.vae.vqvae import VQVAE


def tiny(**options: Any) -> VQVAE:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"codes": 3, "size": 2, "width": 2, "prior_width": 8, "prior_layers": 1}
    return VQVAE((1, 8, 8), 3, **(sizes | options))


def test_the_loss_is_the_sum_of_its_parts() -> None:
    model = tiny(commitment=0.5).eval()
    images, labels = torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 0])
    found = model.losses(images, labels)
    codes = model.encode(images)
    nats = -model.prior.log_prob(codes.codes.flatten(1), labels).mean()
    image = -model.likelihood(model.decode(model.codebook.look_up(codes.codes)), images).mean()
    expected = image + nats + 0.5 * codes.commitment.mean()
    assert found["loss"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert found["elbo"].item() == pytest.approx(-(image + nats).item(), rel=1e-5)
    assert 1 <= found["perplexity"] <= 3
    assert found["codes_used"].item() == pytest.approx(len(codes.codes.unique()) / 3)


def test_prior_and_autoencoder_learn_apart() -> None:
    model = tiny().eval()
    images, labels = torch.rand(4, 1, 8, 8), torch.tensor([0, 1, 2, 0])
    model.bound(images, labels).kl.sum().backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert moved == {"prior"}
    model.zero_grad()
    model.bound(images, labels).reconstruction.sum().backward()
    moved = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert moved == {"down", "up", "to_vectors", "from_vectors"}


@pytest.mark.training
def test_training_reports_codebook_use_and_moves_the_codebook(train: Callable[..., Any]) -> None:
    model, fitted = train("vqvae", codes=3, size=2, width=2, prior_width=8, prior_layers=1)
    assert {"train_perplexity", "train_codes_used", "val_perplexity", "val_codes_used"} <= set(fitted.history)
    assert not torch.equal(model.codebook.vectors, tiny().codebook.vectors)
    assert fitted.history["train_elbo"].to_numpy() == pytest.approx(
        (fitted.history["train_reconstruction"] - fitted.history["train_kl"]).to_numpy(), abs=1e-3
    )


def test_a_sample_takes_its_class_and_many_come_in_chunks() -> None:
    model = tiny(codes=8).eval()
    torch.nn.init.normal_(model.prior.by_class.weight, std=5.0)  # type: ignore[union-attr]
    labels = torch.zeros(300, dtype=torch.long)
    with torch.inference_mode():
        first, second = (model.sample(labels + label, torch.Generator().manual_seed(0)) for label in (0, 1))
        some = model.sample(labels[:300], torch.Generator().manual_seed(0))
    assert first.shape == (300, 1, 8, 8)
    assert torch.equal(first, some)
    assert not torch.equal(first, second)


def test_it_reconstructs_and_needs_no_classes() -> None:
    model = VQVAE((3, 9, 17), 0, width=2).eval()
    images = torch.rand(2, 3, 9, 17)
    assert isinstance(model, Reconstructs)
    assert model.classes == 0
    assert model.reconstruct(images, torch.tensor([-1, -1])).shape == images.shape
    assert torch.isfinite(model.bound(images, torch.tensor([-1, -1])).elbo).all()


@pytest.mark.parametrize("halvings", [1, 2, 3])
def test_the_grid_of_the_smallest_image(halvings: int) -> None:
    model = VQVAE((1, 8, 8), 2, width=2, halvings=halvings).eval()
    assert model.encode(torch.rand(1, 1, 8, 8)).codes.shape == (1, *[8 // 2**halvings] * 2)
    assert model.sample(torch.tensor([0, 1]), torch.Generator().manual_seed(0)).shape == (2, 1, 8, 8)


def test_an_untrained_prior_spends_about_the_same_on_every_code() -> None:
    model = tiny(codes=16).eval()
    found = model.bound(torch.rand(5, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1]))
    assert found.kl.mean().item() == pytest.approx(4 * math.log(16), rel=0.2)
