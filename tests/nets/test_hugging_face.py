"""Encoders of texts from a local folder: the library's own features, trained like other pretrained networks, or one line."""

from __future__ import annotations

import json
import shutil
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.data.text.toy import prepared, rows, table
from tests.nets import text_encoder

import darkroom
from darkroom import registry
from darkroom.classify import evaluate, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.config.load import ConfigError, load
from darkroom.data.store import Store
from darkroom.data.text.coder import read_coder
from darkroom.fit.batches import as_tensor
from darkroom.log import silent
from darkroom.nets.embedding import Mixed

transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return text_encoder.made(tmp_path_factory.mktemp("bert") / "tiny")


@pytest.fixture(scope="module")
def store(folder: Path) -> Store:
    root = folder.parent
    table(root / "in.tsv", rows("good", 60), rows("not good", 60))
    source = {"name": "text_table", "path": str(root / "in.tsv"), "tokenizer": str(folder), "length": 9}
    return prepared(root, source, split={"test": 0.3, "val": 0.2})[0]


def network(folder: Path, store: Store) -> Any:
    built: Any = registry.build(registry.options("network", "hugging_face")(encoder=str(folder)), store.shape, 2)
    built.load_pretrained()
    return built.eval()


def test_texts_are_cut_by_the_models_own_tokenizer(folder: Path, store: Store) -> None:
    own = transformers.PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), pad_token="[PAD]")
    assert store.shape == (9, len(own) + 2)
    for text, numbers in zip(store.items["text"], store.samples, strict=True):
        expected = own(text)["input_ids"]
        expected = [*expected[:8], 1] if len(expected) > 9 else expected
        assert (numbers[numbers > 0] - 2).tolist() == expected
    assert (store.samples == 3).any(1).all(), "the [SEP] at the end stays"
    coder = read_coder(folder.parent / "prepared")
    assert coder.words(store.samples[0]) == " ".join(store.items["text"][0].split()[:7])


def test_features_are_those_of_the_library(folder: Path, store: Store) -> None:
    built, tokens = network(folder, store), as_tensor(store.samples[:8])
    reference = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        for row, found in zip(tokens, built.features(tokens), strict=True):
            own = row[row > 0][None] - 2
            torch.testing.assert_close(found, reference(own).last_hidden_state.mean(1)[0], atol=1e-5, rtol=1e-4)
        mixed = Mixed(tokens, tokens.flip(0), torch.ones(8))
        torch.testing.assert_close(built(mixed)[3], built(tokens)[3], atol=0.05, rtol=0)
        dropped = torch.where(tokens == 6, 1, tokens)
        assert not torch.allclose(built.features(dropped)[0], built.features(tokens)[0])


@pytest.mark.training
def test_it_is_tuned_and_predicts_new_texts_as_in_the_evaluation(folder: Path, store: Store, tmp_path: Path) -> None:
    chosen = {"name": "hugging_face", "encoder": str(folder)}
    training = {"epochs": 12, "batch_size": 16, "optimizer": {"name": "adamw", "lr": 0.003}}
    data, seed = folder.parent / "prepared", tmp_path / "seed-0"
    spec = TrainSpec.model_validate({"network": chosen, "transfer": "fine_tune", "training": training, "seed": 0})
    train.run(spec, data=data, out=seed / "model", log=silent)
    judged = {"network": chosen, "tta": [], "tta_merge": "mean", "resamples": 20, "seed": 0}
    evaluate.run(
        EvaluateSpec.model_validate(judged), data=data, model=seed / "model", out=seed / "evaluation", log=silent
    )
    known = pd.read_parquet(seed / "evaluation" / "predictions.parquet")
    assert (known["prediction_plain"] == known["label"]).mean() > 0.9
    texts = store.items.set_index("id")["text"][known["id"]].tolist()
    model: Any = darkroom.load(seed)
    np.testing.assert_allclose(model(texts), known[["p_plain_0", "p_plain_1"]], atol=1e-5)


def test_what_cannot_be_used_leaves_one_line(
    folder: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(path: Path, words: str) -> None:
        with pytest.raises(ValueError, match=words) as caught:
            network(path, store)
        assert "\n" not in str(caught.value)

    refused(tmp_path / "gone", "there is no config.json")
    pickled = shutil.copytree(folder, tmp_path / "pickled")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    refused(pickled, "there is no model.safetensors")
    cut = shutil.copytree(folder, tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:500])
    refused(cut, "the weights in .* cannot be loaded")
    config = json.loads((folder / "config.json").read_text())
    strange = shutil.copytree(folder, tmp_path / "strange")
    code = "raise SystemExit('code of the folder ran')"
    (strange / "code.py").write_text(code)
    own = {"model_type": "made_up", "auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model"}}
    (strange / "config.json").write_text(json.dumps({**config, **own}))
    refused(strange, "is no model that can be used")
    (strange / "config.json").write_text(json.dumps({**config, "vocab_size": 20}))
    refused(strange, "set data.source.tokenizer to the same folder")
    (strange / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    refused(strange, "tensors are missing")
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    refused(folder, r"transformers is not installed; pip install 'darkroom\[transformers\]'")


def test_a_config_that_cuts_the_texts_otherwise_is_refused(folder: Path) -> None:
    source = {"name": "text_folder", "path": "."}
    raw = {"name": "x", "classify": {"models": {"bert": {"network": {"name": "hugging_face", "encoder": str(folder)}}}}}
    with pytest.raises(ConfigError, match=r"classify\.models\.bert: .* set data\.source\.tokenizer: "):
        load({**raw, "data": {"source": source}}, path="x.yaml", need_data=False)
    fine = load({**raw, "data": {"source": {**source, "tokenizer": str(folder)}}}, path="x.yaml", need_data=False)
    assert fine.classify
    assert fine.classify.models["bert"].transfer.name == "fine_tune"  # type: ignore[union-attr]


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    table(tmp_path / "in.tsv", rows("good", 4), rows("bad", 4))
    source = {"name": "text_table", "path": str(tmp_path / "in.tsv"), "tokenizer": str(tmp_path / "gone")}
    with pytest.raises(ValueError, match=r"data\.source\.tokenizer: there is no tokenizer\.json at"):
        prepared(tmp_path, source)
