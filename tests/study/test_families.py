"""Operations are counted as defined, and grow with what causes them."""

from __future__ import annotations

import pytest
import torch

import darkroom
from darkroom.study.families.experiment import OPTIONS, operations, update_operations
from darkroom.study.training import digits, divide


def test_operations_of_a_matrix_product() -> None:
    first, second = torch.randn(3, 5), torch.randn(5, 7)
    assert operations(lambda: first @ second) == 2 * 3 * 5 * 7


def test_a_sample_costs_as_many_passes_as_there_are_steps() -> None:
    def sampling(steps: int) -> float:
        model = darkroom.create("generator", "diffusion", (1, 8, 8), 10, **OPTIONS["diffusion"], steps=steps).eval()
        return operations(lambda: model.sample(torch.arange(2), torch.Generator().manual_seed(0)))

    assert sampling(6) == pytest.approx(3 * sampling(2))


@pytest.mark.parametrize("name", OPTIONS)
def test_updates_cost_more_than_samples(name: str) -> None:
    store = digits()
    division = divide(store, train=100, val=10, test=10, seed=0)
    model = darkroom.create("generator", name, store.shape, 10, **OPTIONS[name])
    labels = torch.zeros(1, dtype=torch.int64)
    passes = getattr(model, "steps", 1)
    once = operations(lambda: model.eval().sample(labels, torch.Generator().manual_seed(0))) / passes
    assert update_operations(model, store, division) > 2 * once  # forward and backward
