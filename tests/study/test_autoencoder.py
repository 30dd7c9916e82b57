"""The worked error, principal angles against their definition, and what the variants of an autoencoder measure."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from darkroom.detect.methods.autoencoder import Autoencoder
from darkroom.fit.optimizers import adamw
from darkroom.registry import chosen
from darkroom.study.autoencoder import linear
from darkroom.study.autoencoder.variants import Measured, measured
from darkroom.study.detecting import fitted
from darkroom.study.training import digits, divide


def test_worked_example() -> None:
    """x = (1, 0, 1) comes back as (½, ½, 1): an error of 1/6."""
    found = linear.worked()
    assert found.output == [0.5, 0.5, 1.0]
    assert round(found.mse, 4) == 0.1667


def test_principal_angles_ignore_the_basis_and_see_a_rotation() -> None:
    generator = np.random.default_rng(0)
    basis = np.linalg.qr(generator.normal(size=(6, 2)))[0]
    assert linear.principal_angles(basis, basis @ generator.normal(size=(2, 2))) == pytest.approx([0, 0], abs=1e-6)
    first, second = np.eye(3)[:, :2], np.eye(3)[:, :2].copy()
    second[:, 1] = [0, np.cos(np.pi / 6), np.sin(np.pi / 6)]
    assert linear.principal_angles(first, second) == pytest.approx([30, 0], abs=1e-6)


def test_a_linear_autoencoder_reaches_the_principal_subspace() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(300, 5, generator=generator) * torch.tensor([3.0, 2.0, 0.5, 0.2, 0.1])
    points = points - points.mean(0)
    components = np.linalg.svd(points.numpy().astype(np.float64))[2][:2].T
    found = linear.angles_in_training(points, components, steps=800, lr=0.01, every=800, seed=0)
    assert found[800] < 0.1


def test_one_number_follows_an_arc_where_a_line_cannot() -> None:
    line, network = linear.follow(points=200, steps=400, lr=0.01, width=32, seed=0).errors()
    assert network < line / 10


def test_penalties_do_what_they_are_for() -> None:
    store = digits()
    division = divide(store, train=300, val=20, test=100, seed=0)
    training = {"epochs": 25, "batch_size": 64, "optimizer": chosen(adamw, lr=0.01, weight_decay=0.0)}

    def of(**options: float) -> Measured:
        network = fitted(
            Autoencoder, store, division, seed=0, training=training, network="shallow", latent=8, **options
        )
        return measured(network, store, division, noise=0.3, seed=0)

    plain, denoising, sparse, contractive = of(), of(denoising=0.3), of(sparsity=0.1), of(contraction=0.001)
    assert denoising.noisy < plain.noisy
    assert sparse.active < plain.active
    assert contractive.slope < plain.slope
