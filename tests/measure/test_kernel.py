from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.image.kid import poly_mmd

from darkroom.measure import distances
from darkroom.measure.kernel import kernel_distance


def test_one_feature_worked_by_hand() -> None:
    # k(x, y) = (xy + 1)³ on {0, 1, 1} and {0, 0, 1}: pairs of the first 1, 1, 8 and of the second 1, 1, 1; across
    # 3 · 1 and 2 · (1 + 1 + 8): 10/3 + 1 - 2 · 23/9
    found = kernel_distance(np.array([[0.0], [1.0], [1.0]]), np.array([[0.0], [0.0], [1.0]]))
    assert found.value == pytest.approx(10 / 3 + 1 - 46 / 9)


def test_agrees_with_torchmetrics_in_blocks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distances, "CELLS", 200)
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, 9)), 0.2 + generator.normal(size=(60, 9))
    a, b = torch.from_numpy(x), torch.from_numpy(y)
    expected = poly_mmd(a, b, degree=3, gamma=None, coef=1.0).item()
    assert kernel_distance(x, y).value == pytest.approx(expected)


def test_no_bias_and_a_standard_deviation_as_wide_as_the_spread() -> None:
    generator = np.random.default_rng(0)
    for shift in (0.0, 0.5):
        found = [
            kernel_distance(generator.normal(size=(50, 4)), shift + generator.normal(size=(70, 4))) for _ in range(200)
        ]
        values = np.array([each.value for each in found])
        # E (x·y/4 + 1)³ in closed form is tedious; many more images give it
        expected = kernel_distance(generator.normal(size=(2500, 4)), shift + generator.normal(size=(2500, 4)))
        assert values.mean() == pytest.approx(expected.value, abs=4 * values.std() / np.sqrt(200) + 2 * expected.sd)
        assert np.mean([each.sd for each in found]) == pytest.approx(values.std(), rel=0.35)


def test_leaving_images_out_one_by_one_is_what_the_shortcut_does() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(12, 3)), generator.normal(size=(9, 3))
    left_x = [kernel_distance(np.delete(x, i, 0), y).value for i in range(12)]
    left_y = [kernel_distance(x, np.delete(y, i, 0)).value for i in range(9)]
    expected = np.sqrt(11 * np.var(left_x) + 8 * np.var(left_y))
    assert kernel_distance(x, y).sd == pytest.approx(expected)


def test_too_few_images_are_reported() -> None:
    with pytest.raises(ValueError, match="at least three images of each kind, got 2 and 3"):
        kernel_distance(np.zeros((2, 1)), np.zeros((3, 1)))
