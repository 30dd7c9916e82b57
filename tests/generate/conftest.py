"""Judges and stores that the tests of generators share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom import files
from darkroom.data.store import describe_store, open_store
from darkroom.generate import judge
from darkroom.generate.config import JudgeSpec
from darkroom.log import silent


def small_judge(**changes: Any) -> JudgeSpec:
    network = {"name": "resnet", "width": 16, "stages": 2}
    training = {"epochs": 8, "batch_size": 64, "precision": "fp32"}
    return JudgeSpec.model_validate({"network": network, "training": training, "online": [], **changes})


@pytest.fixture(scope="session")
def judge_spec() -> Callable[..., JudgeSpec]:
    """Makes specs of a small judge, quickly trained."""
    return small_judge


@pytest.fixture(scope="session")
def digits_judge(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judge of the digits: the folder of its stage."""
    out = tmp_path_factory.mktemp("judge") / "judge"
    judge.run(small_judge(), data=digits, out=out, log=silent)
    return out


@pytest.fixture
def changed(digits: Path, tmp_path: Path) -> Callable[[Callable[[pd.DataFrame], pd.DataFrame]], Path]:
    """Makes a store of the digits with another table; rows that the table lacks are left out."""

    def make(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Path:
        store = open_store(digits)
        items = change(store.items.copy())
        out = tmp_path / "changed"
        with files.folder(out) as fresh:
            np.save(fresh / "samples.npy", np.asarray(store.samples[items.index.to_numpy()]))
            describe_store(fresh, name="changed", classes=store.classes, items=items.reset_index(drop=True))
        return out

    return make
