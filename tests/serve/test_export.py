"""Exported files answer as the models that they come from, for images of any size, and are refused where they do not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import darkroom
from darkroom import registry
from darkroom.classify import evaluate, train
from darkroom.classify.answers import ClassAnswers, LabelAnswers, Merging
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.data.canvas import to_shape
from darkroom.data.preparation import Preparation
from darkroom.detect.detector import Detector, FitInputs, Scored
from darkroom.detect.methods import padim, patchcore
from darkroom.log import silent
from darkroom.nets.feature_maps import ClassifierMaps
from darkroom.serve.export import command, formats
from darkroom.serve.export.graph import DetectorGraph, Graph, _classes, _labels
from darkroom.serve.export.intake import Intake

GENERATOR = np.random.default_rng(0)


@pytest.fixture(scope="module")
def seed(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a classifier's seed, trained for a moment and evaluated with shifted views."""
    seed = tmp_path_factory.mktemp("export") / "seed-0"
    training = {"network": "mlp", "training": {"epochs": 2, "batch_size": 32}, "seed": 0}
    train.run(TrainSpec.model_validate(training), data=digits, out=seed / "model", log=silent)
    tested = {"network": "mlp", "tta": ["shift"], "tta_merge": "learned", "resamples": 10, "seed": 0}
    evaluate.run(
        EvaluateSpec.model_validate(tested), data=digits, model=seed / "model", out=seed / "evaluation", log=silent
    )
    return seed


def preparation(size: tuple[int, int], channels: int, how: str = "pad", color: str = "auto") -> Preparation:
    return Preparation(*size, channels, how, color, (1.0, 1.0))


