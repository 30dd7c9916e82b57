"""Broken and hostile configs: each either plans all of its jobs or is reported in readable lines, never a traceback.

`pytest -m long tests/config/test_fuzz.py` tries 10,000 changes in place of 500, and asks Snakemake about twenty of them.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from tests.config.mutations import ROOT, bases, mutate, mutate_text

from darkroom.config import load as config
from darkroom.config.load import ConfigError
from darkroom.config.model import Config
from darkroom.planning.plan import Plan

FOREIGN = re.compile(
    r"pydantic|Traceback|function-|constrained|Input should|validation error|Value error|object at 0x|\[key\]"
)
PLACED = re.compile(
    r"  (line \d+|[\w\[-]+[\w.\[\]\"\\-]*.*: |a key is |empty; expected|got .*; expected keys|not valid YAML|more than)"
)


def plan_all(loaded: Config) -> None:
    """Ask for what Snakemake would: every job's spec, which its stage can read, its code, threads and folders."""
    plan = Plan(loaded)
    for stage, wildcards in plan.jobs:
        spec = plan.spec(stage, **wildcards)
        job = plan.resolved(stage, **wildcards)
        assert type(job).model_validate_json(spec) == job, stage
        assert plan.code(stage, **wildcards)
        assert plan.threads(stage, **wildcards) >= 1
        assert plan.need(stage, [], 1, **wildcards).mem_mb > 0
        read = [folder for _, folder, _ in plan.inputs(stage, **wildcards)]
        for folder in (plan.folder(stage, **wildcards), *read):
            assert re.fullmatch(r"[\w./+-]+", folder)


def assert_readable(error: ConfigError) -> None:
    head, *lines = str(error).splitlines()
    assert re.fullmatch(r".*c\.yaml: (1 problem|\d+ problems)", head)
    assert lines
    for line in lines:
        assert line.startswith("  ")
        assert line.isprintable(), line
        assert len(line) < 700, line
        assert not FOREIGN.search(line), line
        assert PLACED.match(line) or re.match(r"  and \d+ more", line), line


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder two levels deep, with a small set of files in it."""
    folder = tmp_path / "a" / "b"
    (folder / "set" / "cat").mkdir(parents=True)
    (folder / "set" / "cat" / "1.png").write_bytes(b"")
    monkeypatch.chdir(folder)
    return folder


def content(number: int, start: list[dict[str, Any]]) -> Any:
    """The changed config of that number: a value as read from YAML, or for every fifth the bytes of a file."""
    draw = random.Random(number)
    raw = draw.choice(start)
    if number % 5 == 4:
        return mutate_text(yaml.safe_dump(raw, sort_keys=False), draw)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        raw = mutate(raw, draw)
    return raw


def plans(changed: Any) -> bool:
    """Return whether a config loads and answers everything Snakemake asks for; otherwise its errors must be readable."""
    try:
        if isinstance(changed, bytes):
            Path("c.yaml").write_bytes(changed)
            loaded = config.read(Path("c.yaml"))
        else:
            loaded = config.load(changed, path="c.yaml")
    except ConfigError as error:
        assert_readable(error)
        return False
    plan_all(loaded)
    # a bare key takes every default, so a section that is left out stays out of the JSON too
    assert Config.model_validate_json(loaded.model_dump_json(exclude_none=True)) == loaded
    return True


def test_the_configs_to_start_from_plan(here: Path) -> None:
    assert all(plans(raw) for raw in bases("set"))


@pytest.mark.parametrize(
    "tried", [200, pytest.param(500, marks=pytest.mark.thorough), pytest.param(10_000, marks=pytest.mark.long)]
)
def test_any_change_of_a_config_plans_or_is_reported(
    here: Path, editor: jsonschema.protocols.Validator, tried: int
) -> None:
    start, planned = bases("set"), 0
    failures: dict[str, list[int]] = {}
    for number in range(tried):
        changed = content(number, start)
        try:
            if plans(changed):
                planned += 1
                if planned % 10 == 0 and not isinstance(changed, bytes):
                    editor.validate(json.loads(json.dumps(changed)))
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            told = f"{type(error).__name__}: {str(error)[:200]} ({Path(last.filename).name}:{last.lineno})"
            failures.setdefault(told, []).append(number)
    assert failures == {}, f"{planned} planned"
    assert 0.1 * tried < planned < 0.9 * tried


@pytest.mark.long
def test_snakemake_plans_what_plans_and_tells_what_does_not(here: Path) -> None:
    start, left = bases("set"), {True: 10, False: 10}
    for number in range(1000):
        changed = content(number, start)
        try:
            text = changed.decode() if isinstance(changed, bytes) else yaml.safe_dump(changed, sort_keys=False)
            yaml.safe_load(text)  # Snakemake itself reports invalid YAML
        except (ValueError, yaml.YAMLError):
            continue
        Path("c.yaml").write_text(text, encoding="utf-8")
        good = plans(text.encode())
        if not left[good]:
            continue
        left[good] -= 1
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "snakemake",
                "--dry-run",
                "-s",
                ROOT / "workflow" / "Snakefile",
                "--configfile",
                "c.yaml",
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=False,
        )
        told = done.stdout + done.stderr
        assert "Traceback" not in told, text
        assert (done.returncode == 0) == good, f"{text}\n{told}"
        assert good or "c.yaml: " in told or "WorkflowError" in told
        if not any(left.values()):
            break
    assert not any(left.values())
