"""Fixtures for all tests: few threads, and a small real data set prepared once."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from darkroom.job import allocator

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

allocator.keep_freed_memory()  # as in every job

SMOKE = Path(__file__).parent / "workflow/smoke"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--seed`, which changes all seeded randomness in tests: splits, weights, batches, noise."""
    parser.addoption("--seed", type=int, default=0, help="use different splits, weights and batches (default: 0)")


def pytest_configure(config: pytest.Config) -> None:
    """Shift every seed before any module imports the functions that derive them."""
    if offset := config.getoption("--seed"):
        import torch

        from darkroom import randomness

        derive, manual_seed = randomness.derive, torch.manual_seed
        randomness.derive = lambda *keys: derive("tests", offset, *keys)
        torch.manual_seed = lambda seed: manual_seed(seed + (offset << 32))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run whole workflows first, as their files take longest, and those on the smoke run's results before the others."""
    items.sort(key=lambda item: (not item.path.is_relative_to(SMOKE), not item.path.is_relative_to(SMOKE.parent)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute tests over processes by file, and those on the smoke run's results, which take a minute to make, to one."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = config.rootpath / nodeid.split("::")[0]
            return str(SMOKE if path.is_relative_to(SMOKE) else path)

    return ByFile(config, log)


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, which take a while to make."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("tables") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the store of scikit-learn's 1,797 8×8 digits, fetched and prepared by the stages themselves."""
    from darkroom import registry
    from darkroom.data import fetch, prepare
    from darkroom.data.config import FetchSpec, PrepareSpec
    from darkroom.log import silent

    root = tmp_path_factory.mktemp("digits")
    source = registry.options("source", "sklearn")()
    fetch.run(FetchSpec(source=source), out=root / "raw", log=silent)
    prepare.run(PrepareSpec(name="digits", source=source), raw=root / "raw", out=root / "prepared", log=silent)
    return root / "prepared"


@pytest.fixture
def small_disk() -> Iterator[Callable[..., Path]]:
    """Return `small_disk(folder, size, *options)`, which mounts a tmpfs of `size` bytes with these options."""
    mounted: list[Path] = []

    def mount(folder: Path, size: int, *options: str) -> Path:
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", ",".join([f"size={size}", *options]), "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot mount a small disk here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(scope="session")
def editor() -> jsonschema.protocols.Validator:
    """Return a validator of the JSON schema that editors use."""
    from darkroom.config import reference

    return jsonschema.Draft202012Validator(reference.schema())
