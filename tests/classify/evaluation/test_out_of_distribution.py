"""Scores of images unlike those of the training."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional as F

from darkroom.classify.evaluation import out_of_distribution as ood
from darkroom.classify.evaluation.out_of_distribution import Seen


def test_energies_are_those_of_their_papers() -> None:
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) * 5
    softmax, sigmoid = (ood.energies(logits.numpy(), link) for link in ("softmax", "sigmoid"))
    np.testing.assert_allclose(softmax, -torch.logsumexp(logits, 1), rtol=1e-6)
    np.testing.assert_allclose(sigmoid, -F.softplus(logits).sum(1), rtol=1e-6)
    assert ood.energies(logits.numpy(), "identity") is None


def test_new_images_like_the_validation_images_exceed_a_limit_as_rarely_as_promised() -> None:
    draws = np.random.default_rng(0)
    rates = []
    for _ in range(100):
        train, val, test = (
            Seen(*(draws.normal(size=(n, d)).astype(np.float32) for d in (3, 6))) for n in (100, 80, 400)
        )
        fitted = ood.fit("softmax", draws.integers(0, 3, 100), train, val)
        assert fitted is not None
        assert set(fitted.limits) == {"energy", "distance"}
        rates.append(ood.measured(fitted, val, test)["flagged"]["value"])
    error = np.std(rates) / 10
    assert np.mean(rates) < ood.FALSE_ALARMS + 3 * error
    assert np.mean(rates) > ood.FALSE_ALARMS / 2


def test_scores_that_tell_nothing_are_left_out() -> None:
    ones = np.ones((50, 3), np.float32)
    features = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    labels = np.zeros(50, np.int64)
    fitted = ood.fit("softmax", labels, Seen(ones, features), Seen(ones, features))
    assert fitted is not None
    assert set(fitted.limits) == {"distance"}
    assert ood.fit("softmax", labels, Seen(ones, None), Seen(ones, None)) is None
    assert ood.fit("softmax", labels, Seen(ones, None), Seen(ones[:0], None)) is None


def test_too_few_validation_images_set_no_limit_and_say_so() -> None:
    some = Seen(np.random.default_rng(0).normal(size=(18, 3)).astype(np.float32), None)
    fitted = ood.fit("softmax", np.zeros(18, np.int64), some, some)
    assert fitted is not None
    assert fitted.limits == {"energy": math.inf}
    found = ood.measured(fitted, some, some)
    assert found["limits"]["energy"]["value"] is None
    assert "takes at least 19" in found["flagged"]["reason"]


def test_training_images_are_drawn_evenly_from_the_classes() -> None:
    labels = np.repeat([0, 1, 2], [5000, 40, 3000])
    store = cast(Any, SimpleNamespace(labels=labels))
    rows = ood.some_training_rows(store, np.arange(len(labels)), np.random.default_rng(0))
    assert np.bincount(labels[rows]).tolist() == [980, 40, 980]
    assert len(set(rows.tolist())) == ood.MOST
