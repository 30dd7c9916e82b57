"""Worked numbers of the study of losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import optimize
from torch.nn import functional as F

from darkroom.classify.losses.focal import Focal
from darkroom.study.losses import curves, experiment
from darkroom.study.losses.outlier import LOSSES, line, location, points

VALUES = np.array([1.0, 2.0, 3.0, 4.0, 40.0])


@pytest.mark.parametrize("loss", [*curves.margins(2.0), *curves.residuals(1.0)], ids=lambda loss: loss.title)
def test_gradients_in_closed_form_are_autograds(loss: curves.Loss) -> None:
    assert curves.deviation(loss) < 1e-12


def test_the_curve_of_the_focal_loss_is_the_librarys() -> None:
    z = torch.linspace(-5, 5, 11, dtype=torch.float64)
    both = torch.stack([z, torch.zeros_like(z)], 1)
    one = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    library = torch.stack([Focal(gamma=2.0)(row[None], one) for row in both])
    assert torch.allclose(library, curves.margins(2.0)[2].value(z), atol=1e-9)


def test_the_gradient_of_cross_entropy_is_prediction_minus_target() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.3]], dtype=torch.float64, requires_grad=True)
    F.cross_entropy(logits, torch.tensor([1])).backward()
    assert logits.grad is not None
    assert torch.allclose(logits.grad, logits.detach().softmax(1) - F.one_hot(torch.tensor([1]), 3))


def test_the_best_constants() -> None:
    assert location(VALUES, "MSE", delta=1) == 10
    assert location(VALUES, "MAE", delta=1) == 3
    assert location(VALUES, "Huber", delta=1) == pytest.approx(3, abs=1e-4)
    assert location(VALUES, "Huber", delta=100) == pytest.approx(10, abs=1e-4)


def test_a_saturated_sigmoid_hardly_feels_its_squared_error() -> None:
    bce, *_, squared = curves.margins(2.0)
    at = torch.tensor(-8.0, dtype=torch.float64)
    p = 1 / (1 + math.exp(8))
    assert float(bce.gradient(at)) == pytest.approx(p - 1)
    assert float(squared.gradient(at)) == pytest.approx(-2 * p * (1 - p) ** 2)
    assert float(bce.gradient(at) / squared.gradient(at)) > 1000


@pytest.mark.parametrize("loss", LOSSES)
def test_reweighting_finds_the_minimum_of_the_loss(loss: str) -> None:
    x, y = points(12, 30, 0)
    costs = {
        "MSE": lambda r: r**2,
        "MAE": np.abs,
        "Huber": lambda r: np.where(np.abs(r) <= 1, r**2 / 2, np.abs(r) - 0.5),
    }

    def total(fitted: np.ndarray) -> float:
        return float(costs[loss](fitted[0] + fitted[1] * x - y).sum())

    reached = total(line(x, y, loss, delta=1, rounds=300))
    best = min(
        optimize.minimize(total, [1.0, s], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).fun
        for s in (1.0, 2.0, 4.0)
    )
    assert reached <= best * (1 + 1e-4)


def test_the_calibration_error_of_confidences_that_are_right() -> None:
    probabilities = np.tile([0.8, 0.2], (10, 1))
    assert experiment.calibration_error(probabilities, np.array([0] * 8 + [1] * 2)) == pytest.approx(0, abs=1e-12)
    assert experiment.calibration_error(probabilities, np.array([0] * 5 + [1] * 5)) == pytest.approx(0.3)


def test_the_study_runs_with_tiny_settings() -> None:
    found = experiment.run(steps=10, seeds=2, train=30, hidden=4)
    assert found.numbers["location"]["MSE"] == 10
    assert set(found.tables) == {"curves", "outlier", "trained"}
