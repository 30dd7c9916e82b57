from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import darkroom
from darkroom.detect.config import Detect, DetectorConfig, FitSpec


def test_only_a_trained_detector_keeps_its_training() -> None:
    training = {"epochs": 3}
    for name, epochs in (("pca", None), ("autoencoder", 3)):
        for found in (
            DetectorConfig.model_validate({"detector": name, "training": training}),
            FitSpec.model_validate({"detector": name, "training": training, "normal": ["good"], "seed": 0}),
            Detect.model_validate({"training": training, "detectors": {name: None}}).detectors[name],
        ):
            assert (found.training and found.training.epochs) == epochs


def test_a_validator_replaces_values_and_changes_no_frozen_model() -> None:
    root = Path(darkroom.__file__).parent
    assert [path for path in root.rglob("config.py") if "__setattr__" in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("value", [0, 1, "most"])
def test_a_recall_is_a_share(value: Any) -> None:
    with pytest.raises(ValueError, match="recall"):
        Detect.model_validate({"recall": value})
