from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from darkroom.detect.methods import nearest as module
from darkroom.detect.methods.nearest import k_center, nearest


def vectors(items: int, size: int, *, seed: int = 0, groups: int = 5) -> torch.Tensor:
    """Rows in groups of unlike spread, far from zero."""
    generator = torch.Generator().manual_seed(seed)
    middles = 10 + 3 * torch.randn(groups, size, generator=generator)
    group = torch.randint(groups, (items,), generator=generator)
    return middles[group] + (0.2 + group[:, None]) * torch.randn(items, size, generator=generator)


def plain_k_center(rows: torch.Tensor, count: int, first: int) -> list[int]:
    """One pick at a time, every distance by differences."""
    exact = rows.double()
    picks, far = [first], (exact - exact[first]).norm(dim=1)
    while len(picks) < count:
        picks.append(int(far.argmax()))
        far = torch.minimum(far, (exact - exact[picks[-1]]).norm(dim=1))
    return picks


def radius(rows: torch.Tensor, picks: list[int]) -> float:
    return float(torch.cdist(rows.double(), rows[picks].double()).amin(1).max())


@pytest.mark.parametrize("block", [7, 2048])
@pytest.mark.parametrize(("items", "banked"), [(1, 1), (1, 200), (5, 256), (300, 200), (300, 600)])
def test_nearest_rows_are_those_of_sklearn(
    items: int, banked: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    bank, rows = vectors(banked, 30), vectors(items, 30, seed=1)
    distances, indices = nearest(rows, bank)
    expected, found = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(bank.double()).kneighbors(rows.double())
    assert np.allclose(distances, expected[:, 0], rtol=1e-5)
    assert indices.tolist() == found[:, 0].tolist()


def test_of_equal_rows_the_first_is_the_nearest() -> None:
    bank = vectors(300, 8).repeat(3, 1)
    assert nearest(bank[600:], bank)[1].tolist() == list(range(300))


def test_a_row_of_the_bank_has_no_distance() -> None:
    bank = 1000 + vectors(50, 8)
    distances, indices = nearest(bank[10:20], bank)
    assert distances.tolist() == [0] * 10
    assert indices.tolist() == list(range(10, 20))


@pytest.mark.parametrize("block", [64, 2048])
@pytest.mark.parametrize("candidates", [1, 8, 100, 512])
@pytest.mark.parametrize("seed", [0, 1])
def test_picks_in_rounds_are_the_picks_of_one_at_a_time(
    seed: int, candidates: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANDIDATES", candidates)
    monkeypatch.setattr(module, "BLOCK", block)
    rows = vectors(400, 12, seed=seed)
    expected = plain_k_center(rows, 80, first=3)
    picks = k_center(rows, 80, first=3).tolist()
    assert picks == expected
    assert radius(rows, picks) == radius(rows, expected)


def test_every_row_can_be_picked_once() -> None:
    rows = vectors(60, 4)
    assert sorted(k_center(rows, 60, first=0).tolist()) == list(range(60))


def test_copies_of_a_row_are_picked_once() -> None:
    rows = vectors(20, 6).repeat(5, 1)
    picks = k_center(rows, 100, first=0)
    assert sorted((picks % 20).tolist()) == list(range(20))
    assert k_center(torch.ones(9, 3), 5, first=2).tolist() == [2]
