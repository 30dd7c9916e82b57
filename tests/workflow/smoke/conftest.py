"""Results of the smoke config, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.workflow.conftest import Project, copy_files


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory, python: Path) -> Project:
    """Run the smoke config once; a test that changes the project must put it back."""
    project = Project(copy_files(tmp_path_factory.mktemp("smoke")), python)
    project.call("--configfile", "config/smoke.yaml", "--cores", "1")  # other tests use the other core
    return project
