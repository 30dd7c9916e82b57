"""The audit of texts and recordings: transforms that change what they say are found, with examples to read or listen to."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.data.text.toy import prepared, rows, table

from darkroom import files, registry
from darkroom.audit import measure, train
from darkroom.audit.config import Audit, MeasureSpec, TrainSpec
from darkroom.audit.steps import alone, steps, stored, whole
from darkroom.augment import apply
from darkroom.augment.config import Policy
from darkroom.config.load import load
from darkroom.data.store import describe_store, new_array, open_store
from darkroom.log import silent
from darkroom.measure.negation import negations
from darkroom.report.sections import audit as page

TEXTS = {"copies": 1, "offline": [{"name": "deletion", "share": 0.5}, "swap"], "online": ["token_dropout"]}
RATE, LENGTH = 4000, 2000


def audited(data: Path, out: Path, kind: str, network: Any, policy: dict[str, Any], **training: Any) -> dict[str, Any]:
    shared = {"network": network, "folds": 2, "seed": 0}
    trained = {"epochs": 1, **training}
    for fold in range(2):
        spec = TrainSpec.model_validate({**shared, "training": trained, "fold": fold})
        train.run(spec, data=data, out=out / "models" / f"fold-{fold}", log=silent)
    asked = {"name": "made", "policy": policy, "maker": kind, "images": 40, "resamples": 100, "training": trained}
    measure.run(
        MeasureSpec.model_validate({**shared, **asked}), data=data, models=out / "models", out=out / "made", log=silent
    )
    return dict(files.read_json(out / "made" / "audit.json"))


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of reviews in which a negation turns one class into the other."""
    folder = tmp_path_factory.mktemp("texts")
    table(folder / "in.tsv", rows("good", 60), rows("not good", 60))
    prepared(folder, {"name": "text_table", "path": str(folder / "in.tsv"), "rare": 1}, split={"test": 0.2})
    return folder / "prepared"


@pytest.fixture(scope="module")
def found(texts: Path) -> dict[str, Any]:
    return audited(texts, texts.parent / "audit", "text", "ngrams", TEXTS)


def test_deleting_a_negation_loses_the_label_of_what_it_negates(found: dict[str, Any]) -> None:
    deletion = found["cells"]["offline/deletion"]
    assert deletion["neg"]["verdict"] in ("weaken", "drop")
    assert deletion["neg"]["turned_into"][0]["class"] == "pos"
    assert "relearned" in deletion["neg"]["numbers"]
    negated = found["negations"]["offline/deletion"]
    assert negated["changed"]["value"] == pytest.approx(0.25, abs=0.1)  # half of one class
    assert negated["kept"]["value"] < 0.1
    assert negated["others"]["value"] > 0.9
    assert found["negations"]["offline/swap"]["changed"]["value"] == 0
    assert set(found["negations"]) == {"offline/deletion", "offline/swap"}


def test_the_examples_are_pairs_of_texts_with_the_changed_words_marked(texts: Path, found: dict[str, Any]) -> None:
    lines = page._texts(texts.parent / "audit" / "made" / "examples.json")
    title, examples = lines[0]
    assert title == "deletion, neg"
    for one in examples:
        assert (one.label, one.answer) == ("neg", "pos")
        assert "<del>" in one.before
        assert "not" in one.before
        assert "not" not in one.after
    words = str(page._negated("deletion", found["negations"]["offline/deletion"]))
    assert "adds or removes a negation in" in words


def test_the_judged_copies_are_those_of_the_policy(texts: Path, tmp_path: Path) -> None:
    policy, store = Policy.model_validate(TEXTS), open_store(texts)
    apply.run(policy.copied_by("text"), data=texts, out=tmp_path / "copies", log=silent)
    maker = registry.build(registry.options("copy maker", "text")())

    def copying(transforms: Any, seed: int) -> Any:
        return maker.copier(transforms, store, data=texts, seed=seed)

    offline = policy.model_copy(update={"online": []})
    train_rows = store.rows("train")
    made = stored(whole(offline, [1.0, 1.0], copying, seed=3), store, train_rows)
    assert np.array_equal(made, open_store(tmp_path / "copies").samples)
    dropout = stored(alone(steps(policy)[2], 1.0, copying, seed=0), store, train_rows)
    assert dropout.dtype == store.samples.dtype
    assert 0.05 < np.mean(dropout[store.samples[train_rows] > 0] == 1) < 0.15


@pytest.mark.thorough
@pytest.mark.training
def test_a_pitch_that_is_the_class_is_lost_and_a_shift_in_time_keeps_it(tmp_path: Path) -> None:
    pytest.importorskip("audiomentations")
    draws, count = np.random.default_rng(0), 40
    with files.folder(tmp_path / "data") as fresh:
        waves = new_array(fresh / "samples.npy", (2 * count, LENGTH), np.int16)
        labels = np.arange(2 * count) % 2
        for row, label in enumerate(labels):
            tone = np.sin(2 * np.pi * (300, 600)[label] * np.arange(LENGTH) / RATE + draws.uniform(0, 6))
            waves[row] = 8000 * tone + draws.normal(0, 300, LENGTH)
        items = pd.DataFrame({"id": [f"r{row}" for row in range(2 * count)], "label": labels, "split": "train"})
        items = items.assign(group=np.arange(2 * count), mask=-1)
        describe_store(fresh, name="tones", classes=("low", "high"), items=items, kind="audio", sizes=(LENGTH, RATE))
    network = {"name": "spectrogram", "mels": 32, "network": {"name": "cnn", "width": 8}}
    policy = {"copies": 1, "offline": [{"name": "pitch_shift", "semitones": 12}, "time_shift"], "online": ["noise"]}
    got = audited(tmp_path / "data", tmp_path, "audio", network, policy, epochs=6, batch_size=16)
    shifted = got["cells"]["offline/time_shift"]
    assert {entry["verdict"] for entry in shifted.values()} == {"keep"}
    assert min(entry["numbers"]["kept"]["value"] for entry in shifted.values()) > 0.9
    pitched = got["cells"]["offline/pitch_shift"]
    assert min(entry["numbers"]["kept"]["value"] for entry in pitched.values()) < 0.8
    clips = files.read_json(tmp_path / "made" / "clips.json")
    assert [clip["id"].split(", ")[1] for clip in clips[:2]] == ["before", "after"]
    with wave.open(str(tmp_path / "made" / clips[1]["file"])) as clip:
        assert (clip.getframerate(), clip.getnframes()) == (RATE, LENGTH)
    assert (tmp_path / "made" / "examples.png").stat().st_size > 1000


def test_the_judge_of_a_bare_section_takes_the_samples(tmp_path: Path) -> None:
    for source, judge in (("audio_folder", "spectrogram"), ("text_folder", "textcnn")):
        policy = {"online": ["noise" if source == "audio_folder" else "token_dropout"]}
        raw = {
            "name": "x",
            "data": {"source": {"name": source, "path": str(tmp_path)}},
            "augment": {"p": policy},
            "audit": None,
        }
        section = load(raw, path="x.yaml").audit
        assert isinstance(section, Audit)
        assert section.network.name == judge  # type: ignore[attr-defined]
        own = registry.entry("network", judge).training
        assert section.training.optimizer.lr == own["optimizer"]["lr"]  # type: ignore[attr-defined]
        assert section.training.epochs == own.get("epochs", 10)


def test_negations_are_counted_as_words() -> None:
    assert negations("It isn't not good, never; nothing noted") == 4
    assert not negations("a notable know-how")
