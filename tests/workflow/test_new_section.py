"""What it takes to add a stage and a section: its modules, `jobs.py`, a rule, and for a section its key in the config."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.workflow.conftest import Project
from tests.workflow.edits import edited

from darkroom import files

CONFIG = '''
from darkroom.settings import Count, Section


class Tally(Section):
    """The `tally` section."""

    least: Count = 1
    """Classes with fewer images are left out."""


class CountSpec(Tally):
    """The job `tally count`."""

    split: str
'''
STAGE = '''
from pathlib import Path

from darkroom import files
from darkroom.data.store import open_store
from darkroom.log import Log
from darkroom.PACKAGE.tallying import CountSpec


def run(spec: CountSpec, *, data: Path, out: Path, log: Log) -> None:
    """Count the images of a split."""
    found = open_store(data).items["split"].value_counts()
    with files.folder(out) as fresh:
        files.write_json(fresh / "counts.json", {spec.split: int(found[spec.split])})
    log({"count": float(found[spec.split])})
'''
JOBS = """
from darkroom.job.stage import LIGHT, Cost, Stage
from darkroom.PACKAGE.tallying import CountSpec

COUNT = Stage(
    name="PACKAGE count",
    folder="{results}/PACKAGE/counts/{split}",
    title="count the images of {split}",
    each=lambda config: ({"split": split} for split in ("train", "test")),
    spec=lambda plan, wildcards: CountSpec(least=2, split=wildcards["split"]),
    cost=Cost(LIGHT, 1, seconds=1),
)
"""
RULE = """
PACKAGE_count = StageRule(plan, "PACKAGE count")


rule PACKAGE_count:
    input:
        PACKAGE_count.inputs,
    output:
        PACKAGE_count.manifest,
    log:
        PACKAGE_count.log,
    resources:
        **PACKAGE_count.resources,
    params:
        **PACKAGE_count.params,
    message:
        PACKAGE_count.message
    shell:
        PACKAGE_count.command
"""


@contextlib.contextmanager
def added(project: Project, package: str) -> Iterator[None]:
    """A stage `count` in a package: a new section, or one that has other stages."""
    folder = project.root / "src/darkroom" / package
    new = not folder.exists()
    written = {
        folder / "tallying.py": CONFIG,
        folder / "count.py": STAGE,
        folder / ("jobs.py" if new else "counting.py"): JOBS + ("\nSTAGES = (COUNT,)\n" if new else ""),
    }
    rules = project.root / "workflow/rules" / f"{package}.smk"
    with contextlib.ExitStack() as stack:
        if new:
            written |= {folder / "__init__.py": "", rules: RULE}
            load = "src/darkroom/config/model.py"
            field = f"    {package}: Tally | None = None\n"
            stack.enter_context(edited(load, "class Config(Section):", TALLY.format(package))(project))
            stack.enter_context(edited(load, "    tracking: Tracking", f"{field}    tracking: Tracking")(project))
        else:
            jobs = f"src/darkroom/{package}/jobs.py"
            stack.enter_context(edited(jobs, "\nSTAGES = (", OWN.format(package))(project))
            stack.enter_context(
                edited(
                    str(rules.relative_to(project.root)), '"""\n\n', f'"""\n\n{RULE.replace("PACKAGE", package)}\n\n'
                )(project)
            )
        for path, text in written.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace("PACKAGE", package))
        try:
            yield
        finally:
            for path in written:
                path.unlink()
            if new:
                shutil.rmtree(folder)


SECTIONS = {"tally": {"tally": {"least": 2}}, "classify": {}}
"""What the config of a run says of a new section, and nothing where one gets a new stage."""
TALLY = "from darkroom.{0}.tallying import Tally\n\n\nclass Config(Section):"
OWN = "\nfrom darkroom.{0}.counting import COUNT\n\nSTAGES = (\n    COUNT,"


@pytest.mark.parametrize("package", ["tally", pytest.param("classify", marks=pytest.mark.thorough)])
def test_a_new_stage_runs_and_is_tracked(project: Project, package: str) -> None:
    project.config("counted", {"name": "counted", "data": {"source": "sklearn"}, "classify": {}, **SECTIONS[package]})
    config, target = ("--configfile", "config/counted.yaml"), f"results/counted/{package}/counts/train"
    with added(project, package):
        assert "count the images of train" in project.planned(f"{target}/{files.MANIFEST}", *config)
        project.call(f"{target}/{files.MANIFEST}", *config)
        assert files.read_json(project.root / target / "counts.json") == {"train": 1439}
        wrong = project.call(f"{target[:-5]}tset/{files.MANIFEST}", "-n", *config, check=False)
    assert 'no split "tset". Did you mean "test"? There are: train, test' in wrong.stdout + wrong.stderr
    assert tracked(project.root / "results/mlflow.db", f"{package} count") == [("train",)]


def tracked(path: Path, stage: str) -> list[tuple[str]]:
    """Return the tag `split` of a stage's runs, as soon as tracking, which nothing waits for, has sent one."""
    of_stage = "select run_uuid from tags where key = 'stage' and value = ?"
    query = f"select value from tags where key = 'split' and run_uuid in ({of_stage})"
    found: list[tuple[str]] = []
    latest = time.monotonic() + 60
    while not found and time.monotonic() < latest:
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(path)) as database:
            found = database.execute(query, [stage]).fetchall()
        time.sleep(0.2)
    return found


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (
            "classify/standrd/mlp/seed-0/model",
            'no policy "standrd". Did you mean "standard"? There are: none, standard',
        ),
        *(
            pytest.param(*pair, marks=pytest.mark.thorough)
            for pair in {
                "classify/none/mpl/seed-0/evaluation": 'no model "mpl". Did you mean "mlp"? There are: mlp, resnet',
                "detect/normal-3/pca/seed-0/model": 'no task "normal-3". Did you mean "normal-1"? There are: normal-1',
                "audit/models/fold-7": 'no fold "7". There are: 0, 1',
                "generate/synthetic/none": 'no policy "none". smoke has none',
            }.items()
        ),
    ],
)
def test_a_target_that_the_config_does_not_have_names_what_it_has(project: Project, target: str, said: str) -> None:
    manifest = f"results/smoke/{target}/{files.MANIFEST}"
    done = project.call(manifest, "-n", "--configfile", "config/smoke.yaml", check=False)
    assert done.returncode == 1
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
