from __future__ import annotations

import itertools

import pytest
import torch

from darkroom.nets.causal import CausalTransformer


def transformer(length: int = 4, codes: int = 3, classes: int = 2) -> CausalTransformer:
    torch.manual_seed(0)
    made = CausalTransformer(length, codes, classes, width=8, layers=2, dropout=0.3).eval()
    with torch.no_grad():
        for parameter in made.parameters():  # far from uniform
            parameter.mul_(3)
    return made


@pytest.mark.parametrize("classes", [0, 2])
def test_the_chances_of_all_sequences_sum_to_one(classes: int) -> None:
    model = transformer(classes=classes)
    every = torch.tensor(list(itertools.product(range(3), repeat=4)))  # 81 sequences
    for label in range(max(1, classes)):
        chances = model.log_prob(every, torch.full((81,), label)).double().exp()
        assert chances.sum().item() == pytest.approx(1, abs=1e-5)
        assert chances.max() > 3 * chances.min()


def test_a_code_depends_on_no_code_from_its_place_on() -> None:
    model = transformer(length=6, codes=5)
    codes = torch.randint(5, (1, 6), generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([1])
    logits = model(codes, labels)
    for place in range(6):
        other = codes.clone()
        other[:, place:] = (other[:, place:] + 1) % 5
        changed = model(other, labels)
        assert torch.allclose(changed[:, : place + 1], logits[:, : place + 1], atol=1e-5)
        if place < 5:
            assert not torch.allclose(changed[:, place + 1], logits[:, place + 1], atol=1e-3)


def test_drawing_place_by_place_agrees_with_the_whole_sequence() -> None:
    model = transformer(length=6, codes=5)
    labels = torch.arange(200) % 2
    draws = torch.rand(200, 6, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        codes = model.sample(labels, draws)
        edges = model(codes, labels).softmax(-1).cumsum(-1)
    below = torch.where(codes > 0, edges.gather(-1, (codes - 1).clamp(min=0)[..., None]).squeeze(-1), 0.0)
    above = edges.gather(-1, codes[..., None]).squeeze(-1)
    assert ((below - 1e-5 <= draws) & (draws <= above + 1e-5)).all()


def test_draws_are_as_frequent_as_they_are_likely() -> None:
    model = transformer(length=2, codes=3)
    every = torch.tensor(list(itertools.product(range(3), repeat=2)))
    expected = model.log_prob(every, torch.ones(9, dtype=torch.long)).exp()
    draws = torch.rand(20_000, 2, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        found = model.sample(torch.ones(20_000, dtype=torch.long), draws)
    shares = (found[:, 0] * 3 + found[:, 1]).bincount(minlength=9) / 20_000
    assert torch.allclose(shares, expected, atol=0.012)


def test_a_sequence_may_have_one_code_and_a_class_changes_it() -> None:
    model = transformer(length=1)
    one, other = model.log_prob(torch.tensor([[1], [1]]), torch.tensor([0, 1]))
    assert not torch.isclose(one, other)
