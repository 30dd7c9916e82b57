"""Atomic creation of MLflow's SQLite database."""

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
    """Create a missing SQLite database under a temporary name and rename it once its tables are complete.

    MLflow never repairs a database left incomplete by a full disk or a killed process. A separate process creates it because
    MLflow keeps the file open, and with it the disk space. Raises OSError with the last line of that process's errors.
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
        with contextlib.suppress(FileExistsError):  # another process created it in the meantime
            path.hardlink_to(fresh)
    finally:
        fresh.unlink(missing_ok=True)
