from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.datasets import load_digits
from torch import Tensor

from darkroom import registry
from darkroom.detect.config import DetectorTraining, FitSpec
from darkroom.detect.detector import Detector, FitInputs
from darkroom.fit import trainer
from darkroom.nets import pretrained
from darkroom.settings import Section

DIGITS = (load_digits().images[:, :, :, None] * 15).astype(np.uint8)
IMAGES = torch.from_numpy(DIGITS).permute(0, 3, 1, 2) / 255
TRAIN, VAL = np.arange(200), np.arange(200, 260)
PROBE = IMAGES[300:330]
SEEING = ({"name": "padim", "side": 32, "dimensions": 8}, {"name": "patchcore", "side": 32, "levels": [1, 2]})

needs_backbone = pytest.mark.skipif(pretrained.installed() is None, reason="the extra backbone is not installed")


def average(*of: Any) -> Section:
    return registry.options("detector", "average").model_validate({"of": of})


def fit(options: Section, val: np.ndarray = VAL) -> Detector:
    detector: Detector = registry.build(options, (1, 8, 8))
    detector.fit(FitInputs(images=DIGITS, train=TRAIN, val=val, seed=0))
    return detector.eval()


def expected(options: Section, images: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of the standardised scores and maps of the same detectors, fitted alone."""
    scores, maps = [], []
    for member in options.of:  # type: ignore[attr-defined]
        alone = fit(member)
        held_out, found = alone.score(IMAGES[VAL]), alone.score(images)
        scores.append((found.scores - held_out.scores.mean()) / held_out.scores.std())
        if found.maps is not None and held_out.maps is not None:
            maps.append(found.maps / held_out.maps.std(correction=0))
    return torch.stack(scores).mean(0), torch.stack(maps).mean(0)


@pytest.mark.training
@pytest.mark.parametrize(
    "of",
    [
        ("pca", "mahalanobis", {"name": "pca", "components": 4, "error": "mae"}),
        pytest.param(SEEING, marks=needs_backbone),
        pytest.param(("pca", *reversed(SEEING)), marks=needs_backbone),
    ],
    ids=str,
)
def test_scores_and_maps_are_means_of_those_of_the_detectors_alone(of: Any) -> None:
    options = average(*of)
    detector = fit(options)
    scores, maps = expected(options, PROBE)
    found = detector.score(PROBE)
    assert found.maps is not None
    assert torch.allclose(found.scores, scores, atol=1e-4)
    assert torch.allclose(found.maps, maps, rtol=1e-4, atol=1e-5)
    held_out = detector.score(IMAGES[VAL]).scores
    assert held_out.mean().abs() < 1e-4
    assert 0 < held_out.std() < 1 + 1e-4  # of several that do not always agree


def test_without_a_map_of_any_there_is_none() -> None:
    detector = fit(average("mahalanobis", {"name": "mahalanobis", "components": 3}))
    assert detector.score(PROBE).maps is None


@needs_backbone
def test_one_look_does_for_all_that_see_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"name": "padim", "side": 64, "dimensions": 8}
    detector = fit(average(*SEEING, other))
    looks = []
    for member in detector.members:  # type: ignore[union-attr]
        maps = member.feature_maps  # type: ignore[union-attr]
        see = maps.see  # type: ignore[union-attr]
        monkeypatch.setattr(maps, "see", lambda *given, see=see: (looks.append(given[1]), see(*given))[1])
    detector.score(PROBE[:5])
    assert looks == [[1, 2, 3], [1, 2, 3]]


def test_tables_and_metrics_of_training_say_whose_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "CHECKPOINT_SECONDS", 0)
    options = average("autoencoder", "pca", {"name": "autoencoder", "latent": 3})
    training = DetectorTraining(epochs=2, batch_size=32)
    detector = registry.build(options, (1, 8, 8))
    told: set[str] = set()
    fitted = detector.fit(
        FitInputs(
            images=DIGITS,
            train=TRAIN,
            val=VAL,
            training=training,
            seed=0,
            log=lambda values, step=None: told.update(values),
            checkpoints=tmp_path,
        )
    )
    names = ["0-autoencoder", "2-autoencoder"]
    assert fitted.history["detector"].tolist() == [names[0]] * 2 + [names[1]] * 2
    assert {f"train/{name}/loss" for name in names} | {"train/1-pca/explained_variance"} <= told
    assert sorted(path.parent.name for path in tmp_path.rglob(trainer.CHECKPOINT)) == names


@pytest.mark.parametrize("rows", [[], [200]])
def test_too_few_held_out_images_are_reported(rows: list[int]) -> None:
    with pytest.raises(ValueError, match=rf"needs two or more; got {len(rows)}: increase data\.split\.val"):
        fit(average("pca", "mahalanobis"), np.array(rows, np.int64))


def test_held_out_images_that_are_all_alike_are_reported() -> None:
    with pytest.raises(ValueError, match="cannot standardize the scores of 0-pca"):
        fit(average("pca", "mahalanobis"), np.array([200, 200, 200]))


@pytest.mark.parametrize(
    ("of", "message"),
    [
        (["pca"], "at least 2"),
        (["pca", {"name": "pca"}], "listed twice"),
        (
            ["pca", {"name": "average", "of": ["pca", "mahalanobis"]}],
            r'no detector "average"\..* There are: autoencoder, (?!average)',
        ),
        (["pca", "padimm"], 'Did you mean "padim"'),
    ],
    ids=str,
)
def test_what_cannot_be_averaged_is_refused(of: list[Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        average(*of)


@pytest.mark.parametrize(("of", "trained"), [(("pca", "padim"), False), (("pca", "vae"), True)])
def test_a_job_depends_on_the_detectors_and_on_training_where_one_is_trained(of: Any, trained: bool) -> None:
    spec = FitSpec.model_validate({"detector": average(*of), "normal": ("1",), "seed": 0})
    assert (spec.training is not None) == trained
    modules = {f"darkroom.detect.methods.{name}" for name in ("average", *of)}
    assert modules <= {found.module for found in registry.used(spec)}


def test_options_survive_json() -> None:
    options = average("pca", {"name": "padim", "side": 32})
    again = options.__class__.model_validate_json(options.model_dump_json())
    assert again == options
