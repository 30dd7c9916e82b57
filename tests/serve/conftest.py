"""What tests of the registry share: results with a classifier and a detector, and their packages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from darkroom import files
from darkroom.classify import evaluate as classify_evaluate
from darkroom.classify import train
from darkroom.classify.config import EvaluateSpec, TrainSpec
from darkroom.detect import evaluate as detect_evaluate
from darkroom.detect import fit
from darkroom.detect.config import EvaluateSpec as DetectorSpec
from darkroom.detect.config import FitSpec
from darkroom.job import provenance
from darkroom.log import silent
from darkroom.serve import package
from darkroom.serve.registry.config import PackageSpec

CLASSIFIER, DETECTOR = "classify/none/mlp/seed-0", "detect/normal-1/pca/seed-0"


@pytest.fixture(scope="module")
def results(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results with a classifier and a detector."""
    root = tmp_path_factory.mktemp("registry") / "results"
    seed = root / CLASSIFIER
    quick = {"network": "mlp", "training": {"epochs": 2, "batch_size": 32}, "seed": 0}
    trained = TrainSpec.model_validate(quick)
    train.run(trained, data=digits, out=seed / "model", log=silent)
    record(train, trained, seed / "model")
    tested = EvaluateSpec.model_validate(
        {"network": "mlp", "tta": ["shift"], "tta_merge": "mean", "resamples": 10, "seed": 0}
    )
    classify_evaluate.run(tested, data=digits, model=seed / "model", out=seed / "evaluation", log=silent)
    seed, task = root / DETECTOR, {"detector": {"name": "pca"}, "normal": ["1"], "seed": 0}
    fitted = FitSpec.model_validate(task)
    fit.run(fitted, data=digits, out=seed / "model", log=silent)
    record(fit, fitted, seed / "model")
    rates = {"false_alarms": 0.05, "threshold": "quantile", "examples": 2, "resamples": 10}
    scored = DetectorSpec.model_validate({**task, **rates})
    detect_evaluate.run(scored, data=digits, model=seed / "model", out=seed / "evaluation", log=silent)
    return root


def record(stage: Any, spec: Any, folder: Path) -> None:
    """What the command line leaves beside a result."""
    roots = provenance.roots(stage.__name__, spec)
    files.write_json(folder / files.RECORD, provenance.record(spec.model_dump(mode="json"), roots))


def package_spec(kind: str) -> PackageSpec:
    seed = CLASSIFIER if kind == "classifier" else DETECTOR
    places = {"seed": 0, "model_folder": f"{seed}/model", "evaluation_folder": f"{seed}/evaluation"}
    one = {"policy": "none", "model": "mlp"} if kind == "classifier" else {"task": "normal-1", "detector": "pca"}
    given = {f"{kind}s": [{**places, **one, **({} if kind == "classifier" else {"normal": ["1"]})}]}
    card = {"intended_use": "Reading <script>alert(1)</script>", "license": "MIT"}
    return PackageSpec.model_validate({"name": "set", "registered": "digits", "kind": kind, "card": card, **given})


@pytest.fixture(scope="module")
def packaged(results: Path, digits: Path) -> Callable[[str], Path]:
    """Return the package of a classifier or a detector."""

    def make(kind: str) -> Path:
        out = results / "registry" / kind
        if not out.is_dir():
            package.run(package_spec(kind), data=digits, results=results, out=out, log=silent)
        return out

    return make
