"""Published results in the workflow: targets of their own, independent of the config, each stale for its own reasons only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from darkroom.config import load as config
from darkroom.planning.plan import Plan
from darkroom.reproduce import jobs, published

ROOT = Path(__file__).parents[2]
MEASURED = "reproduce detect", "reproduce classify", "reproduce gain"


@pytest.fixture
def plan() -> Plan:
    return Plan(config.read(ROOT / "config" / "config.yaml"))


def specs(plan: Plan) -> dict[str, str]:
    every = [job for stage in MEASURED for job in plan.jobs_of(stage)]
    return {job.wildcards["experiment"]: plan.spec(job.stage, **job.wildcards) for job in every}


def test_experiments_do_not_depend_on_the_config(plan: Plan) -> None:
    other = Plan(config.read(ROOT / "config" / "smoke.yaml"))
    assert specs(plan) == specs(other)
    assert plan.spec("reproduce page") == other.spec("reproduce page")
    assert plan.options("reproduce page") == other.options("reproduce page")


def test_another_published_value_concerns_the_page_alone(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    before = specs(plan), plan.spec("reproduce page")
    changed: dict[str, Any] = {
        name: part.model_copy(update={"url": "https://example.org"}) for name, part in published.parts().items()
    }
    monkeypatch.setattr(jobs, "parts", lambda: changed)
    after = Plan(plan.config)
    assert specs(after) == before[0]
    assert after.spec("reproduce page") != before[1]


def test_the_code_of_an_experiment_is_that_of_its_methods(plan: Plan) -> None:
    found = plan.record("reproduce detect", experiment="adbench_cardio")["definitions"]
    assert "detect/methods/table/ecod.py" in found
    assert not [name for name in found if name.startswith(("nets/textcnn", "detect/methods/padim", "reproduce/page"))]


def test_only_experiments_whose_data_is_there_are_asked_for(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = {job.wildcards["experiment"] for _, _, made in plan.inputs("reproduce page") for job in made}
    assert "digits" in asked
    assert "adbench_cardio" not in asked


def test_a_full_run_has_no_published_result(plan: Plan) -> None:
    (_, _, shown) = list(plan.inputs("report build"))[1]
    assert not [job for job in shown if job.stage.startswith("reproduce")]
