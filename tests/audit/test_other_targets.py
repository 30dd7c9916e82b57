"""The audit of labels and of numbers on drawn bars: a flip swaps two labels, and turns an angle into its negative."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from darkroom import files
from darkroom.audit import measure, train
from darkroom.audit.aspects import LabelKept, NumberKept, Own, aspects
from darkroom.audit.config import MeasureSpec, TrainSpec
from darkroom.audit.steps import steps
from darkroom.audit.suggest import for_all
from darkroom.augment.config import Policy
from darkroom.config.load import load
from darkroom.data.store import describe_store, open_store
from darkroom.data.target import Kind, Target
from darkroom.log import silent

COUNT, SIDE = 200, 16
LOSSES: dict[Kind, str] = {"labels": "binary_cross_entropy", "numbers": "huber"}
POLICY = {"copies": 1, "offline": ["hflip", "vflip", {"name": "rotate90", "turns": [2]}]}


def drawn(kind: Kind, folder: Path) -> Path:
    """Draw bars on the left and on the right, or one bar through the center at an angle in degrees."""
    draws = np.random.default_rng(0)
    sides, angles = draws.random((COUNT, 2)) < 0.5, draws.uniform(-60, 60, COUNT)
    images = np.zeros((COUNT, SIDE, SIDE))
    if kind == "labels":
        for place, columns in enumerate((slice(2, 5), slice(11, 14))):
            images[:, 3:12, columns] = sides[:, place, None, None]
    else:
        down, along = np.meshgrid(np.arange(SIDE) - 7.5, np.arange(SIDE) - 7.5, indexing="ij")
        turned = np.deg2rad(angles)[:, None, None]
        images = np.exp(-((along * np.cos(turned) + down * np.sin(turned)) ** 2) / 2)
    pixels = (20 + 200 * images + draws.normal(0, 8, images.shape)).clip(0, 255).astype(np.uint8)[..., None]
    target = Target(kind, ("left", "right") if kind == "labels" else ("angle",))
    values = (sides if kind == "labels" else angles[:, None]).astype(np.float32)
    items = pd.DataFrame({"id": [f"i{n}" for n in range(COUNT)], "label": -1, "split": "train"})
    items = items.assign(group=np.arange(COUNT), mask=-1, **dict(zip(target.columns, values.T, strict=True)))
    with files.folder(folder) as fresh:
        np.save(fresh / "samples.npy", pixels)
        describe_store(fresh, name="drawn", classes=(), items=items, target=target)
    return folder


def audited(kind: Kind, root: Path) -> dict[str, Any]:
    data, learning = drawn(kind, root / "data"), {"name": "adamw", "lr": 0.003}
    shared: dict[str, Any] = {"network": "mlp", "folds": 2, "seed": 0, "loss": LOSSES[kind]}
    shared["training"] = {"epochs": 40, "batch_size": 32, "optimizer": learning}
    for fold in range(2):
        spec = TrainSpec.model_validate({**shared, "fold": fold})
        train.run(spec, data=data, out=root / "models" / f"fold-{fold}", log=silent)
    asked = MeasureSpec.model_validate({**shared, "name": "made", "policy": POLICY, "resamples": 100})
    measure.run(asked, data=data, models=root / "models", out=root / "made", log=silent)
    return dict(files.read_json(root / "made" / "audit.json"))


@pytest.mark.training
def test_a_flip_that_swaps_two_labels_changes_them_and_one_that_leaves_them_does_not(tmp_path: Path) -> None:
    cells = audited("labels", tmp_path)["cells"]
    names = ["left", "right", "without left", "without right"]
    assert sorted(cells["offline/hflip"]) == names
    for name, entry in cells["offline/hflip"].items():
        assert entry["verdict"] == "drop", name
        assert entry["numbers"]["relearned"]["high"] < 0.95
    assert cells["offline/hflip"]["left"]["turned_into"][0]["class"] == "without left"
    assert {entry["verdict"] for entry in cells["offline/vflip"].values()} == {"keep"}
    suggested = yaml.safe_load((tmp_path / "made" / "policy.yaml").read_text(encoding="utf-8"))
    assert suggested["augment"]["made"]["offline"][0] == "vflip"
    assert (tmp_path / "made" / "examples.png").stat().st_size > 1000


@pytest.mark.training
def test_a_flip_that_turns_an_angle_into_its_negative_changes_it_and_half_a_turn_does_not(tmp_path: Path) -> None:
    found = audited("numbers", tmp_path)
    flipped, turned = (found["cells"][f"offline/{name}"]["angle"] for name in ("hflip", "rotate90"))
    assert (flipped["verdict"], turned["verdict"]) == ("drop", "keep")
    assert flipped["numbers"]["slope"]["value"] == pytest.approx(-1, abs=0.1)
    assert turned["numbers"]["slope"]["value"] == pytest.approx(1, abs=0.1)
    assert flipped["numbers"]["shift"]["low"] > 10 > 2 > turned["numbers"]["shift"]["high"]
    assert flipped["numbers"]["clean"]["value"] == pytest.approx(0.9, abs=0.05)  # by its definition
    assert (found["target"], found["classes"], found["cues"]) == ("numbers", ["angle"], {})


def test_a_label_has_two_aspects_each_the_opposite_of_the_other(tmp_path: Path) -> None:
    asked = aspects(open_store(drawn("labels", tmp_path / "data")))
    for place, aspect in enumerate(asked):
        assert isinstance(aspect, LabelKept)
        other = asked[aspect.opposite]
        assert isinstance(other, LabelKept)
        assert (other.output, other.present, other.opposite) == (aspect.output, not aspect.present, place)
        assert aspect.word(float(aspect.present)) == aspect.name


def test_a_number_is_right_while_its_error_is_a_usual_one() -> None:
    own = Own.of(np.linspace(-10, 10, 101)[:, None])
    aspect, true = NumberKept(0, "angle"), np.zeros(3)
    assert aspect.right(np.array([0.0, 8.9, 9.1]), true, own).tolist() == [True, True, False]
    near = aspect.alike(np.array([0.0]), np.arange(100.0)[:, None])
    assert np.flatnonzero(near[0]).tolist() == list(range(50))


def test_a_policy_without_classes_is_weakened_as_a_whole() -> None:
    policy = Policy.model_validate({"offline": ["hflip", {"name": "affine", "rotate": 20}], "online": ["hflip"]})
    keys = [step.key for step in steps(policy)]
    made = for_all(policy, dict(zip(keys, (0.0, 0.5, 1.0), strict=True)))
    assert made is not None
    again = Policy.model_validate(made)
    assert [step.name for step in steps(again)] == ["affine", "hflip"]
    assert again.offline[0].rotate == 10  # type: ignore[attr-defined]
    assert for_all(policy, dict.fromkeys(keys, 0.0)) is None


def test_the_config_gives_judges_the_loss_of_the_target(tmp_path: Path) -> None:
    from darkroom.audit import jobs
    from darkroom.planning.plan import Plan

    (tmp_path / "t.csv").write_text("path,angle\na.png,1\n", encoding="utf-8")
    source = {"name": "manifest", "path": str(tmp_path / "t.csv"), "numbers": ["angle"]}
    raw = {"name": "x", "data": {"source": source}, "augment": {"p": {"offline": ["hflip"]}}, "audit": None}
    plan = Plan(load(raw, path="x.yaml"))
    assert jobs._train(plan, {"fold": "0"}).loss.name == "huber"  # type: ignore[attr-defined]
    assert jobs._measure(plan, {"policy": "p"}).loss.name == "huber"  # type: ignore[attr-defined]
