"""A small set of surfaces as files, some with a dent and a mask of it, and the stages from the files to an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darkroom import files
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.detect import evaluate, fit
from darkroom.detect.config import EvaluateSpec, FitSpec
from darkroom.log import silent

Write = Callable[..., Path]


def write_surface(
    path: Path, seed: int, *, dent: bool = False, size: tuple[int, int] = (24, 32), mask: str = ""
) -> Path:
    """A wavy gray surface, with a bright square where it is dented; the square's mask goes to the path `mask`."""
    generator = np.random.default_rng(seed)
    values = 110 + 30 * np.sin(np.arange(size[1]) / 4) + generator.normal(0, 4, size)
    top, left = (int(generator.integers(1, side - 9)) for side in size)
    marked = np.zeros(size, np.uint8)
    marked[top : top + 8, left : left + 8] = 255
    if dent:
        values[marked > 0] += 90
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(path)
    if mask:
        Path(mask).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(marked).save(mask)
    return path


def write_surfaces(root: Path, *, normal: int = 8, dents: int = 8) -> Path:
    """The layout of MVTec: 40 normal images to train on, and those to test, with masks."""
    for number in range(40):
        write_surface(root / "train" / "good" / f"{number:02}.png", number)
    for number in range(normal):
        write_surface(root / "test" / "good" / f"{number:02}.png", 100 + number)
    for number in range(dents):
        mask = root / "ground_truth" / "dent" / f"{number:02}_mask.png"
        write_surface(root / "test" / "dent" / f"{number:02}.png", 200 + number, dent=True, mask=str(mask))
    return root


def through_the_stages(source: Path, out: Path, *, detector: str = "pca", **data: Any) -> dict[str, Any]:
    """Fetch, prepare, fit and evaluate; gives metrics.json. The seed's folder is in `out/results`, as the workflow has it."""
    options = {"name": "mvtec", "path": str(source)}
    fetch.run(FetchSpec.model_validate({"source": options}), out=out / "raw", log=silent)
    spec = PrepareSpec.model_validate({"source": options, "name": "surfaces", **data})
    prepare.run(spec, raw=out / "raw", out=out / "prepared", log=silent)
    seed = out / "results" / "detect" / "normal-good" / detector / "seed-0"
    common: dict[str, Any] = {"detector": detector, "normal": ["good"], "seed": 0}
    fitting = FitSpec.model_validate({**common, "training": {"epochs": 2}})
    fit.run(fitting, data=out / "prepared", out=seed / "model", log=silent)
    judged = {"false_alarms": 0.2, "threshold": "quantile", "examples": 5, "resamples": 50}
    evaluating = EvaluateSpec.model_validate({**common, **judged})
    evaluate.run(evaluating, data=out / "prepared", model=seed / "model", out=seed / "evaluation", log=silent)
    found: dict[str, Any] = files.read_json(seed / "evaluation" / "metrics.json")
    return found


@pytest.fixture(scope="session")
def surface() -> Write:
    """Writes one image."""
    return write_surface


@pytest.fixture(scope="session")
def surfaces() -> Write:
    """Writes a set of images."""
    return write_surfaces


@pytest.fixture(scope="session")
def stages() -> Callable[..., dict[str, Any]]:
    """Runs the stages on a set of images."""
    return through_the_stages


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the set of images in `set`, and the folder of a fitted and evaluated detector, `seed-0`."""
    root = tmp_path_factory.mktemp("surfaces")
    through_the_stages(write_surfaces(root / "set"), root, size=24)
    (root / "seed-0").symlink_to(root / "results" / "detect" / "normal-good" / "pca" / "seed-0")
    return root
