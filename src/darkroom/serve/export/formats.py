"""The file formats of exported models: how each is written, and run on a number of threads."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom.serve.export.graph import Graph

Format: TypeAlias = Literal["onnx", "torch", "openvino"]
Run: TypeAlias = Callable[[NDArray[np.uint8]], dict[str, NDArray[Any]]]
"""Answers by name, for decoded images (B, h, w, C)."""
SUFFIXES: dict[Format, str] = {"onnx": ".onnx", "torch": ".pt2", "openvino": ".xml"}
PACKAGES: dict[Format, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxscript", "onnxruntime"),
    "torch": (),
    "openvino": ("onnx", "onnxscript", "openvino"),
}
INPUT, CONTRACT = "images", "darkroom"
"""Name of the input, and key of the description in a file's metadata."""
LARGEST = 2**16
"""Largest batch and side of an image."""
PILLOW = {"cubic": "bicubic_pillow", "linear": "bilinear_pillow", "linear_onnx": "bilinear_pillow"}
"""OpenVINO's antialiased interpolations by the names of those that are not."""


def check_installed(to: Format) -> None:
    """Raise ValueError with the command that installs what a format needs and this installation lacks."""
    missing = [name for name in PACKAGES[to] if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"--to {to} needs {', '.join(missing)}; install them by: pip install 'darkroom[export]'")


def write(graph: Graph, to: Format, path: Path, contract: dict[str, Any]) -> None:
    """Write a graph in a format to a path with its suffix, with the contract as metadata.

    OpenVINO's weights go to a second file, ending in .bin.
    """
    sample = torch.zeros(2, 40, 50, graph.intake.channels, dtype=torch.uint8)
    sides = {0: torch.export.Dim("batch", min=1, max=LARGEST)}
    sides |= {place: torch.export.Dim(name, min=2, max=LARGEST) for place, name in ((1, "height"), (2, "width"))}
    text = json.dumps(contract, sort_keys=True)
    with quiet(), torch.no_grad():
        if to == "torch":
            program = torch.export.export(graph, (sample,), dynamic_shapes=(sides,))
            torch.export.save(program, path, extra_files={f"{CONTRACT}.json": text})
            return
        onnx_path = path if to == "onnx" else path.with_suffix(".onnx")
        exported = torch.onnx.export(
            graph,
            (sample,),
            dynamo=True,
            dynamic_shapes=(sides,),
            input_names=[INPUT],
            output_names=list(graph.outputs),
            verbose=False,
        )
        assert exported is not None
        exported.model.metadata_props[CONTRACT] = text
        exported.save(onnx_path)
        if to == "openvino":
            import openvino

            model = openvino.convert_model(onnx_path)
            _antialias(model)
            model.set_rt_info(text, [CONTRACT])
            openvino.save_model(model, path, compress_to_fp16=False)
            onnx_path.unlink()


def _antialias(model: Any) -> None:
    """Replace resizing with antialiasing, which OpenVINO's CPU plugin computes differently from PyTorch.

    Its interpolation modes named after Pillow agree with PyTorch; they resize height and width of images (B, C, H, W) only.
    """
    from openvino import opset11

    for step in model.get_ops():
        if step.get_type_name() == "Interpolate" and step.get_attributes()["antialias"]:
            about, sides = step.get_attributes(), step.get_output_partial_shape(0)[2:]
            resized = opset11.interpolate(
                step.input_value(0),
                np.array([side.get_length() for side in sides]),
                PILLOW[about["mode"]],
                "sizes",
                cube_coeff=about["cube_coeff"],
                axes=np.array([2, 3]),
            )
            step.output(0).replace(resized.output(0))


def read_contract(to: Format, path: Path) -> dict[str, Any]:
    """Return the contract in a file's metadata."""
    if to == "onnx":
        import onnx

        text = {entry.key: entry.value for entry in onnx.load(path).metadata_props}[CONTRACT]
    elif to == "torch":
        extra = {f"{CONTRACT}.json": ""}
        torch.export.load(path, extra_files=extra)
        text = extra[f"{CONTRACT}.json"]
    else:
        import openvino

        text = openvino.Core().read_model(path).get_rt_info([CONTRACT]).astype(str)
    found: dict[str, Any] = json.loads(text)
    return found


def opened(to: Format, path: Path, *, threads: int) -> Run:
    """Open an exported file to run it on a number of threads."""
    if to == "onnx":
        return _onnx(path, threads)
    if to == "openvino":
        return _openvino(path, threads)
    graph, names = torch.export.load(path).module(), tuple(read_contract(to, path)["outputs"])
    return of_torch(graph, names, threads=threads)


def of_torch(graph: Callable[[torch.Tensor], Any], names: tuple[str, ...], *, threads: int) -> Run:
    """Run a graph by PyTorch."""

    @torch.inference_mode()
    def run(images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        torch.set_num_threads(threads)
        found = graph(torch.from_numpy(np.ascontiguousarray(images)))
        return {name: value.numpy() for name, value in zip(names, found, strict=True)}

    return run


def _onnx(path: Path, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(names, {INPUT: images}), strict=True))


def _openvino(path: Path, threads: int) -> Run:
    import openvino

    settings = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(path, "CPU", settings)
    names = [output.any_name for output in model.outputs]

    def run(images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        found = model({INPUT: images})
        return {name: np.array(found[name]) for name in names}

    return run


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporters' progress and warnings off the terminal; what fails raises."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
