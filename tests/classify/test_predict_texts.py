"""New texts through a trained model: from files and tables, read and cut into tokens as those of the training were."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.data.text.toy import prepared, rows, table

import darkroom
from darkroom import files
from darkroom.__main__ import main
from darkroom.classify import evaluate, train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.data import incoming
from darkroom.data.store import open_store
from darkroom.log import silent


@pytest.fixture(scope="module")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a seed, trained on a table whose texts are in the column `review`; the store is beside it."""
    root = tmp_path_factory.mktemp("texts")
    table(root / "in.tsv", rows("good", 150), rows("not good", 150))
    frame = pd.read_csv(root / "in.tsv", sep="\t").rename(columns={"text": "review"})
    frame.to_csv(root / "in.tsv", sep="\t", index=False)
    source = {"name": "text_table", "path": str(root / "in.tsv"), "text": "review", "rare": 1, "length": 7}
    prepared(root, source, split={"test": 0.3, "val": 0.3})
    spec = TrainSpec.model_validate({"network": "ngrams", "seed": 0, "training": {"epochs": 1}})
    train.run(spec, data=root / "prepared", out=root / "seed-0" / "model", log=silent)
    judged = {"network": "ngrams", "tta": [], "tta_merge": "mean", "resamples": 20, "seed": 0}
    evaluate.run(
        EvaluateSpec.model_validate(judged),
        data=root / "prepared",
        model=root / "seed-0" / "model",
        out=root / "seed-0" / "evaluation",
        log=silent,
    )
    return root / "seed-0"


@pytest.fixture(scope="module")
def known(seed: Path) -> pd.DataFrame:
    """The test texts with what the evaluation says of each."""
    found = pd.read_parquet(seed / "evaluation" / "predictions.parquet")
    texts = open_store(seed.parent / "prepared").items.set_index("id")["text"]
    return found.assign(text=[texts[name] for name in found["id"]])


def command(seed: Path, samples: Path, out: Path, *more: str) -> int:
    return main(["classify", "predict", "--model", str(seed), "--samples", str(samples), "--out", str(out), *more])


def predicted(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "txt"])
def test_texts_of_every_format_are_predicted_as_in_the_evaluation(
    seed: Path, known: pd.DataFrame, tmp_path: Path, ending: str
) -> None:
    new, frame = tmp_path / "new", pd.DataFrame({"number": range(len(known)), "review": known["text"]})
    new.mkdir()
    if ending == "parquet":
        frame.to_parquet(new / "a.parquet")
    elif ending == "jsonl":
        frame.to_json(new / "a.jsonl", orient="records", lines=True)
    elif ending == "txt":
        for number, text in enumerate(known["text"]):
            (new / f"{number:03}.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    else:
        frame.to_csv(new / f"a.{ending}", sep="," if ending == "csv" else "\t", index=False)
    assert command(seed, new, tmp_path / "out", "--workers", "2") == 0
    found = predicted(tmp_path / "out")
    assert len(found) == len(known)
    for k, name in enumerate(open_store(seed.parent / "prepared").classes):
        np.testing.assert_allclose([float(row[f"p/{name}"]) for row in found], known[f"p_plain_{k}"], atol=1e-6)
    assert found[0]["file"] == ("000.txt" if ending == "txt" else f"a.{ending} row 1")
    sure = files.read_json(seed / "evaluation" / "metrics.json")["risk_coverage"]["plain"]["thresholds"]["0.05"]
    assert np.mean([row["sure"] == "true" for row in found]) == pytest.approx(sure["coverage"]["value"])


def test_texts_that_cannot_be_read_have_a_row_with_the_reason(
    seed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "a.txt").write_text("the plot is good")
    (new / "b.txt").write_text(" \n")
    (new / "c.txt").write_bytes(b"PK\0\0")
    (new / "d.png").write_bytes(b"\x89PNG")
    (new / "e.csv").write_text("text\nthe plot is good\n")
    (new / "f.tsv").write_text("review\tstars\nthe plot is good\t5\nthe plot\n\t3\nthe actor is not good\t1\n")
    (new / "g.csv").write_text('review\n"the plot is good\n')
    (new / "h.jsonl").write_text('{"review": "the plot is good"}\n{\n')
    (new / "i.parquet").write_bytes(b"PAR1")
    assert command(seed, new, tmp_path / "out") == incoming.NOT_ALL
    assert "13 texts" in capsys.readouterr().out
    notes = {row["file"]: (row["prediction"] != "", row["note"]) for row in predicted(tmp_path / "out")}
    assert [name for name, (answered, note) in notes.items() if answered and not note] == [
        "a.txt", "f.tsv row 1", "f.tsv row 4", "h.jsonl row 1"
    ]  # fmt: skip
    for name, words in {
        "b.txt": "an empty text",
        "c.txt": "zero bytes",
        "d.png": "neither a .txt file nor a table",
        "e.csv": 'e.csv has no column "review"; it has "text"',
        "f.tsv line 3": "1 cells; expected 2",
        "f.tsv row 3": "an empty text",
        "g.csv": "cannot be read as a table",
        "h.jsonl line 2": "not JSON",
        "i.parquet": "cannot be read as parquet",
    }.items():
        assert words in notes[name][1]
        assert "data.source" not in notes[name][1].replace("set data.source.quotes", "")


def test_python_takes_texts_files_and_token_numbers(seed: Path, known: pd.DataFrame, tmp_path: Path) -> None:
    model: Any = darkroom.load(seed)
    texts = known["text"].tolist()
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"review": text}) + "\n" for text in texts))
    table = model.predict([tmp_path / "a.jsonl"])
    spoken = model.predict(texts)
    assert "file" not in spoken
    for column in spoken:
        assert [*map(str, spoken[column])] == [*map(str, table[column])]
    wanted = known[["p_plain_0", "p_plain_1"]].to_numpy()
    store = open_store(seed.parent / "prepared")
    for samples in (texts, [tmp_path / "a.jsonl"], store.samples[store.rows("test")]):
        np.testing.assert_allclose(model(samples), wanted, atol=1e-6)
    with pytest.raises(ValueError, match=r"got the text 'good'; expected a list of texts or paths"):
        model.predict("good")
    with pytest.raises(ValueError, match="got no texts"):
        model.predict([])
    with pytest.raises(ValueError, match=r"got an array of shape \(2, 9\) and type int64; expected \(N, 7\) of int32"):
        model(np.zeros((2, 9), np.int64))
    with pytest.raises(ValueError, match="No such file"):
        model([tmp_path / "gone.txt"])


def test_a_model_that_names_its_separator_reads_every_file_as_such_a_table(tmp_path: Path) -> None:
    lines = [f"pos {text}" for text in rows("good", 40)] + [f"neg {text}" for text in rows("not good", 40)]
    (tmp_path / "in.train").write_text("\n".join(lines))
    source = {"name": "text_table", "path": str(tmp_path / "in.train"), "columns": ["label", "text"], "separator": " "}
    prepared(tmp_path, source)
    from darkroom.data.text.incoming import read_intake

    intake = read_intake(tmp_path / "prepared")
    store = open_store(tmp_path / "prepared")
    found = [*intake.batches(incoming.listed(tmp_path / "in.train"))]
    assert np.array_equal(
        np.concatenate([batch.samples for batch in found if batch.samples is not None]), store.samples
    )
