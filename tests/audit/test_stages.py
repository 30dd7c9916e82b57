"""The audit by its stages, on real digits: no judge saw what it judges, and its policy is one that can be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from darkroom import files
from darkroom.audit import folds, measure, train
from darkroom.audit.config import MeasureSpec, TrainSpec
from darkroom.augment.config import Policy
from darkroom.data.store import open_store
from darkroom.log import silent

SHARED = {"network": {"name": "resnet", "width": 8, "stages": 2}, "folds": 2, "seed": 0}
POLICY = {"copies": 1, "offline": [{"name": "rotate90", "turns": [2], "p": 0.5}, {"name": "translate", "p": 0.5}],
          "online": ["mixup", {"name": "hflip", "p": 0.5}]}  # fmt: skip


@pytest.fixture(scope="module")
def models(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("audit")
    for fold in range(2):
        spec = TrainSpec.model_validate({**SHARED, "training": {"epochs": 8, "batch_size": 64}, "fold": fold})
        train.run(spec, data=digits, out=root / f"fold-{fold}", log=silent)
    return root


def audited(digits: Path, models: Path, out: Path, policy: dict) -> dict:
    spec = MeasureSpec.model_validate(
        {
            **SHARED,
            "name": "made",
            "policy": policy,
            "images": 40,
            "resamples": 200,
            "training": {"epochs": 8, "batch_size": 64},
        }
    )
    measure.run(spec, data=digits, models=models, out=out, log=silent)
    return files.read_json(out / "audit.json")


@pytest.fixture(scope="module")
def first(digits: Path, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("audited") / "first"
    audited(digits, models, out, POLICY)
    return out


def test_folds_share_no_group_and_hold_training_images_alone(digits: Path) -> None:
    store = open_store(digits)
    spec = TrainSpec.model_validate({**SHARED, "training": {}, "fold": 0})
    rows, fold = folds.folds(store, spec)
    assert set(store.items["split"].iloc[rows]) == {"train"}
    groups = store.items["group"].to_numpy()[rows]
    assert not set(groups[fold == 0]) & set(groups[fold == 1])
    assert np.bincount(fold).min() > len(rows) / 3


@pytest.mark.training
def test_half_a_turn_is_dropped_for_six_and_nine_and_kept_for_zero(first: Path) -> None:
    found = files.read_json(first / "audit.json")
    verdicts = {name: told["verdict"] for name, told in found["cells"]["offline/rotate90"].items()}
    assert (verdicts["6"], verdicts["9"], verdicts["0"]) == ("drop", "drop", "keep")
    retrained = [told for row in found["cells"].values() for told in row.values() if "relearned" in told["numbers"]]
    learnable = [told for told in retrained if told["verdict"] == "keep"]
    assert learnable  # some turned digits look like no other, and are easily learned
    assert all("trained with the transform recognizes" in told["reason"] for told in learnable)
    turned = found["cues"]["offline/rotate90"]
    assert (turned["where"], {"6", "9"} <= set(turned["without"])) == ("suggestion", True)
    assert turned["accuracy"]["low"] > 0.5  # seen for most digits
    assert "online/mixup" not in found["cells"]  # it changes labels on purpose
    assert all(cell["numbers"]["kept"]["low"] <= cell["numbers"]["kept"]["value"] for cell in found["whole"].values())


@pytest.mark.thorough
def test_the_same_policy_and_data_give_the_same_bytes(digits: Path, models: Path, first: Path, tmp_path: Path) -> None:
    audited(digits, models, tmp_path / "again", POLICY)
    assert files.read_manifest(first) == files.read_manifest(tmp_path / "again")


@pytest.mark.thorough
@pytest.mark.training
def test_the_suggested_policy_loads_and_drops_nothing_when_audited_again(
    digits: Path, models: Path, first: Path, tmp_path: Path
) -> None:
    suggested = yaml.safe_load((first / "policy.yaml").read_text(encoding="utf-8"))["augment"]["made"]
    Policy.model_validate(suggested)
    again = audited(digits, models, tmp_path / "again", suggested)
    assert not {cell["verdict"] for row in again["cells"].values() for cell in row.values()} & {"drop"}


def test_judges_of_other_images_are_refused(digits: Path, models: Path, tmp_path: Path) -> None:
    swapped = tmp_path / "swapped"
    swapped.mkdir()
    for fold in range(2):
        (swapped / f"fold-{fold}").symlink_to(models / f"fold-{1 - fold}")
    with pytest.raises(ValueError, match="trained on a different split"):
        audited(digits, swapped, tmp_path / "out", POLICY)
