"""Hidden labels are out of reach, and clusters are scored by their best match to classes."""

from __future__ import annotations

import numpy as np
import pytest

from darkroom.data.hide import HIDDEN
from darkroom.data.store import labeled
from darkroom.study.supervision.experiment import clustered, with_labels
from darkroom.study.training import digits, divide, placed


@pytest.mark.parametrize(("share", "count"), [(0.1, 60), (0.01, 10)])
def test_few_labels_are_left_with_one_per_class(share: float, count: int) -> None:
    whole = digits()
    store = placed(whole, divide(whole, train=600, val=50, test=100, seed=0))
    known = with_labels(store, share, seed=0)
    rows = labeled(known, "train")
    assert len(rows) == pytest.approx(count, abs=2)
    assert set(known.labels[rows]) == set(range(10))
    hidden = np.setdiff1d(known.rows("train"), rows)
    assert (known.labels[hidden] == -1).all()
    assert (known.items[HIDDEN].to_numpy()[hidden] == store.labels[hidden]).all()
    assert (known.labels[known.rows("test")] == store.labels[known.rows("test")]).all()


def test_clusters_do_better_than_chance() -> None:
    whole = digits()
    store = placed(whole, divide(whole, train=300, val=20, test=100, seed=0))
    assert 0.5 < clustered(store, seed=0) < 1
