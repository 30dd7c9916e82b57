"""What objectives compare: views of the same image, with a teacher that follows, and only hidden patches with the truth."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.pretrain.small import NETWORKS
from torch import Tensor

from darkroom import registry
from darkroom.nets.architectures import headless
from darkroom.pretrain.objective import Objective
from darkroom.pretrain.objectives import masked_autoencoder
from darkroom.pretrain.views import Views

SHAPE = (1, 16, 16)
STEPS = [registry.options("batch transform", "crop")()]


def objective(name: str, network: str = "resnet", **options: Any) -> Objective:
    torch.manual_seed(0)
    plain = headless(registry.options("network", network).model_validate(NETWORKS[network]), SHAPE)
    made: Objective = registry.build(registry.options("objective", name)(**options), plain, SHAPE)
    return made.train()


def loss(made: Objective, *views: Tensor) -> Tensor:
    return made.losses(list(views), torch.Generator().manual_seed(0))["loss"]


@pytest.mark.parametrize("name", ["simclr", "byol", "simsiam", "vicreg", "barlow_twins", "dino"])
def test_training_matches_views_of_the_same_image(name: str) -> None:
    made, images = objective(name, **({"local": 0} if name == "dino" else {})), torch.rand(24, *SHAPE)
    similar = images + 0.02 * torch.randn(images.shape)
    optimizer = torch.optim.Adam(made.parameters(), lr=0.003)
    for _ in range(20):
        optimizer.zero_grad()
        loss(made, images, similar).backward()
        optimizer.step()
        made.updated()
    with torch.no_grad():
        assert loss(made, images, similar) < loss(made, images, similar.roll(1, 0)) - 0.01


@pytest.mark.parametrize("name", ["byol", "dino"])
def test_the_teacher_follows_the_network_by_its_decay(name: str) -> None:
    made: Any = objective(name, decay=0.9)
    made.updated()
    student, teacher = (next(network.parameters()) for network in (made.network, made.teacher.module[0]))
    before = teacher.clone()
    with torch.no_grad():
        student += 1
    made.updated()
    assert torch.allclose(teacher, before + 0.1, atol=1e-5)


def test_the_center_of_dino_follows_the_outputs_of_the_teacher() -> None:
    made: Any = objective("dino", local=0, center_decay=0.8)
    images = torch.rand(6, *SHAPE)
    loss(made, images, images)
    with torch.no_grad():
        assert torch.allclose(made.center, 0.2 * made.teacher(images).mean(0), atol=1e-4)


def test_rotations_are_labeled_by_their_number_of_turns() -> None:
    made: Any = objective("rotation")
    corners = torch.zeros(3, 1, 2, 2)
    corners[:, 0, 0, 0] = 1  # a quarter turn moves this pixel through the corners 0, 2, 3 and 1
    made.network, made.head = torch.nn.Flatten(), torch.nn.Linear(4, 4, bias=False)
    made.head.weight.data = torch.eye(4)[[0, 2, 3, 1]]
    assert made.losses([corners], torch.Generator())["accuracy"] == 1


@pytest.mark.parametrize("network", ["resnet", "vit"])
def test_hidden_patches_are_reconstructed_from_the_visible_ones_alone(
    network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: Any = objective("masked_autoencoder", network)
    places: list[Tensor] = []

    def reconstruction(found: Tensor, patches: Tensor, hidden: Tensor, *, normalize: bool) -> Tensor:
        places.append(hidden)
        return found.square().sum()

    monkeypatch.setattr(masked_autoencoder, "masked_error", reconstruction)
    images = torch.rand(3, *SHAPE, requires_grad=True)
    made.losses([images], torch.Generator().manual_seed(0))["loss"].backward()
    assert images.grad is not None
    seen = made.patches(images.grad).abs().sum(2) > 0
    assert not seen.gather(1, places[0]).any()
    assert (seen.sum(1) == seen.shape[1] - made.hidden).all()


def test_every_view_shows_the_images_in_their_order_by_draws_of_its_own() -> None:
    images = torch.rand(5, *SHAPE)
    plain = Views([], channels=1, full=3, local=0)(images, torch.Generator())
    assert all(torch.equal(view, images) for view in plain)
    one, other, *parts = Views(STEPS, channels=1, full=2, local=2)(images, torch.Generator().manual_seed(0))
    assert (one != other).any()
    assert [part.shape for part in parts] == [(5, 1, 16, 16)] * 2
