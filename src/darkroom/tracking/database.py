"""A SQLite database for MLflow that is whole or absent."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

MAKE_TABLES = """
import sys, mlflow
try:
    mlflow.MlflowClient(sys.argv[1]).search_experiments(max_results=1)
except Exception as error:
    sys.exit(str(error).splitlines()[0])
"""


def make_database(uri: str) -> None:
    """Make a SQLite database that is not there yet, which takes its name when its tables are whole.

    MLflow never mends one that a full disk or a killed process left half made. A process of its own makes it, as MLflow keeps
    such a file open, and so its space taken. Raises OSError with the last words of that process.
    """
    path = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or path.exists():
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        command = [sys.executable, "-c", MAKE_TABLES, f"sqlite:///{fresh}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(f"{path} could not be made: {(done.stderr.strip().splitlines() or ['no word of why'])[-1]}")
        with contextlib.suppress(FileExistsError):  # somebody else made it in the meantime
            path.hardlink_to(fresh)
    finally:
        fresh.unlink(missing_ok=True)
