from __future__ import annotations

import math

import pytest
import torch

from darkroom.generate.vae.codebook import DECAY, Codebook, perplexity


def codebook(vectors: list[list[float]], counts: list[float]) -> Codebook:
    made = Codebook(len(vectors), len(vectors[0]))
    made.vectors.copy_(torch.tensor(vectors))
    made.counts.copy_(torch.tensor(counts))
    made.sums.copy_(made.vectors * made.counts[:, None])
    return made


def grid(vectors: list[list[float]]) -> torch.Tensor:
    """One grid (1, D, 1, n) of these vectors."""
    return torch.tensor(vectors).T[None, :, None, :].contiguous()


def test_each_vector_takes_its_nearest_code_and_commitment_is_the_squared_distance() -> None:
    made = codebook([[0.0, 0.0], [4.0, 0.0]], [1.0, 1.0]).eval()
    found = made(grid([[1.0, 0.0], [3.0, 2.0], [4.0, 0.0]]))
    assert found.codes.tolist() == [[[0, 1, 1]]]
    assert found.vectors[0, :, 0].T.tolist() == [[0, 0], [4, 0], [4, 0]]
    assert found.commitment.tolist() == pytest.approx([1 + (1 + 4) + 0])
    assert made.counts.tolist() == [1, 1]  # nothing moves outside training


def test_the_codebook_moves_as_the_paper_says() -> None:
    # N <- .99 N + .01 n, m <- .99 m + .01 sum z, e = m / N, with n = (1, 2), sums (1, 1) and (7, 2)
    made = codebook([[0.0, 0.0], [4.0, 0.0]], [2.0, 3.0]).train()
    made(grid([[1.0, 1.0], [3.0, 2.0], [4.0, 0.0]]))
    counts = [DECAY * 2 + (1 - DECAY) * 1, DECAY * 3 + (1 - DECAY) * 2]
    first = [(1 - DECAY) * 1 / counts[0], (1 - DECAY) * 1 / counts[0]]
    second = [(DECAY * 12 + (1 - DECAY) * 7) / counts[1], (1 - DECAY) * 2 / counts[1]]
    assert made.counts.tolist() == pytest.approx(counts)
    assert made.vectors[0].tolist() == pytest.approx(first)
    assert made.vectors[1].tolist() == pytest.approx(second)


def test_a_steady_stream_pulls_each_code_to_the_mean_of_its_vectors() -> None:
    made = codebook([[0.0], [4.0]], [1.0, 1.0]).train()
    for _ in range(1000):
        made(grid([[0.5], [1.5], [3.5]]))
    assert made.vectors.flatten().tolist() == pytest.approx([1.0, 3.5], abs=1e-3)
    assert made.counts.tolist() == pytest.approx([2, 1], abs=1e-3)


def test_the_gradient_passes_straight_through() -> None:
    made = codebook([[0.0, 0.0], [4.0, 0.0]], [1.0, 1.0]).eval()
    features = grid([[1.0, 0.5], [3.0, 2.0]]).requires_grad_()
    upstream = torch.randn(1, 2, 1, 2)
    (made(features).vectors * upstream).sum().backward()
    assert torch.equal(features.grad, upstream)  # type: ignore[arg-type]
    features.grad = None
    made(features).commitment.sum().backward()  # 2 (z - e), to the encoder alone
    assert features.grad[0, :, 0].T.tolist() == [[2, 1], [-2, 4]]  # type: ignore[index]
    assert list(made.parameters()) == []


def test_dead_codes_start_again_at_the_vectors_that_are_shown_worst() -> None:
    vectors = [[0.0, 0.0], [4.0, 0.0], [50.0, 50.0], [60.0, 60.0]]
    given = grid([[0.1, 0.0], [0.0, 7.0], [4.0, 0.1], [4.0, 5.0], [0.0, 0.0]])
    twice = []
    for _ in range(2):
        made = codebook(vectors, [10.0, 10.0, 0.0, 0.01]).train()
        made(given)
        twice.append(made.vectors.clone())
    assert made.vectors[2:].flatten().tolist() == pytest.approx([0, 7, 4, 5])
    assert made.counts[2:].tolist() == pytest.approx([(made.counts[:2].sum() / 4).item()] * 2, rel=1e-2)
    assert torch.equal(*twice)
    made(given)
    assert set(made.eval()(given).codes.flatten().tolist()) == {0, 1, 2, 3}


def test_more_dead_codes_than_vectors_leave_some_dead() -> None:
    made = Codebook(40, 3).train()
    made(torch.randn(2, 3, 2, 2))
    assert torch.isfinite(made.vectors).all()
    assert 8 <= (made.counts > 0).sum() <= 16


def test_perplexity_counts_codes_in_use() -> None:
    assert perplexity(torch.tensor([0, 1, 2, 3]), 10).item() == pytest.approx(4)
    assert perplexity(torch.tensor([5, 5, 5]), 10).item() == pytest.approx(1)
    expected = math.exp(0.75 * math.log(4 / 3) + 0.25 * math.log(4))
    assert perplexity(torch.tensor([0, 0, 0, 1]), 2).item() == pytest.approx(expected)
