"""`darkroom init` on recordings, texts and tables: the config loads, reads what is there, and says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.data.text.toy import rows

from darkroom import __main__ as command_line
from darkroom.config import load
from darkroom.data.text import characters
from darkroom.init import identify


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command in a folder of its own and returns the config that it wrote."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def run(path: Path) -> Any:
        assert command_line.main(["init", str(path), "--name", "set"]) == 0
        return load.read(Path("config", "set.yaml"))

    return run


def sounds(names: list[str]) -> None:
    soundfile = pytest.importorskip("soundfile")
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(name, np.random.default_rng(0).normal(size=1600) / 10, 8000)


def test_recordings_in_class_folders(init: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sounds([f"{tmp_path}/set/{word}/{number}.wav" for word in ("yes", "no") for number in range(12)])
    (tmp_path / "set" / "cover.jpg").write_bytes(b"no image matters here")
    (tmp_path / "set" / "yes" / "cut.wav").write_bytes(b"RIFF")
    found = init(tmp_path / "set")
    assert found.data.source.name == "audio_folder"
    assert [*found.classify.models] == ["spectrogram"]
    assert [step.name for step in found.augment["standard"].online] == ["spec_augment"]
    said = capsys.readouterr().out
    assert "25 recordings in 2 classes" in said
    assert "0.2 to 0.2 s, typically 0.2 s of 24 recordings; 8,000 Hz" in said
    assert "unreadable  1 of 25: yes/cut.wav (" in said
    assert "about 5 recordings each for validation and testing" in " ".join(said.split())


def test_recordings_of_which_none_is_readable_are_one_line_and_no_config(
    init: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("yes/0.wav", "yes/1.flac", "no/0.wav"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(b"RIFF")
    assert command_line.main(["init", str(tmp_path / "set")]) == 1
    said = capsys.readouterr().err
    assert "none of 3 recordings is readable; no/0.wav (" in said
    assert said.count("\n") == 1
    assert not Path("config").exists()


def test_a_wide_table_is_looked_at_in_part(init: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identify, "CELLS", 1000)
    values = np.random.default_rng(0).normal(size=(400, 10))
    frame = pd.DataFrame(values, columns=list("abcdefghij")).assign(kind=np.where(values[:, 0] > 0, "big", "small"))
    frame.to_csv(tmp_path / "wide.csv", index=False)
    assert identify._frame(tmp_path / "wide.csv", "wide.csv").size <= 1000
    assert init(tmp_path / "wide.csv").data.source.target == "kind"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_of_a_long_text_the_part_that_sources_keep_is_looked_at(init: Any, tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame({"text": [*rows("good", 30), "and so on " * 200_000], "label": ["a", "b"] * 15 + ["a"]})
    path = tmp_path / f"long.{ending}"
    if ending == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path) if ending == "parquet" else frame.to_csv(path, index=False)
    assert identify._frame(path, path.name)["text"].str.len().max() == characters.LONGEST
    assert init(path).data.source.name == "text_table"


@pytest.mark.parametrize("cells", [rows("good", 30), range(30)])
def test_one_class_is_one_line(cells: Any, init: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pd.DataFrame({"cell": cells, "label": "a"}).to_csv(tmp_path / "one.csv", index=False)
    assert command_line.main(["init", str(tmp_path / "one.csv")]) == 1
    said = capsys.readouterr().err
    assert 'label is "a" in every row' in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("target", ["target", "numbers"])
def test_arrays_of_rows_are_a_table(init: Any, tmp_path: Path, target: str) -> None:
    values = np.random.default_rng(0).normal(size=(60, 3))
    np.savez(tmp_path / "rows.npz", X=values[:, 1:], y=(values[:, 0] > 0) if target == "target" else values[:, 0])
    source = init(tmp_path / "rows.npz").data.source
    assert source.name == "table"
    assert getattr(source, target) in ("y", ["y"])


def test_speakers_in_file_names_stay_apart(init: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"{digit}_{speaker}_{n}" for digit in range(3) for speaker in ("ann", "bo", "cy") for n in range(3)]
    sounds([f"{tmp_path}/set/{name}.wav" for name in names])
    assert init(tmp_path / "set").data.source.names == "{label}_{group}_{}"
    assert "as nearly as 3 groups, each in one split, allow" in " ".join(capsys.readouterr().out.split())


def test_a_table_that_names_recordings(init: Any, tmp_path: Path) -> None:
    sounds([f"{tmp_path}/set/{number}.wav" for number in range(24)])
    table = pd.DataFrame({"path": [f"{n}.wav" for n in range(24)], "label": ["a", "b"] * 12})
    table.to_csv(tmp_path / "set" / "list.csv", index=False)
    assert init(tmp_path / "set").data.source.name == "audio_table"


def test_text_files_in_class_folders(init: Any, tmp_path: Path) -> None:
    for word, many in (("good", 12), ("bad", 40)):
        (tmp_path / "set" / word).mkdir(parents=True)
        for number, text in enumerate(rows(word, many)):
            (tmp_path / "set" / word / f"{number}.txt").write_text(text)
    found = init(tmp_path / "set")
    assert found.data.source.name == "text_folder"
    assert [*found.classify.models] == ["ngrams", "textcnn"]
    assert found.augment["weighted"].imbalance.name == "class_weights"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_table_of_texts(init: Any, tmp_path: Path, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    texts = rows("good", 30) + rows("not good", 30)
    frame = pd.DataFrame({"id": range(60), "review": texts, "stars": [5] * 30 + [1] * 30, "shop": ["x", "y", "z"] * 20})
    path = tmp_path / f"set.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    elif ending == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_json(path, orient="records", lines=True)
    source = init(path).data.source
    assert (source.name, source.text, source.label) == ("text_table", "review", "stars")
    assert "7 to 8 words" in capsys.readouterr().out


def test_a_table_of_rows_has_the_usual_target_or_the_last_column_of_few_values(init: Any, tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"width": draws.normal(size=60), "color": ["red", "blue", "gray"] * 20, "ok": ["no", "yes"] * 30}
    )
    frame.to_csv(tmp_path / "a.csv", index=False)
    found = init(tmp_path / "a.csv")
    assert (found.data.source.name, found.data.source.target) == ("table", "ok")
    assert "gradient_boosting" in found.classify.models
    Path("config/set.yaml").unlink()
    frame.rename(columns={"color": "Class"}).to_csv(tmp_path / "b.csv", index=False)
    assert init(tmp_path / "b.csv").data.source.target == "Class"
    Path("config/set.yaml").unlink()
    frame.assign(price=draws.normal(size=60)).drop(columns="ok").to_csv(tmp_path / "c.csv", index=False)
    (tmp_path / "d.csv").write_text(pd.read_csv(tmp_path / "c.csv").drop(columns="color").to_csv(index=False))
    found = init(tmp_path / "d.csv")
    assert found.data.source.numbers == ["price"]
    assert [*found.classify.models] == ["table_mlp"]


def test_ids_of_a_table_are_left_out_and_measured_numbers_stay(
    init: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draws = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "customer": [f"C-{number:04}" for number in draws.permutation(60)],
            "row": range(60),
            "shuffled": 500 + draws.permutation(60),
            "account_id": draws.choice(10**9, 60, replace=False),
            "paid": draws.choice(10**9, 60, replace=False),
            "width": draws.normal(size=60),
            "day": pd.date_range("2026-01-01", periods=60).strftime("%Y-%m-%d"),
            "color": ["red", "blue", "gray"] * 20,
            "ok": ["no", "yes"] * 30,
        }
    )
    frame.to_csv(tmp_path / "a.csv", index=False)
    source = init(tmp_path / "a.csv").data.source
    assert source.columns == dict.fromkeys(["customer", "row", "shuffled", "account_id"], "drop")
    said = " ".join(capsys.readouterr().out.split())
    assert "customer, row, shuffled, account_id have another value in every row, as ids have, and are left out" in said
    Path("config/set.yaml").unlink()
    frame[["width", "ok"]].to_csv(tmp_path / "b.csv", index=False)
    assert not init(tmp_path / "b.csv").data.source.columns


def test_images_beside_a_few_sounds_stay_images(init: Any, tmp_path: Path) -> None:
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for number in range(12):
            pixels = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / name / f"{number}.png")
    (tmp_path / "set" / "a" / "note.wav").write_bytes(b"RIFF")
    (tmp_path / "set" / "readme.txt").write_text("images")
    assert init(tmp_path / "set").data.source.name == "folder"
