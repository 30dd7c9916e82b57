"""Texts through the stages: copies by a policy, every network, evaluation, and the report's examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.data.text.toy import prepared, rows, table

from darkroom import files, registry
from darkroom.augment import apply
from darkroom.augment.config import Policy
from darkroom.classify import evaluate, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.data.store import TOKENIZER, open_store
from darkroom.data.text import tokens
from darkroom.log import silent

SMALL: dict[str, dict[str, Any]] = {
    "textcnn": {"width": 16, "maps": 8},
    "text_transformer": {"width": 16, "depth": 1, "heads": 2},
}
POLICY = {"copies": 2, "offline": ["swap", {"name": "deletion", "share": 0.3}, "keyboard"]}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    table(folder / "in.tsv", rows("good", 60), rows("not good", 60))
    prepared(folder, {"name": "text_table", "path": str(folder / "in.tsv"), "rare": 1}, split={"test": 0.3})
    return folder / "prepared"


@pytest.fixture(scope="module")
def copies(data: Path) -> Path:
    out = data.parent / "copies"
    apply.run(Policy.model_validate(POLICY).copied_by("text"), data=data, out=out, log=silent)
    return out


def test_copies_name_their_parents_and_have_their_tokens(data: Path, copies: Path) -> None:
    store, made = open_store(data), open_store(copies)
    train_ids = set(store.items["id"][store.rows("train")])
    assert set(made.items["parent"]) == train_ids
    assert len(made.items) == 2 * len(train_ids)
    tokenizer = tokens.load(data / TOKENIZER)
    numbers = tokens.encode(tokenizer, made.items["text"].tolist())
    assert np.array_equal(made.samples, tokens.padded(numbers, store.shape[0]))
    names = {step["name"] for steps in made.items["transforms"] for step in json.loads(steps)}
    assert names == {"swap", "deletion", "keyboard"}
    original = store.items.set_index("id")["text"]
    for row in made.items.itertuples():
        assert (row.text == original[row.parent]) == (row.transforms == "[]")


def test_the_same_policy_gives_the_same_copies(data: Path, copies: Path, tmp_path: Path) -> None:
    spec = Policy.model_validate(POLICY).copied_by("text")
    apply.run(spec, data=data, out=tmp_path / "again", log=silent, workers=2)
    for file in ("samples.npy", "items.parquet"):
        assert (tmp_path / "again" / file).read_bytes() == (copies / file).read_bytes()


@pytest.mark.training
@pytest.mark.parametrize("name", sorted({*registry.taking("network", "text")} - {"hugging_face"}))
def test_every_network_learns_a_negation(name: str, data: Path, copies: Path, tmp_path: Path) -> None:
    network = {"name": name, **SMALL.get(name, {})}
    training = {"epochs": 8, "batch_size": 16, "optimizer": {"name": "adamw", "lr": 0.01}}
    policy = {} if name == "ngrams" else {"online": ["token_dropout", "mixup"]}
    spec = TrainSpec.model_validate({"network": network, "seed": 0, "training": training, "policy": policy})
    train.run(spec, data=data, copies=copies, out=tmp_path / "model", log=silent)
    assert (tmp_path / "model" / TOKENIZER).read_bytes() == (data / TOKENIZER).read_bytes()
    judged = {"network": network, "tta": [], "tta_merge": "mean", "resamples": 20, "seed": 0}
    evaluate.run(
        EvaluateSpec.model_validate(judged), data=data, model=tmp_path / "model", out=tmp_path / "found", log=silent
    )
    found = files.read_json(tmp_path / "found" / "metrics.json")
    assert found["views"]["plain"]["raw"]["accuracy"]["value"] > 0.9


def test_the_report_shows_copies_with_other_negations_first(data: Path, copies: Path) -> None:
    from types import SimpleNamespace

    from darkroom.report.sections.augment import _texts

    shown = _texts(SimpleNamespace(data=data), pd.read_parquet(copies / "items.parquet"))  # type: ignore[arg-type]
    assert shown is not None
    assert 0 < shown.negated < shown.changed
    before, after, how = shown.examples[0]
    assert ("not" in before.striptags().split()) != ("not" in after.striptags().split())
    assert "deletion" in how
