"""Teach a fitted detector by verdicts: false alarms become normal, the threshold is set anew, and nothing right gets worse."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom import files
from darkroom.data.preparation import Preparation, read_preparation
from darkroom.data.store import Store, labeled, open_store
from darkroom.detect.config import EvaluateSpec
from darkroom.detect.detector import Detector, FitInputs, read_detector
from darkroom.detect.evaluate import scored, set_threshold
from darkroom.detect.evaluation.threshold import OperatingPoint, Threshold, read_operating_point
from darkroom.detect.items import is_anomalous, normal_rows
from darkroom.detect.teaching import evidence
from darkroom.detect.teaching.evidence import Change, Floats, Group
from darkroom.detect.teaching.verdicts import FALSE_ALARM, MISS, Judged, known
from darkroom.fit.batches import as_tensor
from darkroom.fit.model import About, intact_weights, parts, read_about, save_weights

TEACHING = "teaching.json"
"""In a taught detector's model folder: its parent, the verdicts and what they changed."""
BATCH = 64
ROUNDING = 1e-6
"""Thresholds that differ relatively by less are equal: scores depend in the last digits on the number of threads."""


@dataclass(frozen=True, eq=False)
class Parent:
    """The detector to teach, with its evaluation."""

    folder: Path
    """That of the model."""
    evaluation: Path
    about: About
    detector: Detector
    point: OperatingPoint
    spec: EvaluateSpec
    """Of its evaluation: the rule of the threshold."""
    lineage: tuple[str, ...]
    """The weights of its own parents, the first one first."""

    @property
    def preparation(self) -> Preparation:
        """How its images were prepared."""
        return read_preparation(self.folder)


@dataclass(frozen=True, eq=False)
class Lesson:
    """A taught detector and what changed."""

    detector: Detector
    threshold: Threshold
    changed: dict[str, Change]
    known: dict[str, int]
    """How many of the images with verdicts are in the validation and in the test split, whose numbers then flatter."""


def read_parent(folder: Path) -> Parent:
    """Read a detector and its evaluation from the folder of a seed or of an earlier teaching.

    Raises ValueError if it is no detector of images or has no evaluation by this version.
    """
    model, evaluation = parts(folder)
    about = read_about(model)
    if about.kind != "detector":
        raise ValueError(f"--model: {folder} holds {about.what}; only anomaly detectors can be taught")
    if about.samples != "image":
        raise ValueError(f"--model: {folder} takes {about.samples} samples; only detectors of images can be taught")
    weights = intact_weights(model)
    point = read_operating_point(evaluation, weights)
    if not (evaluation / files.RECORD).is_file():
        raise FileNotFoundError(
            f"{evaluation} has no {files.RECORD}, which says how its threshold was set; evaluate it again"
        )
    spec = EvaluateSpec.model_validate(files.read_json(evaluation / files.RECORD)["spec"])
    earlier = files.read_json(model / TEACHING)["lineage"] if (model / TEACHING).is_file() else []
    return Parent(model, evaluation, about, read_detector(model), point, spec, (*earlier, weights))


def teach(parent: Parent, given: Judged, data: Path, *, tolerance: float) -> Lesson:
    """Take the false alarms in and set the threshold by the rule of the evaluation; misses and lost anomalies can lower it.

    `data` is the prepared store. Raises ValueError if the detector cannot learn this way, or if more than a share `tolerance`
    of a group of images that were right would become wrong.
    """
    store = open_store(data)
    if store.shape != parent.about.shape:
        raise ValueError(
            f"--data: the images of {data} have the shape {store.shape}; the model takes {parent.about.shape}"
        )
    detector, normal = read_detector(parent.folder), parent.spec.normal
    val = normal_rows(store, "val", normal)
    strange = labeled(store, "val")
    strange = strange[is_anomalous(store, strange, normal)]
    alarms = given.images[np.array(given.verdicts) == FALSE_ALARM]
    if len(alarms):
        with torch.no_grad():
            detector.take_in(alarms, FitInputs(images=store.samples, train=val[:0], val=val, seed=parent.spec.seed))
    elif MISS not in given.verdicts:
        raise ValueError(f"--verdicts: there is nothing to learn without a {FALSE_ALARM} or a {MISS}")
    before, after = (_scores(one, store, val, strange, given) for one in (parent.detector, detector))
    with torch.inference_mode():
        threshold = set_threshold(parent.spec, detector, store, after[0])
    validation = {
        evidence.NORMAL: Group(False, before[0], after[0]),
        evidence.ANOMALOUS: Group(True, before[1], after[1]),
    }
    limit = parent.point.value
    found = evidence.groups(given.verdicts, before[2] > limit, before[2], after[2], validation)
    value = evidence.lowered(found, limit, threshold.value, tolerance)
    if value != threshold.value:
        threshold = Threshold(
            value, f"{threshold.rule}; lowered to find anomalies that were missed, or were found before"
        )
    changed = evidence.changes(found, limit, threshold.value)
    if problem := evidence.worse(changed, tolerance):
        raise ValueError(
            f"{problem}, above --tolerance {tolerance:g}: nothing is written. Leave out the verdicts that look like anomalies, "
            "or allow more"
        )
    return Lesson(detector, threshold, changed, known(given, store))


def unchanged(parent: Parent, lesson: Lesson) -> bool:
    """Return whether a teaching left the detector as it was, and its threshold to within rounding."""
    own, taught = parent.detector.state_dict(), lesson.detector.state_dict()
    same = all(own[key].shape == value.shape and torch.equal(own[key], value) for key, value in taught.items())
    return same and math.isclose(parent.point.value, lesson.threshold.value, rel_tol=ROUNDING)


def save(folder: Path, parent: Parent, lesson: Lesson, about: dict[str, Any]) -> None:
    """Write the model folder of a taught detector; `about` is the rest of its teaching.json."""
    left = shutil.ignore_patterns(files.MANIFEST, files.TIMING, files.RECORD)
    with files.folder(folder) as fresh:
        shutil.copytree(parent.folder, fresh, ignore=left, dirs_exist_ok=True)
        save_weights(fresh, lesson.detector)
        described = {
            "lineage": list(parent.lineage),
            "changed": evidence.table(lesson.changed),
            "known": lesson.known,
            **about,
        }
        files.write_json(fresh / TEACHING, described)
    if (parent.folder / files.RECORD).is_file():
        record = files.read_json(parent.folder / files.RECORD)
        record["spec"] |= {"taught": {key: about[key] for key in ("parent", "verdicts", "tolerance")}}
        files.write_json(folder / files.RECORD, record)


@torch.inference_mode()
def _scores(
    detector: Detector, store: Store, val: NDArray[np.int64], strange: NDArray[np.int64], given: Judged
) -> tuple[Floats, Floats, Floats]:
    """Return the scores of normal and of anomalous validation images, and of the images with verdicts."""
    starts = range(0, len(given.images), BATCH)
    own = [detector.score(as_tensor(given.images[at : at + BATCH])).scores.double().numpy() for at in starts]
    return (
        scored(detector, store, val)[0],
        scored(detector, store, strange)[0] if len(strange) else np.empty(0),
        np.concatenate(own),
    )
