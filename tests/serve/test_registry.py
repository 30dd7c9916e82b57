"""The packaged model: what it takes and refuses, that it answers as the commands do, and that it needs nothing else."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.pyfunc import scoring_server
from PIL import Image
from tests.serve.conftest import CLASSIFIER, DETECTOR, package_spec

from darkroom import files, library, registry
from darkroom.data.store import open_store
from darkroom.detect import evaluate as detect_evaluate
from darkroom.detect import fit
from darkroom.detect.config import EvaluateSpec as DetectorSpec
from darkroom.detect.config import FitSpec
from darkroom.detect.detector import read_detector
from darkroom.log import silent
from darkroom.nets import pretrained
from darkroom.serve import package
from darkroom.serve.package import _agree
from darkroom.serve.registry import detector, model
from darkroom.serve.registry.images import as_files

GRAY = np.arange(64, dtype=np.uint8).reshape(8, 8)


def png(image: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def served(packaged: Callable[[str], Path]) -> Iterator[Any]:
    """The classifier as MLflow's server loads it; its code comes after the installed package, which is imported already."""
    path = list(sys.path)
    yield mlflow.pyfunc.load_model(str(packaged("classifier") / "model"))
    sys.path[:] = path


def ask(served: Any, body: Any) -> Any:
    answer = scoring_server.invocations(
        json.dumps(body), "application/json", served, served.metadata.get_input_schema()
    )
    assert answer.status == 200
    assert "NaN" not in answer.response
    return json.loads(answer.response)["predictions"]


@pytest.mark.parametrize("kind", ["classifier", pytest.param("detector", marks=pytest.mark.thorough)])
def test_a_package_answers_as_the_commands_and_needs_what_its_requirements_say(
    packaged: Callable[[str], Path], results: Path, digits: Path, tmp_path: Path, kind: str
) -> None:
    out = packaged(kind)
    about = files.read_json(out / "version.json")
    assert about["weights"] == files.sha256(results / about["model"] / "weights.pt")
    pins = dict(line.split("==") for line in (out / "model/requirements.txt").read_text().split())
    assert {name: metadata.version(name) for name in pins} == pins
    assert {"mlflow", "torch", "numpy", "pillow"} <= pins.keys()
    assert not {"snakemake", "pytorch-lightning", "albumentations", "soundfile", "scikit-learn"} & pins.keys()
    size = sum(path.stat().st_size for path in (out / "model/code").rglob("*.py"))
    assert size < 0.25 * sum(path.stat().st_size for path in Path(package.__file__).parents[1].rglob("*.py"))
    assert not [path for path in out.rglob("*") if path.suffix in (".pkl", ".png", ".parquet", ".pyc")]


def test_the_served_model_answers_as_predict_does(served: Any, results: Path, digits: Path, tmp_path: Path) -> None:
    store = open_store(digits)
    images = [png(store.samples[row, :, :, 0]) for row in store.rows("test")[:5]]
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for path, content in zip(paths, images, strict=True):
        path.write_bytes(content)
    (tmp_path / "text.png").write_text("no image")
    loaded = library.load(results / CLASSIFIER)
    for view in ("plain", "tta"):
        expected = loaded.predict([*paths, tmp_path / "text.png"], view=view).drop(columns="file")  # type: ignore[union-attr]
        body = {"inputs": [*map(text, images), text(b"no image")], "params": {"view": view}}
        answers = pd.DataFrame(ask(served, body))
        assert list(answers) == list(expected)
        assert answers["prediction"][:5].tolist() == expected["prediction"][:5].tolist()
        assert "not an image" in answers["note"][5]
        close = answers["confidence"][:5].astype(float), expected["confidence"][:5].astype(float)
        np.testing.assert_allclose(*close, atol=1e-5)


