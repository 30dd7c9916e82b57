"""Teaching a detector by verdicts, by the command itself."""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import darkroom
from darkroom import files
from darkroom.__main__ import main
from darkroom.data.store import open_store
from darkroom.detect import evaluate, fit
from darkroom.detect.config import EvaluateSpec, FitSpec
from darkroom.detect.teaching import evidence
from darkroom.detect.teaching.evidence import Group
from darkroom.fit.model import save_model
from darkroom.library import LoadedDetector
from darkroom.log import silent
from darkroom.nets.resnet import ResNet
from darkroom.registry import options
from darkroom.report import looks
from darkroom.serve import teach
from darkroom.tracking import spool

RESNET = {"name": "resnet", "width": 8, "stages": 2, "blocks": 1}
DETECTORS: dict[str, Any] = {
    "padim": {"name": "padim", "classifier": "own", "dimensions": 8, "levels": [1]},
    "patchcore": {"name": "patchcore", "classifier": "own", "levels": [1]},
    "pca": {"name": "pca"},
}
Verdicts = Mapping[str, str]


@pytest.fixture(scope="module")
def root(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the prepared digits, seeds of detectors to which an 8 is normal, and test images as files in `new`."""
    root = tmp_path_factory.mktemp("teach")
    (root / "data" / "digits").mkdir(parents=True)
    (root / "data" / "digits" / "prepared").symlink_to(digits, target_is_directory=True)
    torch.manual_seed(0)
    (root / "classifier").mkdir()
    plugin = options("network", "resnet").model_validate(RESNET)
    network = ResNet((1, 8, 8), 10, width=8, stages=2, blocks=1)
    save_model(root / "classifier", network, plugin=plugin, shape=(1, 8, 8), classes=tuple("0123456789"), fitted=None)
    for name, detector in DETECTORS.items():
        out = root / "results" / "digits" / "detect" / "normal-8" / name / "seed-0"
        given = {"detector": detector, "network": RESNET, "normal": ("8",), "seed": 0}
        spec = FitSpec.model_validate(given)
        fit.run(spec, data=digits, classifier=root / "classifier", out=out / "model", log=silent)
        how = {"false_alarms": 0.2, "threshold": "quantile", "examples": 2, "resamples": 10}
        files.write_json(out / "model" / files.RECORD, {"spec": spec.model_dump(mode="json"), "code": ""})
        judged = EvaluateSpec.model_validate(given | how)
        evaluate.run(judged, data=digits, model=out / "model", out=out / "evaluation", log=silent)
        files.write_json(out / "evaluation" / files.RECORD, {"spec": judged.model_dump(mode="json"), "code": ""})
    store = open_store(digits)
    (root / "new").mkdir()
    for row in store.rows("test"):
        path = root / "new" / f"{store.classes[store.labels[row]]}-{row}.png"
        Image.fromarray(store.samples[row, :, :, 0]).save(path)
    return root


@pytest.fixture
def table(tmp_path: Path) -> Callable[[Verdicts], Path]:
    def write(verdicts: Verdicts, name: str = "verdicts.csv") -> Path:
        with (tmp_path / name).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["file", "score", "verdict"])
            writer.writerows([file, "1", verdict] for file, verdict in verdicts.items())
        return tmp_path / name

    return write


def seed(root: Path, name: str) -> Path:
    return root / "results" / "digits" / "detect" / "normal-8" / name / "seed-0"


def load(folder: Path) -> LoadedDetector:
    model = darkroom.load(folder)
    assert isinstance(model, LoadedDetector)
    return model


def command(root: Path, model: Path, verdicts: Path, *more: str) -> int:
    where = () if "--images" in more else ("--images", str(root / "new"))
    return main(["detect", "teach", "--model", str(model), "--verdicts", str(verdicts), *where, *more])


def flagged(root: Path, name: str, kind: str, *, is_: bool = True) -> list[str]:
    """Files of the digit `kind` that a detector flags, or does not."""
    model = load(seed(root, name))
    assert model.threshold is not None
    paths = sorted((root / "new").glob(f"{kind}-*.png"))
    return [p.name for p, score in zip(paths, model(paths).scores, strict=True) if (score > model.threshold) == is_]


@pytest.mark.parametrize("name", [pytest.param("padim", marks=pytest.mark.thorough), "patchcore"])
def test_false_alarms_become_normal_in_a_new_version(
    name: str, root: Path, table: Callable[[Verdicts], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alarms, right = flagged(root, name, "8"), flagged(root, name, "8", is_=False)[:5]
    assert alarms, "the threshold leaves a fifth of the normal images above it"
    before = files.read_manifest(seed(root, name) / "model")
    paths = [root / "new" / file for file in alarms]
    scores = load(seed(root, name))(paths).scores
    verdicts = table(dict.fromkeys(alarms, "false alarm") | dict.fromkeys(right, "Right") | {"": "", "x.png": ""})
    assert command(root, seed(root, name), verdicts, "--tolerance", "0.1") == 0
    said = capsys.readouterr().out
    assert re.search(rf"^false alarms +{len(alarms)} +0 ", said, re.MULTILINE)
    assert "anomalous validation images" in said
    count = len(alarms) + len(right)
    assert f"{count} of the images with verdicts are test images of the data set" in said
    assert "are validation images" not in said
    assert files.read_manifest(seed(root, name) / "model") == before
    taught = seed(root, name).with_name("taught-1")
    described = files.read_json(taught / "model" / "teaching.json")
    assert described["parent"] == before["weights.pt"]
    assert described["lineage"] == [before["weights.pt"]]
    assert described["verdicts"]["false alarm"] == len(alarms)
    assert described["known"] == {"test": count}
    assert (load(taught)(paths).scores < scores).all()
    out = tmp_path / "scored"
    assert main(["detect", "score", "--model", str(taught), "--images", str(root / "new"), "--out", str(out)]) == 0
    rows = pd.read_csv(out / "scores.csv").set_index("file")
    assert rows.loc[alarms, "flagged"].sum() == len(alarms) - described["changed"]["false alarms"]["right_after"]
    assert {path.name for path in (taught / "evaluation").iterdir()} >= {"metrics.json", "threshold.json"}
    assert (root / "results" / "digits" / "looks").is_dir()  # the new version was measured on the test images
    if name == "patchcore":
        return
    # a further teaching starts from the first one
    assert command(root, taught, verdicts, "--tolerance", "0.1", "--data", str(root / "data/digits/prepared")) == 0
    second = files.read_json(taught.with_name("taught-2") / "model" / "teaching.json")
    counted = looks.read(root / "results" / "digits", root / "data" / "digits" / "prepared")
    assert counted.configurations >= 2
    assert second["lineage"] == [before["weights.pt"], described_weights(taught)]
    again = tmp_path / "again"
    assert command(root, seed(root, name), verdicts, "--tolerance", "0.1", "--out", str(again)) == 0
    assert files.read_manifest(again / "model") == files.read_manifest(taught / "model")


def described_weights(folder: Path) -> str:
    return files.read_manifest(folder / "model")["weights.pt"]


def test_misses_lower_the_threshold_of_any_detector_as_far_as_normal_images_allow(
    root: Path, table: Callable[[Verdicts], Path], tmp_path: Path
) -> None:
    store = open_store(root / "data" / "digits" / "prepared")
    low = load(seed(root, "pca"))
    normal = low(np.asarray(store.samples[[r for r in store.rows("val") if store.labels[r] == 8]])).scores
    assert low.threshold is not None
    paths = sorted((root / "new").glob("[!8]-*.png"))
    scores = low(paths).scores
    missed = [p.name for p, s in zip(paths, scores, strict=True) if s <= low.threshold]
    paths_of_misses = [root / "new" / file for file in missed]
    assert missed
    allowed = 0.5
    assert (
        command(
            root,
            seed(root, "pca"),
            table(dict.fromkeys(missed, "miss")),
            "--tolerance",
            f"{allowed}",
            "--out",
            str(tmp_path / "a"),
        )
        == 0
    )
    found = files.read_json(tmp_path / "a" / "model" / "teaching.json")
    value = found["threshold"]["after"]
    assert value < found["threshold"]["before"]
    caught = (low(paths_of_misses).scores > value).sum()
    assert found["changed"]["misses"]["right_after"] == caught
    change = found["changed"]["normal validation images"]
    assert change["broken"] == ((normal <= low.threshold) & (normal > value)).sum()
    assert change["broken"] <= allowed * change["right_before"]
    assert described_weights(tmp_path / "a") == described_weights(seed(root, "pca"))
    rule = files.read_json(tmp_path / "a" / "evaluation" / "threshold.json")["rule"]
    assert rule.endswith("lowered to find anomalies that were missed, or were found before")


def test_a_teaching_that_changes_nothing_writes_no_version(
    root: Path, table: Callable[[Verdicts], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detector = load(seed(root, "pca"))
    paths = sorted((root / "new").glob("[!8]-*.png"))
    lowest = paths[int(np.argmin(detector(paths).scores))]  # normal images that must stay right score higher
    verdicts = table({lowest.name: "miss"})
    assert command(root, seed(root, "pca"), verdicts, "--tolerance", "0", "--out", str(tmp_path / "out")) == 0
    said = capsys.readouterr().out
    assert re.search(r"^misses +1 +0 +0 ", said, re.MULTILINE)
    assert "nothing changed" in said
    assert [path.name for path in tmp_path.iterdir()] == ["verdicts.csv"]


def test_of_two_teachings_at_once_one_keeps_the_folder(
    root: Path,
    table: Callable[[Verdicts], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "new version"
    own = teach.measure

    def measure(*given: Any, **named: Any) -> None:
        own(*given, **named)
        out.mkdir()
        (out / "other.txt").write_text("of the other one")

    monkeypatch.setattr(teach, "measure", measure)
    missed = dict.fromkeys(flagged(root, "pca", "3", is_=False) or flagged(root, "pca", "3"), "miss")
    assert command(root, seed(root, "pca"), table(missed), "--tolerance", "0.5", "--out", str(out)) == 1
    assert "another teaching has just written" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["other.txt"]


def test_lowering_stops_before_anything_gets_worse() -> None:
    scores = np.array([1.0, 2, 3, 4, 5])
    found = {
        evidence.NORMAL: Group(False, scores, scores),
        evidence.MISSES: Group(True, np.array([4.5, 2.5, 0.5]), np.array([4.5, 2.5, 0.5])),
    }
    lowest = float(np.nextafter(0.5, -np.inf))
    for tolerance, wanted in ((0.0, 5.5), (0.2, 4.25), (0.6, 2.25), (1.0, lowest)):
        value = evidence.lowered(found, 5.5, 5.5, tolerance)
        assert value == wanted
        assert not evidence.worse(evidence.changes(found, 5.5, value), tolerance)


def test_lowering_brings_back_anomalies_that_a_teaching_lost() -> None:
    scores = np.array([1.0, 2, 3])
    lost = Group(True, np.array([6.0, 7.0, 4.0]), np.array([5.0, 7.0, 2.5]))  # the last one was never found
    found = {evidence.NORMAL: Group(False, scores, scores), evidence.ANOMALOUS: lost}
    assert evidence.worse(evidence.changes(found, 5.5, 5.5), 0.1).startswith("of the 2 anomalous validation images")
    value = evidence.lowered(found, 5.5, 5.5, 0.1)
    assert value == 4.0
    assert not evidence.worse(evidence.changes(found, 5.5, value), 0.1)


def test_a_teaching_that_makes_anomalies_normal_is_refused(
    root: Path, table: Callable[[Verdicts], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An operator who calls other digits false alarms: those of the validation split would no longer be found."""
    wrong = [path.name for path in sorted((root / "new").glob("[!8]-*.png"))]
    out = tmp_path / "taught"
    assert command(root, seed(root, "padim"), table(dict.fromkeys(wrong, "false alarm")), "--out", str(out)) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert re.search(r"of the \d+ anomalous validation images that were right, \d+ would become wrong", said)
    assert [path.name for path in tmp_path.iterdir()] == ["verdicts.csv"]


def test_a_teaching_is_a_run_built_from_its_parent(
    root: Path, table: Callable[[Verdicts], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers, logged = [], {}

    @contextlib.contextmanager
    def begin(header: Mapping[str, Any]) -> Iterator[Callable[..., None]]:
        headers.append(header)
        yield lambda values, step=None: logged.update(values)

    monkeypatch.setattr(spool, "begin", begin)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://nowhere")
    monkeypatch.chdir(root)
    alarms, model = flagged(root, "padim", "8"), Path("results/digits/detect/normal-8/padim/seed-0")
    verdicts, out = table(dict.fromkeys(alarms, "false alarm")), tmp_path / "out"
    assert command(root, model, verdicts, "--tolerance", "0.1", "--out", str(out)) == 0
    (header,) = headers
    assert header["stage"] == "detect teach"
    assert header["dataset"] == "digits"
    assert (
        header["inputs"]["model"] == "results/digits/detect/normal-8/padim/seed-0/model"
    )  # the folder of the parent's own run
    assert header["tags"]["parent"] == described_weights(seed(root, "padim"))[:16]
    assert header["job"] == f"{out}/model"
    assert {"test/auroc", "threshold", "threshold/before", "changed/false_alarms/fixed"} <= logged.keys()


def test_what_cannot_be_taught_ends_in_one_line_and_writes_nothing(
    root: Path, table: Callable[[Verdicts], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (path.name for path in sorted((root / "new").glob("8-*.png"))[:2])
    good = table({one: "false alarm"})
    texts = {
        "columns": "file,result\na.png,miss\n",
        "unknown": f"file,verdict\n{one},fals alarm\n",
        "twice": f"file,verdict\n{one},miss\n{two},right\n{one},right\n",
        "none": f"file,verdict\n{one},\n",
        "nothing": f"file,verdict\n{one},right\n",
        "gone": "file,verdict\ngone.png,miss\n",
        "outside": "file,verdict\n../classifier/weights.pt,miss\n",
        "empty": "",
        "bytes": "\udcff",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    padim = seed(root, "padim")
    for words, model, verdicts, more in (
        ("has no column verdict; it has file, result", padim, tmp_path / "columns.csv", ()),
        ('row 2: got "fals alarm"; expected false alarm, miss or right', padim, tmp_path / "unknown.csv", ()),
        ("is called miss and right", padim, tmp_path / "twice.csv", ()),
        ("has no verdicts", padim, tmp_path / "none.csv", ()),
        ("nothing to learn", padim, tmp_path / "nothing.csv", ()),
        ("gone.png", padim, tmp_path / "gone.csv", ()),
        ("outside of the folder", padim, tmp_path / "outside.csv", ()),
        ("has no column file or verdict; it has nothing", padim, tmp_path / "empty.csv", ()),
        ("cannot read", padim, tmp_path / "bytes.csv", ()),
        ("cannot read", padim, tmp_path / "absent.csv", ()),
        ("holds no trained model", mine, good, ()),
        ("only anomaly detectors can be taught", root / "classifier", good, ()),
        ("PCA cannot take images in", seed(root, "pca"), good, ()),
        ("it must be at least 0 and below 1", padim, good, ("--tolerance", "1")),
        ("each of which is a new version", padim, good, ("--out", str(mine))),
        ("overlaps with", padim, good, ("--out", str(padim / "model" / "x"))),
        ("--data is", padim, good, ("--data", str(mine))),
    ):
        where = more if "--out" in more else (*more, "--out", str(tmp_path / "out"))
        assert command(root, model, verdicts, *where) == 1, words
        said = capsys.readouterr().err
        assert re.search(re.escape(words), said), said
        assert said.count("\n") == 1, said
    assert not (tmp_path / "out").exists()
    assert [path.name for path in mine.iterdir()] == ["thesis.txt"]
