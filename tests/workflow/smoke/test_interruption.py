"""Runs that are interrupted, at random moments and in every way, end like one that nobody disturbed.

With `-m thorough` one training is hit, with `-m long` each stage of the smoke config.
"""

from __future__ import annotations

import itertools
import random
import shutil
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.workflow import interrupt
from tests.workflow.conftest import Project, copy_files
from tests.workflow.contents import contents, differences

from darkroom.planning.sections import stages

CONFIG = ("--configfile", "config/smoke.yaml")
MODEL = "results/smoke/classify/none/mlp/seed-0/model/manifest.json"
SEED = 20
HITS = {
    **dict.fromkeys(stages(), 3),
    "audit train": 4,
    "classify train": 6,
    "generate train": 6,
    "detect fit": 5,
    "generate synthesize": 0,  # the smoke config has none
    **{stage: 0 for stage in stages() if stage.startswith(("reproduce", "study"))},  # they belong to no config
}
"""How often the long test hits each stage while it runs: 51 times."""
GRACEFUL = "SIGTERM to Snakemake"
"""Snakemake lets the jobs that run come to their end; used where a stage is hit for the last time."""
LOCKED = "It can be removed with the --unlock argument"
"""How Snakemake demands `--unlock`."""
LONGEST = 1800.0


def fresh_project(root: Path) -> Project:
    """A project that saves training at every epoch's end: the smoke config's takes seconds."""
    copy_files(root)
    trainer = root / "src/darkroom/fit/trainer.py"
    before, after = "CHECKPOINT_SECONDS = 20.0", "CHECKPOINT_SECONDS = 0.0"
    assert before in trainer.read_text()
    trainer.write_text(trainer.read_text().replace(before, after))
    return Project(root.resolve())


def followed(run: subprocess.Popen[str], root: Path) -> Iterator[tuple[str, float]]:
    """Follow a run to its end: each job's stage and about how many seconds it took."""
    began: dict[int, tuple[str, float]] = {}
    while True:
        ended, now = run.poll() is not None, interrupt.jobs(root)
        for pid in began.keys() - now.keys():
            stage, start = began.pop(pid)
            yield stage, time.monotonic() - start
        began |= {pid: (now[pid], time.monotonic()) for pid in now.keys() - began.keys()}
        if ended:
            return
        time.sleep(0.1)


def undisturbed(project: Project) -> dict[str, float]:
    """Run to the end; gives the shortest time of a job of each stage."""
    said = project.root / "said"
    run = project.start(*CONFIG, output=said)
    times: dict[str, float] = {}
    for stage, took in followed(run, project.root):
        times[stage] = min(took, times.get(stage, took))
    assert run.wait() == 0, said.read_text()
    return times


@dataclass
class Interruptions:
    """What was done to a run."""

    kinds: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    """The stages whose jobs were at work."""
    between: int = 0
    """How many came when the job that was waited for had just ended."""
    resumable: int = 0
    """How many trainings had a checkpoint when they were hit."""

    def __str__(self) -> str:
        lines = [
            f"interruptions: {self.kinds.total()}, of them {self.between} between jobs",
            *(f"  {kind}: {count}" for kind, count in sorted(self.kinds.items())),
            "stages at work when they came:",
            *(f"  {stage}: {count}" for stage, count in sorted(self.stages.items())),
            f"trainings with a checkpoint when they were hit: {self.resumable}",
        ]
        return "\n".join(lines)


