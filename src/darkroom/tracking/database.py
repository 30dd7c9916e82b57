"""MLflow's SQLite database: create it atomically, and make it follow a project folder that was moved or renamed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

LOCAL_ARTIFACTS = Path("results/mlartifacts")
"""Artifacts of runs in a SQLite database, one folder per experiment."""
LOCATIONS = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
"""Columns in which MLflow stores absolute locations of artifacts."""
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


def demand(uri: str) -> None:
    """Raise ValueError for a missing SQLite database, which MLflow would create even where it is only read.

    A command that asks a server is waited for: it retries once, where MLflow's default goes on for minutes.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    path = Path(uri.removeprefix("sqlite:///"))
    if uri.startswith("sqlite:///") and not path.is_file():
        raise ValueError(
            f"there is no MLflow database {path} in {Path.cwd()}; expected that of an earlier run: work in the folder of the "
            "project, or set MLFLOW_TRACKING_URI"
        )


def relocate(uri: str) -> str | None:
    """Point a SQLite database inside `results/` at the artifacts beside it; return a line that says so if it moved.

    MLflow stores absolute locations, so after a project folder is moved, renamed or copied, new artifacts would go to the old
    place and earlier ones would not be found. Databases elsewhere, which several projects may share, stay as they are.
    """
    path = Path(uri.removeprefix("sqlite:///"))
    if not (
        uri.startswith("sqlite:///") and path.is_file() and path.resolve().is_relative_to(Path("results").resolve())
    ):
        return None
    new, moved = LOCAL_ARTIFACTS.absolute().as_uri(), set()
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database:
        with contextlib.suppress(sqlite3.OperationalError):  # no tables yet
            for (location,) in database.execute("SELECT artifact_location FROM experiments"):
                head, found, _ = str(location).rpartition(f"/{LOCAL_ARTIFACTS.as_posix()}/")
                if found and (old := head + found.rstrip("/")) != new:
                    moved.add(old)
        for old in sorted(moved):
            _replace(database, old, new)
    if not moved:
        return None
    return f"MLflow: the project moved; artifacts of earlier runs are now looked up in {new}, not {', '.join(sorted(moved))}"


def _replace(database: sqlite3.Connection, old: str, new: str) -> None:
    """Replace the prefix of all stored locations, in one transaction."""
    with database:
        for table, columns in LOCATIONS.items():
            present = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
            for column in present.intersection(columns):
                database.execute(
                    f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                    (new, len(old) + 1, len(old) + 1, f"{old}/"),
                )