@pytest.mark.parametrize("how", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("size", [(28, 28), (40, 60), (61, 37), (20, 14), (100, 130)])
def test_images_of_any_size_are_prepared_as_by_the_data_stage(how: str, size: tuple[int, int]) -> None:
    image = cv2.GaussianBlur(GENERATOR.integers(0, 256, (*size, 3), dtype=np.uint8), (5, 5), 1.5)
    wanted = to_shape(image, (28, 32, 3), how=how)
    made = Intake(preparation((28, 32), 3, how))(torch.from_numpy(image[None]))[0].permute(1, 2, 0) * 255
    differences = np.abs(made.numpy() - wanted)
    assert differences.max() < 1.01
    mixed = how == "stretch" and (size[0] > 28) != (size[1] > 32)  # rounded once more by OpenCV
    assert mixed or (differences > 0.01).mean() < 0.01


def test_colors_become_gray_as_by_the_data_stage() -> None:
    image = GENERATOR.integers(0, 256, (20, 24, 3), dtype=np.uint8)
    made = Intake(preparation((20, 24), 1, color="gray"))(torch.from_numpy(image[None]))
    assert np.array_equal((made[0, 0] * 255).round().numpy(), to_shape(image, (20, 24, 1), how="pad")[..., 0])


@pytest.mark.parametrize("how", ["mean", "geometric_mean", "max", "learned"])
def test_views_are_merged_as_by_the_evaluation(how: Any) -> None:
    outputs = GENERATOR.normal(size=(6, 3, 4)).astype(np.float32) * 3
    merging = Merging(how, np.array([0.2, 0.0, 0.8]) if how == "learned" else None)
    classes = ClassAnswers(tuple("abcd"), "softmax", merging, temperature=1.7)
    found = _classes(torch.from_numpy(outputs), classes).numpy()
    np.testing.assert_allclose(found, classes.probabilities(outputs)[1], atol=1e-5)
    scaling = GENERATOR.normal(size=(4, 2))
    labels = LabelAnswers(tuple("abcd"), merging, np.full(4, 0.4), scaling)
    probabilities, present = _labels(torch.from_numpy(outputs), labels)
    np.testing.assert_allclose(probabilities.numpy(), labels.probabilities(outputs), atol=1e-5)
    assert np.array_equal(present.numpy(), labels.probabilities(outputs) >= 0.4)


class Brightness(Detector):
    """Scores by the mean, with a map."""

    def fit(self, inputs: Any) -> None: ...

    def score(self, images: torch.Tensor) -> Scored:
        return Scored(images.mean((1, 2, 3)), images.mean(1))


@pytest.mark.parametrize("to", ["onnx", "torch", pytest.param("openvino", marks=pytest.mark.thorough)])
def test_files_answer_as_their_graph_for_other_batches_and_sizes(to: formats.Format, tmp_path: Path) -> None:
    graph = DetectorGraph(Intake(preparation((12, 16), 1)), Brightness(), 0.5).eval()
    path = tmp_path / f"model{formats.SUFFIXES[to]}"
    formats.write(graph, to, path, {"outputs": list(graph.outputs), "threshold": 0.5})
    assert formats.read_contract(to, path)["threshold"] == 0.5
    run, own = formats.opened(to, path, threads=1), formats.of_torch(graph, graph.outputs, threads=1)
    for shape in ((5, 12, 16, 1), (1, 30, 20, 1), (3, 9, 33, 1)):
        images = GENERATOR.integers(0, 256, shape, dtype=np.uint8)
        first, second = own(images), run(images)
        assert first.keys() == second.keys() == {"score", "flagged", "map"}
        for name, values in first.items():
            np.testing.assert_allclose(second[name].astype(float), values.astype(float), atol=1e-5)


@pytest.mark.parametrize("mode", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(30, 40), (7, 9)], ids=["larger", "smaller"])
def test_openvino_resizes_with_antialiasing(mode: str, size: tuple[int, int], tmp_path: Path) -> None:
    class Resized(Graph):
        outputs = ("map",)

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
            return (F.interpolate(self.intake(images), size, mode=mode, antialias=True),)

    graph = Resized(Intake(preparation((12, 16), 3))).eval()
    formats.write(graph, "openvino", tmp_path / "model.xml", {"outputs": ["map"]})
    images = GENERATOR.integers(0, 256, (3, 12, 16, 3), dtype=np.uint8)
    found = formats.opened("openvino", tmp_path / "model.xml", threads=1)(images)["map"]
    wanted = formats.of_torch(graph, graph.outputs, threads=1)(images)["map"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.thorough
def test_every_view_exports_with_a_free_batch_size(tmp_path: Path) -> None:
    views = [darkroom.create("view", name) for name in registry.taking("view", "image")]
    network = darkroom.create("network", "resnet", (1, 12, 12), 3, width=8).eval()

    class Looks(Graph):
        outputs = ("logits",)

        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
            plain = self.intake(images)
            return (network(torch.stack([plain, *(look for view in views for look in view(plain))], 1).flatten(0, 1)),)

    graph = Looks(Intake(preparation((12, 12), 1)))
    path = tmp_path / "model.pt2"
    formats.write(graph, "torch", path, {"outputs": ["logits"]})
    images = GENERATOR.integers(0, 256, (5, 12, 12, 1), dtype=np.uint8)
    found = formats.opened("torch", path, threads=1)(images)["logits"]
    wanted = formats.of_torch(graph, graph.outputs, threads=1)(images)["logits"]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize(
    "method",
    [pytest.param(padim, marks=pytest.mark.thorough), patchcore],
    ids=lambda method: method.__name__.rpartition(".")[2],
)
def test_detectors_on_a_backbone_export_with_a_free_batch_size(method: Any, tmp_path: Path, monkeypatch: Any) -> None:
    network = darkroom.create("network", "resnet", (1, 12, 12), 3, width=4, stages=2, blocks=1)
    monkeypatch.setattr(method, "extractor", lambda *_, **__: ClassifierMaps(network, 64 * "0", levels=[0, 1]))
    detector = darkroom.create("detector", method.__name__.rpartition(".")[2], (1, 12, 12))
    images, rows = GENERATOR.integers(0, 256, (37, 12, 12, 1), dtype=np.uint8), np.arange(37)
    with torch.inference_mode():
        detector.fit(FitInputs(images=images, train=rows, val=rows, seed=0))
    graph = DetectorGraph(Intake(preparation((12, 12), 1)), detector, None).eval()
    path = tmp_path / "model.pt2"
    formats.write(graph, "torch", path, {"outputs": list(graph.outputs)})
    found = formats.opened("torch", path, threads=1)(images)
    for name, values in formats.of_torch(graph, graph.outputs, threads=1)(images).items():
        np.testing.assert_allclose(found[name], values, rtol=1e-3)


@pytest.mark.thorough
def test_int8_holds_weights_of_8_bits_and_answers_like_the_model(digits: Path, seed: Path, tmp_path: Path) -> None:
    import onnx

    out = tmp_path / "model.onnx"
    command.run(model=seed, data=digits, out=out, precision="int8")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    assert formats.read_contract("onnx", out)["precision"] == "int8"
    held = onnx.load(out).graph.initializer
    assert {t.name for t in held if t.data_type == onnx.TensorProto.INT8 and len(t.dims) == 2}, "no weights of 8 bits"


def test_a_file_whose_answers_differ_is_refused(digits: Path, seed: Path, tmp_path: Path, monkeypatch: Any) -> None:
    class Off(nn.Module):
        def forward(self, images: torch.Tensor) -> tuple[torch.Tensor]:
            return (torch.full((images.shape[0], 10), 0.1),)

    out = tmp_path / "model.pt2"
    monkeypatch.setattr(formats, "opened", lambda *_, **__: formats.of_torch(Off(), ("probabilities",), threads=1))
    with pytest.raises(ValueError, match=r"model\.pt2 is not written: its answers differ by up to"):
        command.run(model=seed, data=digits, out=out, to="torch")
    assert not list(tmp_path.iterdir())


def test_a_classifier_is_exported_with_its_contract(
    digits: Path, seed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model.pt2"
    command.run(model=seed, data=digits, out=out, to="torch", view="tta")
    assert "largest difference" in capsys.readouterr().out
    contract = formats.read_contract("torch", out)
    assert contract["names"] == [str(k) for k in range(10)]
    assert contract["input"]["shape"] == ["batch", "height", "width", 1]
    store = darkroom.open_store(digits)
    images = np.asarray(store.samples[store.rows("test")[:40]])
    model: Any = darkroom.load(seed)
    answers = formats.opened("torch", out, threads=1)(images)["probabilities"]
    assert answers == pytest.approx(model.predict(images, view="tta").filter(like="p/").to_numpy(), abs=1e-4)


def test_wrong_choices_are_one_line(digits: Path, seed: Path, tmp_path: Path) -> None:
    for options, words in (
        ({"to": "onx", "out": tmp_path / "m.onnx"}, 'no --to "onx"'),
        ({"to": "onnx", "out": tmp_path / "m.pt2"}, r"ends in \.onnx"),
        ({"to": "torch", "precision": "int8", "out": tmp_path / "m.pt2"}, "int8 is for --to onnx"),
    ):
        with pytest.raises(ValueError, match=words):
            command.run(model=seed, data=digits, **options)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"--data is .*; expected the folder that `data prepare` wrote"):
        command.run(model=seed, data=tmp_path, out=tmp_path / "m.onnx")
    with pytest.raises(FileNotFoundError, match="holds no trained model"):
        command.run(model=tmp_path, data=digits, out=tmp_path / "m.onnx")
    shutil.copytree(seed / "model", tmp_path / "alone/model")
    with pytest.raises(ValueError, match="is missing or did not finish; run classify evaluate"):
        command.run(model=tmp_path / "alone", data=digits, out=tmp_path / "m.onnx", view="tta")
    assert [path.name for path in tmp_path.iterdir()] == ["alone"]
