"""The lines of `darkroom why`; that its reasons are the right ones is in tests/workflow/test_staleness.py."""

from __future__ import annotations

from darkroom.planning import why

LR, CODE = "lr 0.001 → 0.01", "nets/mlp.py: function MLP.forward changed"


def test_jobs_that_run_for_the_same_reason_are_reported_together() -> None:
    jobs = [
        ("train b", LR),
        ("fetch", "1 new image"),
        ("train a", LR),
        ("evaluate b", f"results/x/b/model is rebuilt ({LR})"),
        ("evaluate a", f"results/x/a/model and 2 more of its inputs are rebuilt ({LR})"),
        ("train c", f"{LR}; {CODE}"),
    ]
    assert list(why.together(jobs)) == [
        *("train a", "train b", f"  {LR}"),
        *("fetch", "  1 new image"),
        *("evaluate a", "evaluate b", f"  its inputs are rebuilt ({LR})"),
        *("train c", f"  {LR}", f"  {CODE}"),
        "6 jobs would run",
    ]


def test_one_job_is_reported_with_its_own_input() -> None:
    jobs = [("evaluate a", f"{CODE}; results/x/a/model is rebuilt")]
    assert list(why.together(jobs)) == ["evaluate a", f"  {CODE}", "  results/x/a/model is rebuilt"]


def test_a_plan_without_jobs_says_so() -> None:
    assert list(why.together([])) == [
        "nothing would run: all results are up to date with the config, the code and the data"
    ]
