"""The command `export`: write a trained classifier or detector as one file for ONNX Runtime, PyTorch or OpenVINO.

The graph takes decoded images, uint8 (B, h, w, C), and holds everything that follows: resizing, colors, the network, test-time
augmentation, calibration, thresholds. Its contract is in the file's metadata, under `darkroom`. Before the file is kept, it runs
on validation images beside the model it comes from, and is refused if the answers differ.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from darkroom import registry, settings
from darkroom.classify.trained import read_trained
from darkroom.classify.tta import PLAIN
from darkroom.data import beside
from darkroom.data.kind import PLURAL
from darkroom.data.preparation import read_preparation
from darkroom.data.store import Store, labeled, needed, open_store
from darkroom.detect.detector import read_detector
from darkroom.detect.evaluation.threshold import THRESHOLD, read_operating_point
from darkroom.fit.model import intact_weights, parts, read_about
from darkroom.serve.export import formats, int8
from darkroom.serve.export.formats import Format, Run
from darkroom.serve.export.graph import ClassifierGraph, DetectorGraph, Graph
from darkroom.serve.export.intake import Intake

IMAGES, CALIBRATION, BATCH = 256, 128, 32
"""Validation images that check a file, those that calibrate int8, and images per batch."""
TOLERANCE = 1e-3
"""Largest difference of an answer: of a probability, or of a number or score over their standard deviation."""
LOST = 0.01
"""Largest loss of accuracy allowed for int8."""
LARGER = 1.5
"""Factor by which validation images are enlarged, to try images of another size than the model's."""


@dataclass(frozen=True)
class Tried:
    """How the answers of the exported file compare with those of the original."""

    difference: float
    """Largest difference of an answer, see `TOLERANCE`."""
    agreement: float
    """Share of images with the same class, the same labels or flag; 1 for numbers."""
    accuracy: tuple[float, float] | None
    """Of the original and of the file, for one class."""


def run(*, model: Path, data: Path, out: Path, to: str = "onnx", precision: str = "float32", view: str = PLAIN) -> None:
    """Export the model in the folder of a seed; `data` is the prepared store whose validation images check it.

    `to` is onnx, torch or openvino, `precision` float32 or int8 (for onnx), `view` plain or tta. Raises ValueError if the model
    cannot be exported or the file's answers differ, and writes nothing then.
    """
    registry.known("--to", to, get_args(Format))
    registry.known("--precision", precision, ("float32", "int8"))
    form: Format = to  # type: ignore[assignment]
    if precision == "int8" and form != "onnx":
        raise ValueError(f"--precision int8 is for --to onnx; got --to {to}")
    if out.suffix != formats.SUFFIXES[form]:
        raise ValueError(f"--out is {out}; a file for {to} ends in {formats.SUFFIXES[form]}")
    formats.check_installed(form)
    graph, contract = _graph(model, view)
    store = open_store(beside.named(data))
    images = _images(store, graph, contract)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        path = Path(scratch, out.name)
        try:
            formats.write(graph, form, path, contract | {"precision": precision})
            if precision == "int8":
                int8.quantize(path, images[:CALIBRATION])
            tried = _tried(graph, formats.opened(form, path, threads=1), images, store)
        except Exception as problem:  # the exporters raise their own kinds for operations they do not know
            first = next((line for line in str(problem).splitlines() if line.strip()), type(problem).__name__)
            raise ValueError(f"{model} cannot be exported to {to}: {settings.printable(first, 200)}") from problem
        _judge(tried, precision, out)
        speeds = {threads: _speeds(graph, form, path, images, threads) for threads in (1, 2)}
        for file in sorted(Path(scratch).iterdir()):
            shutil.move(file, out.parent / file.name)
    _say(out, tried, speeds, len(images))
    if not contract["evaluated"]:
        print(f"  without calibration and thresholds: {model} has no finished evaluation")


def _graph(folder: Path, view: str) -> tuple[Graph, dict[str, Any]]:
    """Return the graph of a model and its contract. Raises ValueError for generators, and for models of other samples."""
    model, evaluation = parts(folder)
    about = read_about(model)
    if about.kind == "generator":
        raise ValueError(f"{folder} holds a generator; use darkroom generate export")
    if about.samples != "image":
        raise ValueError(
            f"{folder} takes {PLURAL[about.samples]}; only models of images can be exported, because the file contains the "
            "preparation of its input, and decoding sound, cutting texts into tokens and reading tables have no place in such a "
            "file. darkroom classify predict and darkroom.load apply this model"
        )
    intake = Intake(read_preparation(model))
    contract: dict[str, Any] = {
        "input": {"name": formats.INPUT, "type": "uint8", "shape": ["batch", "height", "width", intake.channels]},
        "input_is": f"decoded, upright {'RGB' if intake.channels == 3 else 'grayscale'} images of one size",
        "weights": intact_weights(model),
    }
    graph: Graph
    if about.kind == "detector":
        if view != PLAIN:
            raise ValueError(f"--view is {view}; a detector looks at an image once")
        evaluated = (evaluation / THRESHOLD).is_file()
        threshold = read_operating_point(evaluation, contract["weights"]).value if evaluated else None
        graph = DetectorGraph(intake, read_detector(model), threshold)
        contract |= {"kind": "anomaly detector", "threshold": threshold, "evaluated": evaluated}
    else:
        trained = read_trained(folder)
        graph = ClassifierGraph(intake, trained, view)
        contract |= {"kind": about.target.kind, "names": list(about.target.names), "view": view}
        contract |= {"evaluated": bool(trained.metrics)}
    return graph.eval(), contract | {"outputs": list(graph.outputs)}


