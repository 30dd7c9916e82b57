"""A table as a file, with numbers, a category, a date and an unbalanced class, prepared by the stages themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from darkroom import registry
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.data.store import Store, open_store
from darkroom.log import silent


def frame(rows: int = 400, rare: float = 0.15, seed: int = 0) -> pd.DataFrame:
    """Good and bad rows, of which the bad ones are larger and more often red."""
    generator = np.random.default_rng(seed)
    bad = generator.random(rows) < rare
    table = pd.DataFrame(
        {
            "length": generator.normal(10, 1, rows) + 2.5 * bad,
            "weight": generator.normal(0, 100, rows) + 150 * bad,
            "color": np.where(generator.random(rows) < 0.4 + 0.5 * bad, "red", "blue"),
            "made": pd.to_datetime("2026-01-01") + pd.to_timedelta(generator.integers(0, 300, rows), "D"),
            "class": np.where(bad, "bad", "good"),
        }
    )
    table.loc[generator.random(rows) < 0.1, "weight"] = np.nan
    return table


def through(path: Path, out: Path, **options: Any) -> Path:
    """Fetch and prepare a table; return the store's folder. `split_column` is the source's option `split`."""
    if "split_column" in options:
        options["split"] = options.pop("split_column")
    source = registry.options("source", "table")(path=str(path), **options)
    fetch.run(FetchSpec(source=source), out=out / "raw", log=silent)
    spec = PrepareSpec.model_validate({"name": "parts", "source": source, "split": {"val": 0.2, "test": 0.2}})
    prepare.run(spec, raw=out / "raw", out=out / "prepared", log=silent)
    return out / "prepared"


@pytest.fixture
def table() -> pd.DataFrame:
    """Return the table."""
    return frame()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the prepared table."""
    root = tmp_path_factory.mktemp("parts")
    frame().to_csv(root / "parts.csv", index=False)
    return through(root / "parts.csv", root)


@pytest.fixture(scope="session")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the prepared table with columns of numbers alone."""
    root = tmp_path_factory.mktemp("numbers")
    frame().to_csv(root / "parts.csv", index=False)
    return through(root / "parts.csv", root, columns={"color": "drop", "made": "drop"})


@pytest.fixture
def make() -> Callable[..., Store]:
    """Prepare a table and open its store: `make(data, folder, **options of the source)`."""

    def prepare_frame(data: pd.DataFrame, folder: Path, **options: Any) -> Store:
        folder.mkdir(exist_ok=True)
        data.to_csv(folder / "table.csv", index=False)
        return open_store(through(folder / "table.csv", folder, **options))

    return prepare_frame
