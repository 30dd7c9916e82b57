"""What tests of tracking share."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from darkroom.tracking import sender, spool


@pytest.fixture
def store(tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An empty project folder with a database of its own, and a client for it."""
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    shutil.copy(tables, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    monkeypatch.setenv(spool.URI, uri)
    # a server that an earlier test asked for models is remembered by MLflow before the variable
    monkeypatch.setattr("mlflow.tracking._tracking_service.utils._tracking_uri", None)
    monkeypatch.setattr(sender, "PAUSE", 0.05)
    monkeypatch.setattr(sender, "PATIENCE", 0.3)
    return MlflowClient(uri)
