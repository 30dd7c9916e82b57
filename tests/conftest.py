"""What many tests need: few threads, and a small real data set prepared once."""

from __future__ import annotations

import os
from pathlib import Path

import jsonschema
import pytest

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """scikit-learn's 1,797 8x8 digits, fetched and prepared by the stages themselves: the folder of the store."""
    from darkroom import registry
    from darkroom.data import fetch, prepare
    from darkroom.data.config import FetchSpec, PrepareSpec
    from darkroom.log import silent

    root = tmp_path_factory.mktemp("digits")
    source = registry.options("source", "sklearn")()
    fetch.run(FetchSpec(source=source), out=root / "raw", log=silent)
    prepare.run(PrepareSpec(name="digits", source=source), raw=root / "raw", out=root / "prepared", log=silent)
    return root / "prepared"


@pytest.fixture(scope="session")
def editor() -> jsonschema.protocols.Validator:
    """The JSON schema of configs that editors use."""
    from darkroom import reference

    return jsonschema.Draft202012Validator(reference.schema())
