"""The judge of generators, on real digits and on data that has nothing to classify."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from darkroom import files
from darkroom.data.store import describe_store, open_store
from darkroom.data.target import Target
from darkroom.fit.model import rebuild
from darkroom.generate import judge
from darkroom.generate.config import JudgeSpec
from darkroom.generate.evaluation.spaces import read_judge
from darkroom.log import silent

Spec = Callable[..., JudgeSpec]
Changed = Callable[[Callable[[pd.DataFrame], pd.DataFrame]], Path]


@pytest.mark.training
def test_it_knows_images_that_it_never_saw(digits_judge: Path, digits: Path) -> None:
    store, found = open_store(digits), read_judge(digits_judge)
    rows = store.rows("test")
    assert found.trained
    assert (found.classify(store.samples[rows]) == store.labels[rows]).mean() > 0.95
    features = found.features(store.samples[rows])
    assert features.shape == (len(rows), 32)
    assert files.read_json(digits_judge / "judge.json") == {"trained": True}


def test_it_loads_as_any_classifier_in_the_memory_format_of_its_training(digits_judge: Path) -> None:
    network = rebuild("network", digits_judge, (1, 8, 8), 10)
    assert network(torch.rand(3, 1, 8, 8)).shape == (3, 10)
    convolutions = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    assert all(module.weight.is_contiguous(memory_format=torch.channels_last) for module in convolutions)
    assert len(convolutions) > 1


def test_the_same_spec_and_data_give_the_same_bytes(judge_spec: Spec, digits: Path, tmp_path: Path) -> None:
    short = judge_spec(training={"epochs": 1, "batch_size": 64})
    for name in ("first", "second"):
        judge.run(short, data=digits, out=tmp_path / name, log=silent)
    assert files.read_manifest(tmp_path / "first") == files.read_manifest(tmp_path / "second")


@pytest.mark.parametrize(
    ("label", "reason"),
    [(-1, "no class has labeled training images"), (3, 'only "3" has labeled training images')],
)
def test_with_nothing_to_classify_its_weights_stay_random(
    label: int, reason: str, judge_spec: Spec, changed: Changed, tmp_path: Path
) -> None:
    data = changed(lambda items: items[:200].assign(label=label))
    judge.run(judge_spec(), data=data, out=tmp_path / "judge", log=silent)
    about = files.read_json(tmp_path / "judge" / "judge.json")
    assert about["trained"] is False
    assert reason in about["reason"]
    found = read_judge(tmp_path / "judge")
    assert not found.trained
    images = open_store(data).samples[:50]
    features = found.features(images)
    assert np.isfinite(features).all()
    assert (features.std(0) > 0).sum() > 10  # they tell images apart


def test_no_training_image_at_all_is_reported(judge_spec: Spec, changed: Changed, tmp_path: Path) -> None:
    data = changed(lambda items: items[:20].assign(split="test"))
    with pytest.raises(ValueError, match="changed has no train images"):
        judge.run(judge_spec(), data=data, out=tmp_path / "judge", log=silent)


def test_left_out_it_is_a_residual_network_with_small_changes_of_its_images() -> None:
    spec = JudgeSpec.model_validate(None)
    assert spec.network.name == "resnet"  # type: ignore[attr-defined]
    assert spec.training.epochs == 16
    assert [step.name for step in spec.online] == ["affine"]  # type: ignore[attr-defined]
    assert spec.online[0].rotate < 15  # type: ignore[attr-defined]
    assert JudgeSpec.model_validate({"online": []}).online == []


def test_labels_and_numbers_are_nothing_to_classify(judge_spec: Spec, digits: Path, tmp_path: Path) -> None:
    store, target = open_store(digits), Target("numbers", ("ink",))
    with files.folder(tmp_path / "data") as fresh:
        np.save(fresh / "samples.npy", store.samples)
        items = store.items.assign(label=-1, **{"target/ink": np.float32(1)})
        describe_store(fresh, name="ink", classes=(), items=items, target=target)
    judge.run(judge_spec(), data=tmp_path / "data", out=tmp_path / "judge", log=silent)
    found = read_judge(tmp_path / "judge")
    assert not found.trained
    assert found.classify(store.samples[:5]).tolist() == [-1] * 5