def interrupted(
    project: Project,
    *targets: str,
    hits: dict[str, int],
    times: dict[str, float],
    generator: random.Random,
    kinds: Sequence[str] = tuple(interrupt.KINDS),
    tracking: str | None = None,
) -> Interruptions:
    """Run to the end in spite of all: whenever a job of a stage that is to be hit shows up, something happens."""
    done, left, times, root = Interruptions(), dict(hits), dict(times), project.root
    drawn = itertools.chain.from_iterable(generator.sample(sorted(kinds), len(kinds)) for _ in itertools.count())
    again: tuple[str, ...] = ()
    while True:
        (said := root / "said").unlink(missing_ok=True)
        older = set(interrupt.jobs(root))
        run = project.start(*targets, *again, *CONFIG, tracking=tracking, output=said)
        while run.poll() is None:
            new = {pid: stage for pid, stage in interrupt.jobs(root).items() if pid not in older and left[stage]}
            if not new:
                time.sleep(0.05)
                continue
            pid, stage = next(iter(new.items()))
            kind = next(kind for kind in drawn if kind != GRACEFUL or left[stage] == 1)
            # most of the time goes into loading libraries: two moments of three are counted from after that
            deep, moment = generator.random() < 2 / 3, generator.random() * times[stage]
            while pid in interrupt.jobs(root) and deep and not interrupt.begun(root, pid):
                time.sleep(0.02)
            strike = time.monotonic() + (moment / 3 if deep else moment)
            while (alive := pid in interrupt.jobs(root)) and time.monotonic() < strike:
                time.sleep(0.02)
            if not alive:
                times[stage] *= 0.8  # the machine is faster by now
                older.add(pid)
                if kind.endswith("a job"):
                    continue
            done.kinds[kind] += 1
            done.between += not alive
            done.stages.update(set(interrupt.jobs(root).values()))
            left[stage] -= alive
            done.resumable += alive and stage.endswith(("train", "fit")) and any(root.glob("results/*/checkpoints/*/*"))
            interrupt.KINDS[kind](run, pid)
            if kind.endswith("a job"):
                older.add(pid)  # the others go on
            else:
                run.wait(LONGEST)
        text = said.read_text()
        if run.returncode == 0:
            missed = [stage for stage in left if left[stage]]
            if not missed:
                return done
            again = ("--forcerun", missed[0].replace(" ", "_"))
        else:
            again = ()
        assert LOCKED not in text, text
        assert done.kinds.total() < 3 * sum(hits.values()), text


def settle(project: Project) -> None:
    """Everything has ended, and MLflow knows how: no process stays, no run is left running for ever."""
    project.python("-m", "darkroom", "sync", check=False)
    deadline = time.monotonic() + 60
    while (still := interrupt.alive(project.root)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert still == []


def running(project: Project) -> int:
    """How many runs MLflow takes for running."""
    with sqlite3.connect(project.root / "results" / "mlflow.db") as database:
        [count] = database.execute("select count(*) from runs where status = 'RUNNING'").fetchone()
    return int(count)


@pytest.mark.thorough
def test_a_training_survives_a_power_cut(project: Project) -> None:
    project = Project(project.root)  # with an interpreter of its own for every job, as users have
    project.call(MODEL, *CONFIG, tracking="")
    expected = contents(project.root)
    (project.root / MODEL).unlink()
    hits = {**dict.fromkeys(stages(), 0), "classify train": 1}
    times, kinds = {"classify train": 5.0}, ["power cut"]
    interrupted(project, MODEL, hits=hits, times=times, generator=random.Random(SEED), kinds=kinds, tracking="")
    assert differences(expected, contents(project.root)) == []


@pytest.mark.thorough
def test_a_second_snakemake_is_reported_to_wait_and_harms_nothing(project: Project) -> None:
    project = Project(project.root)
    target = "data/twice/prepared/manifest.json"
    config = ("--configfile", str(project.config("twice", {"name": "twice", "data": {"source": "sklearn"}})))
    first = project.start(target, *config)
    while not interrupt.jobs(project.root):
        assert first.poll() is None
        time.sleep(0.05)
    second = project.call(*config, check=False)
    told = " ".join((second.stdout + second.stderr).split())
    assert second.returncode == 1
    assert "make sure that no other Snakemake process is trying to create the same files" in told
    assert "Traceback" not in told
    first.communicate()
    assert first.returncode == 0
    assert project.planned(target, *config) == set()


@pytest.mark.long
def test_every_stage_survives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calm, disturbed = fresh_project(tmp_path / "calm"), fresh_project(tmp_path / "disturbed")
    times = undisturbed(calm)
    assert set(times) == {stage for stage in stages() if HITS[stage]}
    done = interrupted(disturbed, hits=HITS, times=times, generator=random.Random(SEED))
    with capsys.disabled():
        print(f"\n{done}")
    settle(disturbed)
    # the page shows measured seconds: it is made once more from those of the other run
    for timing in calm.root.glob("results/smoke/**/timing.json"):
        shutil.copyfile(timing, disturbed.root / timing.relative_to(calm.root))
    disturbed.call(*CONFIG, "--forcerun", "report_build")
    expected, found = contents(calm.root), contents(disturbed.root)
    differ = differences(expected, found)
    with capsys.disabled():
        print(f"files compared: {len(expected)}, different: {len(differ)}")
        print(f"runs that MLflow takes for running: {running(disturbed)}")
    assert differ == []
    assert done.kinds.total() >= 50
    assert set(done.kinds) == set(interrupt.KINDS)
    assert all(done.stages[stage] >= HITS[stage] for stage in stages())
    assert done.resumable > 0
    assert running(disturbed) == 0
    assert disturbed.planned(*CONFIG) == set()
