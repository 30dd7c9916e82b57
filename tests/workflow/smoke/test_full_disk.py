"""A disk that takes no more, in every stage: said with the file and the space, nothing half written left, the same bytes after.

The results lie on a small disk of their own (see `small_disk`).
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.workflow.contents import contents, differences

from darkroom import files
from darkroom.__main__ import main
from darkroom.planning.sections import stages
from darkroom.tracking import spool

CONFIG = ("--configfile", "config/smoke.yaml")
QUICK = {"data prepare": 0.5, "augment apply": 0.2, "classify train": 0.5, "detect evaluate": 0.8, "report build": 0.4}
"""Stages that are tried without `-m long`, with the room that they get, as a share of what they take."""
SHARES = (0.0, 0.2, 0.5, 0.8, 0.95)
ROOM = 2**26
ROOMS = (2**17, 2**18, 2**20, 2**21, 2**22, 2**23, 2**24, 2**25, 2**26)
"""Bytes that a whole run gets one after the other."""


def fill(disk: Path, left: int) -> Path:
    """Fill the disk with a file, leaving `left` bytes."""
    filler = disk / "filler"
    with filler.open("wb") as stream:
        size = max(0, shutil.disk_usage(disk).free - left)
        stream.write(bytes(size))
    return filler


@pytest.fixture(scope="module")
def commands(smoke) -> dict[str, list[str]]:
    """What a job of each stage runs, without `python -m darkroom` and its log."""
    plan = smoke.call(*CONFIG, "--forceall", "--dry-run", "--printshellcmds")
    lines = re.findall(r"^Shell command: python -m darkroom (.+) > \S+ 2>&1$", plan.stdout + plan.stderr, re.MULTILINE)
    return {" ".join(words[:2]): words for words in map(shlex.split, lines)}


@pytest.fixture
def disk(smoke, small_disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small disk with the results of the whole run, which is where this process is."""
    disk: Path = small_disk(tmp_path / "disk", ROOM)
    for part in ("data/smoke", "results/smoke"):
        shutil.copytree(smoke.root / part, disk / part)
    monkeypatch.chdir(disk)
    monkeypatch.delenv(spool.URI, raising=False)
    return disk


@pytest.mark.parametrize(
    ("stage", "shares"),
    [
        *(pytest.param(stage, (share,), id=stage) for stage, share in QUICK.items()),
        *(
            pytest.param(stage, SHARES, id=f"{stage} often", marks=pytest.mark.long)
            for stage in stages()
            if stage != "generate synthesize"
            and not stage.startswith(("reproduce", "study"))  # the smoke config has none
        ),
    ],
)
def test_a_stage_says_what_it_needs_and_completes_when_there_is_room(
    stage: str, shares: tuple[float, ...], commands, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = commands[stage]
    out = Path(arguments[arguments.index("--out") + 1])
    undisturbed = contents(disk, out)
    takes = sum(path.stat().st_blocks * 512 for path in out.rglob("*"))
    shutil.rmtree(out)
    for share in shares:
        filler = fill(disk, int(share * takes))
        assert main(arguments) == 1, f"{share} of {takes} bytes"
        told = capsys.readouterr().err.splitlines()[-1]
        assert re.match(
            rf"darkroom {stage}: could not write {out}(/\S+)?: No space left on device\. {out}\S* needs more than .+, "
            r"and its disk has .+ free; free some space and run again",
            told,
        ), told
        assert not out.exists() or files.RECORD in told  # then it is whole, and Snakemake takes its manifest away
        shutil.rmtree(out, ignore_errors=True)
        assert not [path for path in disk.rglob(".*") if path.name.endswith((".new", ".old"))]
        filler.unlink()
    assert main(arguments) == 0
    assert contents(disk, out) == undisturbed


@pytest.mark.long
def test_stages_need_no_temporary_folder(commands, disk: Path, smoke, small_disk, tmp_path: Path) -> None:
    temporary = small_disk(tmp_path / "temporary", 2**16)
    fill(temporary, 0)
    for stage in stages():
        if arguments := commands.get(stage):
            out = Path(arguments[arguments.index("--out") + 1])
            undisturbed = contents(disk, out)
            command = ["env", f"TMPDIR={temporary}", f"PYTHONPATH={smoke.root / 'src'}"]
            done = subprocess.run(
                [*command, sys.executable, "-m", "darkroom", *arguments], capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr
            assert (
                stage == "report build" or contents(disk, out) == undisturbed
            )  # the page shows the times of the others


@pytest.mark.long
def test_a_run_on_a_disk_that_grows_ends_with_the_same_bytes(smoke, small_disk, tmp_path: Path) -> None:
    disk = small_disk(tmp_path / "disk", ROOM)
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("workflow", "profiles", "config", "src"):
        shutil.copytree(smoke.root / name, disk / name, ignore=ignored)
    project, used = type(smoke)(disk), shutil.disk_usage(disk).used
    for more in ROOMS:
        subprocess.run(["mount", "-o", f"remount,size={used + more}", str(disk)], check=True)
        done = project.call(*CONFIG, check=False)
        said = done.stdout + done.stderr
        if done.returncode == 0:
            break
        assert re.search("could not write .* needs more than|is full|No space left on device", said), said
    assert done.returncode == 0, said
    assert more > ROOMS[0]
    parts = ("data/smoke", "results/smoke")
    differ = differences(contents(smoke.root, *parts), contents(disk, *parts))
    assert [name for name in differ if "/report/" not in name] == []  # the page shows measured times
    assert "every run is in MLflow" in project.python("-m", "darkroom", "sync").stdout
    script = """
import json, mlflow
client = mlflow.MlflowClient("sqlite:///results/mlflow.db")
runs = client.search_runs([client.get_experiment_by_name("smoke").experiment_id], max_results=1000)
print(json.dumps([[r.data.tags["job"], r.info.status] for r in runs if "job" in r.data.tags]))
"""
    runs = json.loads(project.python("-c", script).stdout.splitlines()[-1])
    assert Counter(status for _, status in runs) == {"FINISHED": 31}
    assert len({job for job, _ in runs}) == 31