def test_every_form_of_an_image_gets_the_same_answer(served: Any) -> None:
    content = png(GRAY)
    bodies = (
        {"inputs": [text(content)]},
        {"inputs": {"image": [text(content)]}},
        {"instances": [{"image": text(content)}]},
        {"dataframe_split": {"columns": ["image"], "data": [[text(content)]]}},
        {"dataframe_records": [{"image": text(content)}]},
        {"inputs": [GRAY.tolist()]},
        {"inputs": [GRAY[:, :, None].tolist()]},
    )
    answers = [ask(served, body) for body in bodies]
    assert all(answer == answers[0] for answer in answers)
    table = pd.DataFrame({"image": [content, text(content), GRAY]}, dtype=object)
    assert served.predict(table)["prediction"].tolist() == [answers[0][0]["prediction"]] * 3
    assert len(ask(served, {"inputs": [text(content)] * 3})) == 3


@pytest.mark.parametrize(
    "images",
    [
        [],
        [None],
        [5],
        [True],
        ["%%%"],
        ["\ud800"],
        [[]],
        [[[1, 2], [3]]],
        [[[0.5, 1.0]]],
        [[[-1, 1]]],
        [[[256, 1]]],
        [[[[[1]]]]],
        [[[[1, 2]]]],
        [{"a": 1}],
        [text(b"x"), 5],
        [float("nan")],
    ],
)
def test_what_is_no_image_is_refused(served: Any, images: list[Any]) -> None:
    with pytest.raises(MlflowException) as caught:
        ask(served, {"inputs": images})
    assert caught.value.get_http_status_code() == 400
    assert len(ask(served, {"inputs": [text(png(GRAY))]})) == 1


@pytest.mark.parametrize(
    "content",
    [b"", b"no image", png(GRAY)[:45], b"\xff\xd8\xff\xe0\x00\x10JFIF"],
    ids=["nothing", "text", "cut", "JPEG"],
)
def test_a_request_without_any_readable_image_is_refused_with_the_reason(served: Any, content: bytes) -> None:
    with pytest.raises(MlflowException, match=r"none of the images has an answer; image 0: \w+") as caught:
        ask(served, {"inputs": [text(content)] * 2})
    assert caught.value.get_http_status_code() == 400
    assert len(ask(served, {"inputs": [text(content), text(png(GRAY))]})) == 2


@pytest.mark.parametrize(
    "body", [{"inputs": ["AA=="], "params": {"view": "../x"}}, {"inputs": ["AA=="], "params": [1]}]
)
def test_other_options_are_refused(served: Any, body: dict[str, Any]) -> None:
    with pytest.raises(MlflowException) as caught:
        ask(served, body)
    assert caught.value.get_http_status_code() == 400


def test_a_table_without_images_is_refused() -> None:
    with pytest.raises(MlflowException, match="got the columns 'x'"), as_files(pd.DataFrame({"x": [1]})):
        pass


def test_the_model_says_what_it_takes_and_gives(packaged: Callable[[str], Path]) -> None:
    folder = packaged("classifier") / "model"
    described = Model.load(str(folder))
    names = described.signature.outputs.input_names()
    assert {"prediction", "confidence", "sure", "set", "note"} <= set(names)
    assert [param.name for param in described.signature.params] == ["view"]
    example = described.load_input_example(str(folder))
    assert Image.open(io.BytesIO(base64.b64decode(example["image"][0]))).size == (8, 8)


def test_the_card_names_data_use_numbers_and_origin_and_escapes_them(packaged: Callable[[str], Path]) -> None:
    page = (packaged("classifier") / "card.html").read_text(encoding="utf-8")
    assert "Reading &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>" not in page
    stated = ("MIT", "not stated; set <code>registry.data_license</code>", "below the mean F1")
    for words in (*stated, "By class", "none/mlp", "SHA-256"):
        assert words in page, words
    assert re.search(r"<small>\d[\d.]*–[\d.]+</small>", page), "no intervals"
    assert "http://" not in page


