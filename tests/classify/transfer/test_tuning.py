"""Range tests, folds and trials of pretrained networks, which begin with a head fitted to their features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from darkroom import files
from darkroom.classify import features, fold, lr_range, trial
from darkroom.classify.config import FeaturesSpec, TrainSpec
from darkroom.classify.tuning.config import FoldSpec
from darkroom.classify.tuning.search_config import TrialSpec
from darkroom.log import silent


@pytest.mark.parametrize("transfer", ["probe", pytest.param({"name": "fine_tune"}, marks=pytest.mark.thorough)])
def test_a_fold_reads_the_features_of_both_splits(
    transfer: Any, weights: Callable[[str], Path], digits: Path, tmp_path: Path
) -> None:
    network = {"name": "pretrained", "backbone": "test_efficientnet", "weights": str(weights("test_efficientnet"))}
    network |= {"size": 32}
    known = {"network": network, "backbone": "a", "policy": {}, "views": 0, "seed": 0}
    features.run(FeaturesSpec.model_validate(known), data=digits, out=tmp_path / "features", log=silent)
    base: dict[str, Any] = {"network": network, "transfer": transfer, "seed": 0}
    base["training"] = {"epochs": 1, "batch_size": 256, "optimizer": {"name": "adamw", "lr": 0.001}}
    inputs: dict[str, Any] = {"data": digits, "features": tmp_path / "features", "log": silent}
    held = FoldSpec.model_validate({**base, "folds": 2, "fold": 0})
    fold.run(held, out=tmp_path / "fold", **inputs)
    assert files.read_json(tmp_path / "fold" / "fold.json")["scores"]["accuracy"] > 0.2
    if transfer != "probe":
        base["training"] |= {"optimizer": {"name": "adamw", "lr": "auto"}, "batch_size": 16}
        lr_range.run(TrainSpec.model_validate(base), out=tmp_path / "range", **inputs)
        base["training"]["batch_size"] = 256
        values = {"training.optimizer.lr": 0.002}
        tried = TrialSpec.model_validate({**base, "method": "random", "space": {}, "values": values, "trial": 0})
        trial.run(tried, out=tmp_path / "trial", rate=tmp_path / "range", **inputs)
        assert files.read_json(tmp_path / "trial" / "trial.json")["score"] > 0.2
