"""Intervals of a model without a mistake: each has a width, or no bounds."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom.classify.evaluation import numbers, one_class, several_labels
from darkroom.classify.evaluation.outputs import Outputs
from darkroom.data.target import Kind, Target

ITEMS = 60
EVALUATIONS: dict[Kind, Any] = {"class": one_class, "labels": several_labels, "numbers": numbers}


def perfect(kind: Kind) -> Outputs:
    """The outputs of a model that is right about 60 validation and 60 test images."""
    labels = np.arange(2 * ITEMS) % 3
    truth = np.eye(3)[labels]
    target = Target(kind, ("a", "b", "c"))
    exact = truth if kind == "numbers" else 8 * (2 * truth - 1)
    store: Any = SimpleNamespace(
        labels=labels,
        targets=labels if kind == "class" else truth.astype(np.float32),
        classes=target.names,
        target=target,
        items=pd.DataFrame({"id": [str(n) for n in range(2 * ITEMS)]}),
    )
    return Outputs(
        store=store,
        link={"class": "softmax", "labels": "sigmoid", "numbers": "identity"}[kind],
        val=np.arange(ITEMS),
        test=np.arange(ITEMS, 2 * ITEMS),
        held_out=exact[:ITEMS, None].astype(np.float32),
        plain=exact[ITEMS:].astype(np.float32),
        looks=None,
        names=["plain"],
        merge="mean",
        resamples=100,
        seed=0,
    )


def bounded(found: Any, place: str = "") -> Iterator[tuple[str, dict[str, float]]]:
    """Every value with bounds in nested dictionaries."""
    if isinstance(found, dict):
        if {"value", "low", "high"} <= set(found):
            yield place, found
        for key, value in found.items():
            yield from bounded(value, f"{place}/{key}")


@pytest.mark.parametrize("kind", EVALUATIONS)
def test_no_interval_of_a_perfect_model_is_without_width(kind: Kind) -> None:
    metrics = EVALUATIONS[kind].evaluate(perfect(kind)).metrics
    flat = [place for place, one in bounded(metrics) if one["value"] is not None and not one["low"] < one["high"]]
    assert flat == []
    if kind != "numbers":
        auroc = metrics["views"]["plain"]["raw"]["macro_auroc"]
        assert 0.8 < auroc["low"] < auroc["high"] == auroc["value"] == 1