def _images(store: Store, graph: Graph, contract: dict[str, Any]) -> NDArray[np.uint8]:
    """Return the validation images that check the file. Raises ValueError if the store is not that of the model."""
    intake = graph.intake
    if store.kind != "image" or store.shape != (intake.prepared, *intake.size):
        raise ValueError(
            f"--data: its samples have the shape {store.shape}; the model takes {(intake.prepared, *intake.size)}"
        )
    if contract["kind"] == "class" and tuple(contract["names"]) != store.classes:
        raise ValueError(f"--data: {store.name} has other classes than the model")
    rows = needed(store, "val", labels=contract["kind"] != "anomaly detector")[:IMAGES]
    images = np.asarray(store.samples[rows])
    return np.repeat(images, 3, axis=3) if images.shape[3] < intake.channels else images


def _tried(graph: Graph, exported: Run, images: NDArray[np.uint8], store: Store) -> Tried:
    """Run both on the images, and on enlarged ones, and compare their answers."""
    original = formats.of_torch(graph, graph.outputs, threads=1)
    first, second = _answers(original, images), _answers(exported, images)
    sizes = images.shape[2] * LARGER, images.shape[1] * LARGER
    enlarged = np.stack([_enlarged(image, (round(sizes[0]), round(sizes[1]))) for image in images[:BATCH]])
    larger = _answers(original, enlarged), _answers(exported, enlarged)
    differences = [_difference(*both) for both in ((first, second), larger)]
    choice, other = _choice(first), _choice(second)
    agreement = 1.0 if choice is None or other is None else float((choice == other).mean())
    accuracy = None
    if "probabilities" in first and "present" not in first and choice is not None and other is not None:
        truth = store.labels[labeled(store, "val")[: len(images)]]
        accuracy = float((choice == truth).mean()), float((other == truth).mean())
    return Tried(max(differences), agreement, accuracy)


def _answers(run: Run, images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
    found = [run(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _enlarged(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    made = cv2.resize(np.ascontiguousarray(image), size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(made, np.uint8).reshape(size[1], size[0], image.shape[2])


def _difference(first: dict[str, NDArray[Any]], second: dict[str, NDArray[Any]]) -> float:
    """Return the largest difference of a probability, or of other values in standard deviations of their answers."""
    found = [0.0]
    for name, values in first.items():
        if values.dtype != np.bool_:
            unit = 1.0 if name == "probabilities" else float(values.std()) or 1.0
            found.append(float(np.abs(values - second[name]).max()) / unit)
    return max(found)


def _choice(answers: dict[str, NDArray[Any]]) -> NDArray[Any] | None:
    """Return what an answer decides: the class, the labels as one row, or the flag; None for numbers."""
    if "present" in answers:
        return np.asarray([row.tobytes() for row in answers["present"]])
    if "probabilities" in answers:
        return np.asarray(answers["probabilities"].argmax(1))
    return answers.get("flagged")


def _judge(tried: Tried, precision: str, out: Path) -> None:
    """Raise ValueError if the file's answers differ too much."""
    if precision == "float32" and not tried.difference <= TOLERANCE:
        raise ValueError(
            f"{out} is not written: its answers differ by up to {tried.difference:.2g}, above {TOLERANCE:g}"
        )
    if precision == "int8":
        before, after = tried.accuracy or (1.0, tried.agreement)
        if not after >= before - LOST:
            what = "accuracy" if tried.accuracy else "share of equal answers"
            raise ValueError(
                f"{out} is not written: int8 lowers the {what} on validation images from {before:.3f} to {after:.3f}, by more "
                f"than {LOST:g}; use --precision float32"
            )


def _speeds(graph: Graph, form: Format, path: Path, images: NDArray[np.uint8], threads: int) -> tuple[float, float]:
    """Return the milliseconds per image of the original and of the file, the median of several batches each."""
    batch = images[:BATCH]
    found = []
    for run in (formats.of_torch(graph, graph.outputs, threads=threads), formats.opened(form, path, threads=threads)):
        found.append(float(np.median(list(_timed(run, batch)))) / len(batch) * 1000)
    return found[0], found[1]


def _timed(run: Run, batch: NDArray[np.uint8]) -> Iterator[float]:
    run(batch)
    for _ in range(5):
        started = time.perf_counter()
        run(batch)
        yield time.perf_counter() - started


def _say(out: Path, tried: Tried, speeds: dict[int, tuple[float, float]], count: int) -> None:
    print(f"{out}: checked on {count} validation images; largest difference {tried.difference:.2g}", end="")
    if tried.accuracy:
        print(f"; accuracy {tried.accuracy[0]:.4f}, exported {tried.accuracy[1]:.4f}", end="")
    print(f"; {tried.agreement:.1%} equal answers")
    for threads, (own, exported) in speeds.items():
        name = "1 thread" if threads == 1 else f"{threads} threads"
        print(f"  {name}: {exported:.2f} ms per image, {own:.2f} by PyTorch")
