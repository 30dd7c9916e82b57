"""The job `serve package`: the best model as MLflow serves it, with its model card, ready to be registered.

    model/        see `serve.registry.model`
    card.html     the model card
    version.json  what is registered: the name, the method, its seed, the weights, and the jobs that made it

Tracking registers the package as a new version once the job has ended; see `tracking.registration`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

from PIL import Image

from darkroom import files
from darkroom.data.store import Store, open_store
from darkroom.log import Log
from darkroom.serve.registry import card, classifier, detector, model
from darkroom.serve.registry.choice import choose
from darkroom.serve.registry.config import PackageSpec

CHECKED = 8
"""Validation images that the packaged model has to answer like the original."""
TOLERANCE = 1e-6
Served: TypeAlias = classifier.Served | detector.Served
SERVED: dict[str, Callable[[Path], Served]] = {"classifier": classifier.Served, "detector": detector.Served}


def run(spec: PackageSpec, *, data: Path, results: Path, out: Path, log: Log) -> None:
    """Choose the best model by the report's rule, and package it.

    Raises ValueError if there is none, or if the package answers otherwise than the model.
    """
    chosen, found = choose(spec, data, results)
    run = chosen.run
    served = SERVED[spec.kind](run.model_folder.parent)
    images = _images(open_store(data))
    expected = served.predict(images).to_numpy().tolist()
    with files.folder(out) as fresh:
        answers = model.write(fresh / "model", run.model_folder, run.evaluation_folder, images, columns=served.columns)
        if not _agree(answers, expected):
            raise ValueError(f"the packaged model answers otherwise than {run.model_folder}: {answers}; {expected}")
        (fresh / "card.html").write_text(card.page(spec, chosen, found), encoding="utf-8")
        files.write_json(
            fresh / "version.json",
            {
                "name": spec.registered,
                "kind": spec.kind,
                "method": chosen.method,
                "seed": run.seed,
                "weights": files.sha256(run.model_folder / "weights.pt"),
                "model": run.model_folder.relative_to(results).as_posix(),
                "evaluation": run.evaluation_folder.relative_to(results).as_posix(),
            },
        )
    log({})


def _images(store: Store) -> list[bytes]:
    """Return a few validation images as files."""
    found = []
    for image in store.samples[store.rows("val")[:CHECKED]]:
        stream = io.BytesIO()
        Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(stream, "PNG")
        found.append(stream.getvalue())
    return found


def _agree(answers: Any, expected: Any) -> bool:
    """Return whether answers are the same, numbers to within rounding."""
    if isinstance(answers, list) and isinstance(expected, list):
        return len(answers) == len(expected) and all(map(_agree, answers, expected))
    if isinstance(answers, float) and isinstance(expected, float):
        return math.isclose(answers, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(answers == expected)
