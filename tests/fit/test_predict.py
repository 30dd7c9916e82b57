"""Inference on several threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn

from darkroom.fit.model import predict


def test_the_bits_do_not_depend_on_the_number_of_workers() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 32, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(128, 50))
    images = np.random.default_rng(0).integers(0, 256, (70, 24, 24, 3), dtype=np.uint8)
    rows = np.arange(70)[::-1].copy()
    threads: set[int] = set()

    def call(batch: torch.Tensor) -> torch.Tensor:
        threads.add(threading.get_ident())
        assert torch.get_num_threads() == 1
        return network(batch)

    alone, several = (predict(call, images, rows, batch_size=8, workers=workers) for workers in (1, 3))
    assert len(threads) > 1
    assert np.array_equal(alone, several)


def test_an_error_in_a_worker_is_raised() -> None:
    def call(batch: torch.Tensor) -> torch.Tensor:
        raise ValueError("too small")

    images = np.zeros((4, 2, 2, 1), np.uint8)
    with pytest.raises(ValueError, match="too small"):
        predict(call, images, np.arange(4), batch_size=2, workers=2)
    with pytest.raises(ValueError, match="workers is 0"):
        predict(call, images, np.arange(4), workers=0)
