"""Copies of recordings, mixing of them, and the error of a config that mixes kinds of samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from darkroom import files, log, registry
from darkroom.augment import apply
from darkroom.augment.config import Policy
from darkroom.augment.online import OnlinePipeline
from darkroom.config.load import ConfigError, load
from darkroom.data.store import describe_store, new_array, open_store

pytest.importorskip("audiomentations")
RATE, LENGTH = 8000, 1600


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A store of six recordings of two classes, the last one for testing."""
    with files.folder(tmp_path / "data") as fresh:
        waves = new_array(fresh / "samples.npy", (6, LENGTH), np.int16)
        waves[:] = np.random.default_rng(0).normal(size=(6, LENGTH)) * 3000
        table = pd.DataFrame({"id": list("abcdef"), "label": [0, 1] * 3, "split": ["train"] * 5 + ["test"]})
        table = table.assign(group=np.arange(6), mask=-1)
        describe_store(fresh, name="s", classes=("x", "y"), items=table, kind="audio", sizes=(LENGTH, RATE))
    return tmp_path / "data"


def copies(data: Path, out: Path, workers: int = 1, **policy: Any) -> Any:
    spec = Policy.model_validate({"copies": 2, "offline": ["gain", "pitch_shift"], **policy}).copied_by("audio")
    apply.run(spec, data=data, out=out, log=log.silent, workers=workers)
    return open_store(out)


def test_copies_of_training_recordings_repeat_with_the_seed_and_name_their_parents(
    recordings: Path, tmp_path: Path
) -> None:
    made = copies(recordings, tmp_path / "one")
    again = copies(recordings, tmp_path / "two", workers=2)
    assert np.array_equal(made.samples, again.samples)
    assert made.items.equals(again.items)
    assert (made.kind, made.shape) == ("audio", (LENGTH, RATE))
    assert made.items["parent"].tolist() == list("abcde") * 2
    assert any("pitch_shift" in applied for applied in made.items["transforms"])
    assert not np.array_equal(made.samples, copies(recordings, tmp_path / "three", seed=1).samples)


def test_a_class_with_strength_0_gets_unchanged_copies(recordings: Path, tmp_path: Path) -> None:
    made = copies(recordings, tmp_path / "one", classes={"y": {"strength": 0}}, offline=[{"name": "gain", "p": 1}])
    store = open_store(recordings)
    rows = {id_: row for row, id_ in enumerate(store.items["id"])}
    same = [np.array_equal(made.samples[n], store.samples[rows[p]]) for n, p in enumerate(made.items["parent"])]
    assert same == (made.items["label"] == 1).tolist()


def test_mixup_blends_recordings_and_their_classes_alike() -> None:
    waves = torch.eye(4).repeat_interleave(50, 1)
    mix = OnlinePipeline([registry.options("batch transform", "mixup")(alpha=1.0)], {"mixup": torch.ones(4)})
    mixed, targets = mix(waves, torch.arange(4), torch.Generator().manual_seed(0))
    torch.testing.assert_close(mixed[:, ::50], targets)
    assert (targets.max(1).values < 1).any()


def test_a_config_that_mixes_kinds_names_what_would_fit(tmp_path: Path) -> None:
    raw = {
        "name": "s",
        "data": {"source": {"name": "audio_folder", "path": str(tmp_path)}},
        "augment": {"flips": {"offline": ["hflip"]}},
        "classify": {"models": {"resnet": {}}, "tta": ["hflip"]},
    }
    with pytest.raises(ConfigError) as caught:
        load(raw, path="x.yaml", need_data=False)
    said = str(caught.value)
    for text in (
        "the transform hflip takes images, but the source gives recordings; use background_noise",
        "the network resnet takes images, but the source gives recordings; use spectrogram",
        "the view hflip takes images, but the source gives recordings; use time_crop, time_shift",
    ):
        assert text in said
    bare = load({**raw, "augment": {}, "classify": None, "detect": {"normal": "a"}}, path="x.yaml", need_data=False)
    assert bare.classify is not None
    assert bare.detect is not None
    assert list(bare.classify.models) == list(bare.detect.detectors) == ["spectrogram"]


def test_a_policy_without_transforms_has_a_default_for_images_alone() -> None:
    raw = {"name": "s", "data": {"source": "sklearn"}, "augment": {"more": {"copies": 2}}}
    assert load(raw, path="a.yaml").augment["more"].offline[0].name == "affine"  # type: ignore[attr-defined]
    for source in ("audio_folder", "text_folder", "table"):
        given = {**raw, "data": {"source": {"name": source, "path": "."}}}
        for empty in ({"copies": 2}, None):
            with pytest.raises(ConfigError, match=r"augment\.more: this policy changes nothing"):
                load({**given, "augment": {"more": empty}}, path="a.yaml", need_data=False)
