"""Outputs become the probabilities that their loss promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from darkroom.classify.calibration import log_softmax
from darkroom.classify.links import class_logits

OUTPUTS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32) * 20


def test_one_vs_rest_probabilities_are_proportional_to_the_sigmoids() -> None:
    sigmoids = torch.sigmoid(torch.from_numpy(OUTPUTS).double()).numpy()
    found = np.exp(log_softmax(class_logits(OUTPUTS, "sigmoid")))
    assert found == pytest.approx(sigmoids / sigmoids.sum(1, keepdims=True))
    assert np.array_equal(found.argmax(1), OUTPUTS.argmax(1))
    assert np.isfinite(class_logits(np.array([[-2000.0, -3000.0]]), "sigmoid")).all()


def test_softmax_keeps_the_outputs() -> None:
    assert np.array_equal(class_logits(OUTPUTS, "softmax"), OUTPUTS)


def test_estimates_of_probabilities_are_cut_off_at_zero_and_normalized() -> None:
    estimates = np.array([[0.7, 0.2, -0.1], [1.2, 0.0, 0.3]])
    found = np.exp(log_softmax(class_logits(estimates, "identity")))
    assert found == pytest.approx(np.array([[7 / 9, 2 / 9, 0], [0.8, 0, 0.2]]), abs=1e-5)
