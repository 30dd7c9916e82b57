"""Write a trained model with its evaluation as a model that MLflow serves: weights, the code that it needs, and nothing else.

    MLmodel                  signature, loader, and where the parts are
    data/                    the folders `model` and `evaluation` of a seed, without pictures and tables
    code/darkroom/           the modules that the loader reaches, about a tenth of the package
    requirements.txt         the libraries that these import, at the versions in use
    python_env.yaml          the same for `mlflow models serve`
    input_example.json       an image of the data set, and serving_input_example.json with it as the body of a request

Nothing is pickled: MLflow imports the loader from `code`.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import yaml
from mlflow.models import Model, ModelSignature
from mlflow.types import DataType, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType, Array, ColSpec

from darkroom import files, registry
from darkroom.classify.tta import PLAIN
from darkroom.data.table import Cells, Columns
from darkroom.fit.model import saved_options
from darkroom.job.reach import ROOT, reach, source
from darkroom.nets import pretrained
from darkroom.serve.registry.images import COLUMN
from darkroom.settings import Section

LOADERS = {
    "network": "darkroom.serve.registry.classifier",
    "detector": "darkroom.serve.registry.detector",
}
"""The module that loads a model for MLflow, by kind of plug-in."""
NEEDED = {".json", ".npz", ".pt", ".safetensors"}
PLUGIN = re.compile(r'Plugin\("([\w -]+)"')
TYPES: Mapping[Cells, Any] = {
    "text": DataType.string,
    "number": DataType.double,
    "flag": DataType.boolean,
    "names": Array(DataType.string),
}
UNDATED = "1970-01-01 00:00:00"
"""In place of the time: the same model gives the same bytes."""
ASK = """
import json, sys
import mlflow.pyfunc
import pandas as pd
folder, images = sys.argv[1], json.load(sys.stdin)
answers = mlflow.pyfunc.load_model(folder).predict(pd.DataFrame({"image": images}))
import darkroom
print(json.dumps({
    "answers": answers.to_dict("split")["data"],
    "package": darkroom.__file__,
    "loaded": sorted({name.partition(".")[0] for name in sys.modules}),
}))
"""


def write(folder: Path, model: Path, evaluation: Path, images: Sequence[bytes], *, columns: Columns) -> list[list[Any]]:
    """Write the model and return its answers to some images, given by a process that imports nothing else of Darkroom.

    `columns` are those of the answers; the first image becomes the input example. Raises ValueError if it cannot be loaded.
    """
    about = files.read_json(model / "model.json")
    loader = LOADERS[about["kind"]]
    _copy(model, folder / "data/model")
    _carry_backbones(folder / "data/model")
    _copy(evaluation, folder / "data/evaluation")
    roots = frozenset({f"{loader}._load_pyfunc", *_plugins(folder / "data")})
    for path in _code(roots):
        target = folder / "code/darkroom" / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    encoded = [base64.b64encode(image).decode("ascii") for image in images]
    example = {"columns": [COLUMN], "data": [encoded[:1]]}
    _write_json(folder / "input_example.json", example)
    _write_json(folder / "serving_input_example.json", {"dataframe_split": example})
    _describe(folder, loader, columns, views=(evaluation / "tta.csv").is_file())
    asked = _ask(folder, encoded)
    _require(folder, reach(roots).libraries & set(asked["loaded"]) | {"mlflow"}, _packaged(folder / "data"))
    answers: list[list[Any]] = asked["answers"]
    return answers


def _copy(source: Path, target: Path) -> None:
    """Copy what loading a model reads: not its pictures and tables, nor what it was made of."""
    for path in sorted(source.rglob("*")):
        if path.suffix in NEEDED and path.name not in (files.RECORD, files.TIMING):
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def _options(data: Path) -> Iterator[Section]:
    """Yield the options of the plug-ins that the models are built from."""
    for path in data.rglob("model.json"):
        yield saved_options(path.parent)


def _packaged(data: Path) -> Iterator[str]:
    """Yield the packages with the weights of the backbones of detectors, which are no part of theirs: `NAME==VERSION`."""
    for options in _options(data):
        for chosen in pretrained.choices(options) if options.plugin[0] == "detector" else ():  # type: ignore[attr-defined]
            if chosen.weights is None and (found := pretrained.installed(chosen.architecture)) is not None:
                yield found


def _carry_backbones(folder: Path) -> None:
    """Copy the weights of a detector's backbones that come from no package into its folder, and let it read them there.

    Raises ValueError if such a file is gone.
    """
    about = files.read_json(folder / "model.json")
    if about["kind"] != "detector":
        return

    def carried(chosen: pretrained.Choice) -> Mapping[str, Any] | None:
        if chosen.weights is None:
            return None
        given = Path(str(chosen.weights)).expanduser()
        if not given.is_file():
            raise ValueError(
                f"the detector reads the weights of its backbone from {given}, which does not exist any more: put the file "
                "back, or fit the detector again"
            )
        place = folder / pretrained.BACKBONES / f"{files.sha256(given)}{given.suffix}"
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(given, place)
        return {"weights": place.relative_to(folder).as_posix()}

    options = saved_options(folder)
    changed = pretrained.replaced(options, carried)
    if changed != options:
        files.write_json(folder / "model.json", about | {"plugin": changed.model_dump(mode="json")})


def _plugins(data: Path) -> Iterator[str]:
    """Yield the definitions of the plug-ins that the models and the views of an evaluation are built from."""
    for options in _options(data):
        yield from (entry.definition for entry in registry.used(options))
    metrics = data / "evaluation/metrics.json"
    views = files.read_json(metrics).get("tta", {}).get("views", []) if metrics.is_file() else []
    yield from (registry.entry("view", view["name"]).definition for view in views)


def _code(roots: frozenset[str]) -> set[Path]:
    """Return the files of all modules that are imported, and of the plug-ins that these look up by kind, which are only read."""
    found = {path for module in reach(roots).modules if (path := source(module))}
    kinds = {kind for path in found for kind in PLUGIN.findall(path.read_text(encoding="utf-8"))}
    return found.union(*(registry.kinds()[kind] for kind in kinds))


def _describe(folder: Path, loader: str, columns: Columns, *, views: bool) -> None:
    options = [ParamSpec("view", DataType.string, PLAIN)] if views else []
    described = Model(
        utc_time_created=UNDATED,
        model_uuid=files.sha256(folder / "data/model/weights.pt")[:32],
        signature=ModelSignature(
            inputs=Schema([ColSpec(AnyType(), COLUMN)]),  # type: ignore[no-untyped-call]
            outputs=Schema([ColSpec(TYPES[kind], name, required=False) for name, kind in columns.items()]),
            params=ParamSchema(options),
        ),
        saved_input_example_info={
            "artifact_path": "input_example.json",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
            "pandas_orient": "split",
        },
    )
    mlflow.pyfunc.add_to_model(
        described, loader_module=loader, data="data", code="code", python_env="python_env.yaml", streamable=False
    )
    described.save(str(folder / "MLmodel"))


def _require(folder: Path, libraries: Iterable[str], more: Iterable[str]) -> None:
    """Pin the libraries, given by import name, at the versions in use, and add `more` pins."""
    known = metadata.packages_distributions()
    names = (each if each in known[each] else known[each][0] for each in libraries)
    pins = sorted({*more, *(f"{name}=={metadata.version(name)}" for name in names)})
    (folder / "requirements.txt").write_text("\n".join(pins) + "\n", encoding="utf-8")
    environment = {
        "python": platform.python_version(),
        "build_dependencies": ["pip"],
        "dependencies": ["-r requirements.txt"],
    }
    (folder / "python_env.yaml").write_text(yaml.safe_dump(environment, sort_keys=False), encoding="utf-8")


def _ask(folder: Path, images: Sequence[str]) -> dict[str, Any]:
    """Load the model in a process of its own and return its answers. Raises ValueError with the last line of its error."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "MLFLOW_TRACKING_URI")}
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(folder.absolute())],
        input=json.dumps(images),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
    )
    if done.returncode:
        raise ValueError(
            f"the packaged model cannot be served: {(done.stderr.strip().splitlines() or ['it was killed'])[-1]}"
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert Path(found["package"]).is_relative_to(folder.absolute()), found["package"]
    return found


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