def test_the_same_models_give_the_same_bytes(
    results: Path, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = detector.Served(results / DETECTOR)

    def ask_here(folder: Path, images: list[str]) -> dict[str, Any]:
        return {"answers": own.predict(images).to_numpy().tolist(), "loaded": ["torch"]}

    monkeypatch.setattr(model, "_ask", ask_here)
    for name in ("first", "second"):
        package.run(package_spec("detector"), data=digits, results=results, out=tmp_path / name, log=silent)
    assert files.read_manifest(tmp_path / "first") == files.read_manifest(tmp_path / "second")


def test_a_package_that_answers_otherwise_is_refused(
    results: Path, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "_ask", lambda folder, images: {"answers": [[0.0]] * len(images), "loaded": []})
    with pytest.raises(ValueError, match="answers otherwise"):
        package.run(package_spec("detector"), data=digits, results=results, out=tmp_path / "out", log=silent)
    assert not (tmp_path / "out").exists()


def test_an_unfinished_result_is_named(results: Path, digits: Path, tmp_path: Path) -> None:
    given = package_spec("classifier")
    moved = given.classifiers[0].model_copy(update={"evaluation_folder": "classify/none/mlp/seed-1/evaluation"})
    lost = given.model_copy(update={"classifiers": [moved]})
    with pytest.raises(ValueError, match="seed-1/evaluation"):
        package.run(lost, data=digits, results=results, out=tmp_path / "out", log=silent)


def test_a_detector_needs_the_package_of_its_backbone(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    options = registry.options("detector", "patchcore")()
    files.write_json(tmp_path / "model.json", {"kind": "detector", "plugin": options.model_dump(mode="json")})
    assert list(model._packaged(tmp_path)) == [pretrained.installed()]


@pytest.fixture(scope="module")
def on_own_weights(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with an average of detectors whose backbones come from a file, which is lost since."""
    timm = pytest.importorskip("timm")
    root = tmp_path_factory.mktemp("backbone")
    torch.manual_seed(0)
    torch.save(timm.create_model("test_efficientnet", pretrained=False).state_dict(), root / "own.pth")
    options = {"backbone": "test_efficientnet", "weights": str(root / "own.pth"), "side": 32, "levels": [1, 2]}
    both = {"name": "average", "of": [{"name": "padim", "dimensions": 8, **options}, {"name": "patchcore", **options}]}
    task = {"detector": both, "normal": ["1"], "seed": 0}
    fit.run(FitSpec.model_validate(task), data=digits, out=root / "model", log=silent)
    return root


@contextmanager
def lost(path: Path) -> Iterator[None]:
    """Take a file away for a while."""
    away = path.rename(path.with_name("elsewhere"))
    try:
        yield
    finally:
        away.rename(path)


def test_a_package_carries_the_weights_of_backbones_that_come_from_a_file(on_own_weights: Path, tmp_path: Path) -> None:
    given, own = on_own_weights / "model", on_own_weights / "own.pth"
    images = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = read_detector(given).score(images)
    for name in ("packaged", "late"):
        shutil.copytree(given, tmp_path / name)
    model._carry_backbones(tmp_path / "packaged")
    [carried] = (tmp_path / "packaged/backbones").iterdir()
    assert carried.name == f"{files.sha256(own)}.pth"
    assert not list(model._packaged(tmp_path / "packaged"))
    with lost(own):
        found = read_detector(tmp_path / "packaged").score(images)
        with pytest.raises(ValueError, match=r"own\.pth, which does not exist any more"):
            model._carry_backbones(tmp_path / "late")
    assert torch.equal(found.scores, expected.scores)


@pytest.mark.thorough
def test_a_detector_on_weights_from_a_file_answers_without_the_file(
    on_own_weights: Path, digits: Path, tmp_path: Path
) -> None:
    seed = tmp_path / "seed-0"
    shutil.copytree(on_own_weights / "model", seed / "model")
    rates = {"false_alarms": 0.05, "threshold": "quantile", "examples": 2, "resamples": 10}
    spec = DetectorSpec.model_validate({"detector": "pca", "normal": ["1"], "seed": 0, **rates})
    detect_evaluate.run(spec, data=digits, model=seed / "model", out=seed / "evaluation", log=silent)
    served = detector.Served(seed)
    images = [png(image[:, :, 0]) for image in open_store(digits).samples[:3]]
    package = tmp_path / "package"
    answers = model.write(package, seed / "model", seed / "evaluation", images, columns=served.columns)
    assert _agree(answers, served.predict(images).to_numpy().tolist())
    with lost(on_own_weights / "own.pth"):
        assert model._ask(package, [text(image) for image in images])["answers"] == answers
