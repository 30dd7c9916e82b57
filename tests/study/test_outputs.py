"""Worked numbers of the study of outputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from darkroom.study.outputs import experiment

FRUITS = torch.tensor([2.0, 1.0, 0.5, 0.0, -1.0, -2.0], dtype=torch.float64)


def test_six_fruits_by_hand() -> None:
    table = experiment._worked(FRUITS)
    exponentials = np.exp(FRUITS.numpy())
    for row, z, e in zip(table.rows.values(), FRUITS.tolist(), exponentials, strict=False):
        assert row == pytest.approx([z, e / exponentials.sum(), 1 / (1 + np.exp(-z))])
    assert table.rows["sum"][1:] == pytest.approx([1, 3.122459], abs=1e-6)


def test_temperature_keeps_the_order_and_has_its_limits() -> None:
    for temperature in (0.1, 1.0, 10.0):
        assert (FRUITS / temperature).softmax(0).argsort().tolist() == FRUITS.argsort().tolist()
    assert (FRUITS / 1e-3).softmax(0)[0] == pytest.approx(1)
    assert (FRUITS / 1e6).softmax(0).tolist() == pytest.approx([1 / 6] * 6, abs=1e-5)


def test_two_classes_are_one_sigmoid() -> None:
    assert float(FRUITS[:2].softmax(0)[0]) == pytest.approx(float((FRUITS[0] - FRUITS[1]).sigmoid()))


def test_labels_of_digits() -> None:
    assert experiment.labels_of(np.array([1, 3, 6, 8, 9])).tolist() == [
        [0, 0, 0],
        [0, 0, 0],
        [1, 1, 1],
        [1, 1, 1],
        [0, 1, 1],
    ]


def test_the_softmax_loss_is_cross_entropy_for_one_label_and_skips_none() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.0], [0.5, 0.5, 3.0]])
    one_hot = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert torch.allclose(experiment.softmax_loss(logits, one_hot), torch.nn.functional.cross_entropy(logits, one_hot))
    assert float(experiment.softmax_loss(logits, torch.zeros(2, 3))) == 0


def test_the_study_runs_with_tiny_settings() -> None:
    found = experiment.run(steps=3, seeds=2, train=40, hidden=4, val=20)
    assert found.numbers["sigmoid_sum"] == pytest.approx(3.122459, abs=1e-6)
    assert set(found.figures) == {"fruits", "temperature", "sums"}
