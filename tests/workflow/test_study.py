"""Studies in the workflow: targets of their own, independent of the config, each stale for its own reasons only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.workflow.conftest import Project

from darkroom.config import load as config
from darkroom.planning.plan import Plan

ROOT = Path(__file__).parents[2]
STUDY = "src/darkroom/study/nonlinearity"
RUN, BOOK = "run the study nonlinearity", "write results/study/booklet/index.html"


@contextmanager
def edited(path: Path, before: str, after: str) -> Iterator[None]:
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


def test_studies_do_not_depend_on_the_config() -> None:
    one, other = (Plan(config.read(ROOT / "config" / name)) for name in ("config.yaml", "smoke.yaml"))
    for job in one.jobs_of("study run"):
        assert one.spec(job.stage, **job.wildcards) == other.spec(job.stage, **job.wildcards)
        assert one.options(job.stage, **job.wildcards) == other.options(job.stage, **job.wildcards)
        assert one.folder(job.stage, **job.wildcards) == other.folder(job.stage, **job.wildcards)
    assert one.spec("study book") == other.spec("study book")
    assert one.options("study book") == other.options("study book")


def test_a_full_run_has_no_study() -> None:
    plan = Plan(config.read(ROOT / "config" / "config.yaml"))
    (_, _, shown) = list(plan.inputs("report build"))[1]
    assert not [job for job in shown if job.stage.startswith("study")]


def test_the_studys_code_is_its_own() -> None:
    plan = Plan(config.read(ROOT / "config" / "config.yaml"))
    files = plan.record("study run", study="nonlinearity")["definitions"]
    assert "study/nonlinearity/experiment.py" in files
    assert not [name for name in files if name.endswith((".html", ".css", ".md"))]
    assert not [name for name in files if name.startswith("report/")]


def test_a_wrong_setting_stops_before_the_first_job(project: Project) -> None:
    with edited(project.root / STUDY / "config.yaml", "depth:", "dept:"):
        done = project.call("study_nonlinearity", "-n", check=False)
    assert done.returncode == 1
    told = 'src/darkroom/study/nonlinearity/config.yaml: dept: no such key. Did you mean "depth"?'
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_the_booklet_of_one_study_does_not_stand_for_all(project: Project) -> None:
    booklet = project.root / "results/study/booklet/manifest.json"
    booklet.parent.mkdir(parents=True)
    booklet.write_text("{}", encoding="utf-8")
    try:
        assert {RUN, BOOK} <= project.planned("study")
    finally:
        booklet.unlink()


@pytest.mark.long
def test_an_edit_reruns_what_shows_it(project: Project) -> None:
    project.call("study_nonlinearity")
    assert (project.root / "results/study/booklet/nonlinearity.html").is_file()
    assert not {RUN, BOOK} & project.planned("study")
    with edited(project.root / STUDY / "page.md", "# Why", "# This is why"):
        assert {RUN, BOOK} & project.planned("study") == {BOOK}
    with edited(project.root / STUDY / "config.yaml", "depth: 5", "depth: 6"):
        assert {RUN, BOOK} & project.planned("study", "--configfile", "config/smoke.yaml") == {RUN, BOOK}
