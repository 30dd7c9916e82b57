"""Searches: what trials draw and propose, how they are chosen, and that the best trains with fresh seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from darkroom import files
from darkroom.classify import search, train, trial
from darkroom.classify.config import TrainSpec
from darkroom.classify.tuning import propose
from darkroom.classify.tuning.propose import Trial, ranked, sampled
from darkroom.classify.tuning.rounds import Round, rounds
from darkroom.classify.tuning.search_config import SearchSpec, TrialSpec
from darkroom.classify.tuning.space import Range, apply, draw, nested
from darkroom.config import load as config
from darkroom.fit.model import read_about
from darkroom.log import silent
from darkroom.planning.plan import Plan

LR = {"low": 1e-4, "high": 0.1, "log": True}
SPACE: dict[str, Any] = {"training.optimizer.lr": LR, "network.hidden": [[8], [32]]}


def raw(**changes: Any) -> dict[str, Any]:
    tuned = {"model": "mlp", "trials": 3, "space": SPACE, **changes}
    models = {"mlp": {"training": {"epochs": 9}}, "resnet": {}}
    return {"name": "digits", "data": {"source": "sklearn"}, "classify": {"models": models, "search": {"tuned": tuned}}}


def planned(**changes: Any) -> Plan:
    return Plan(config.load(raw(**changes), path="c.yaml"))


def test_draws_keep_to_their_range_and_fill_it_evenly() -> None:
    space = {"lr": Range(low=1e-4, high=0.1, log=True), "width": Range(low=1, high=3), "kind": ["a", "b"]}
    found = [draw(space, seed=0, trial=number) for number in range(600)]
    decades = np.histogram(np.log10([one["lr"] for one in found]), [-4, -3, -2, -1])[0]
    widths = np.bincount([one["width"] for one in found], minlength=5)
    assert (decades > 150).all()
    assert widths[[0, 4]].sum() == 0
    assert (widths[1:4] > 150).all()
    assert 240 < sum(one["kind"] == "a" for one in found) < 360
    assert found[:10] == [draw(space, seed=0, trial=number) for number in range(10)]
    assert all(isinstance(one["width"], int) for one in found)


def test_more_trials_leave_the_first_ones_as_they_are() -> None:
    specs = [
        [plan.spec(*job[:1], **job[1]) for job in plan.jobs_of("classify trial")]
        for plan in (planned(), planned(trials=5))
    ]
    assert specs[1][:3] == specs[0]
    assert len(set(specs[1])) == 5


def test_a_plug_in_is_replaced_before_its_own_keys_are_set() -> None:
    values = {"training.optimizer.lr": 0.5, "training.optimizer": "sgd"}
    assert nested({"training": {"optimizer": {"name": "adamw", "beta1": 0.8}}}, values) == {
        "training": {"optimizer": {"name": "sgd", "lr": 0.5}}
    }


def test_other_plug_ins_that_a_search_may_choose_are_part_of_the_code() -> None:
    plan = planned(method="halving", space={"training.optimizer": ["adamw", "muon"]})
    before = planned(method="halving", space={"training.optimizer.lr": LR})
    last = plan.jobs_of("classify trial")[-1].wildcards
    for stage, wildcards in (
        ("classify trial", last),
        ("classify train", {"policy": "none", "model": "tuned", "seed": 0}),
    ):
        assert plan.code(stage, **wildcards) != before.code(stage, **wildcards)


@pytest.mark.parametrize(
    ("method", "trials", "epochs", "expected"),
    [
        ("random", 20, 15, [Round(20)]),
        ("halving", 27, 27, [Round(27, 1), Round(9, 3), Round(3, 9), Round(1, 27)]),
        ("halving", 20, 15, [Round(20, 2), Round(6, 5), Round(2, 15)]),
        ("halving", 2, 15, [Round(2, 15)]),
        ("tpe", 16, 15, [Round(10), Round(4), Round(2)]),
        ("tpe", 5, 15, [Round(5)]),
    ],
)
def test_rounds(method: Any, trials: int, epochs: int, expected: list[Round]) -> None:
    assert rounds(method, trials, epochs=epochs) == expected


def test_halving_promotes_the_best_and_ties_go_to_the_lower_loss_then_the_earlier() -> None:
    trials = [Trial("a", {}, 0.9, 0.5), Trial("b", {}, None, None), Trial("c", {}, 0.9, 0.4), Trial("d", {}, 0.9, 0.5)]
    assert [one.folder for one in ranked(trials)] == ["c", "a", "d", "b"]


def test_a_trial_reads_the_round_before_or_with_tpe_all_rounds_before() -> None:
    halving = planned(method="halving", trials=9)
    last = halving.jobs_of("classify trial")[-1].wildcards
    assert halving.resolved("classify trial", **last).earlier == ["trial-1-0", "trial-1-1", "trial-1-2"]
    pytest.importorskip("optuna")
    tpe = planned(method="tpe", trials=16)
    assert len(tpe.resolved("classify trial", **tpe.jobs_of("classify trial")[-1].wildcards).earlier) == 14


def test_tpe_proposes_near_the_best_trials() -> None:
    pytest.importorskip("optuna")
    space = {"lr": Range(low=1e-4, high=1.0, log=True), "kind": [{"name": "a"}, {"name": "b"}]}
    trials = []
    for number in range(30):
        values = draw(space, seed=0, trial=number)
        score = -((np.log10(values["lr"]) + 2) ** 2) - (values["kind"]["name"] == "a")
        trials.append(Trial(str(number), values, score if number else None, None))
    found = [sampled(space, trials, seed=seed) for seed in range(60)]
    assert np.mean([one["kind"]["name"] == "b" for one in found]) > 0.7
    assert np.mean([abs(np.log10(one["lr"]) + 2) < 0.7 for one in found]) > 0.45  # random draws: 0.35
    assert sampled(space, trials, seed=0) == found[0]


def spec(number: int, lr: float) -> TrialSpec:
    training = {"epochs": 1, "batch_size": 64, "optimizer": {"name": "sgd", "lr": lr}}
    base = {"network": {"name": "mlp", "hidden": [16]}, "training": training, "seed": 10 + number}
    values = {"training.optimizer.lr": lr}
    return TrialSpec.model_validate({**base, "method": "random", "space": {}, "values": values, "trial": number})


def test_the_best_trial_by_validation_is_trained_again_with_another_seed(digits: Path, tmp_path: Path) -> None:
    rates = (1e-4, 0.1, 1e8)
    for number, lr in enumerate(rates):
        trial.run(spec(number, lr), data=digits, out=tmp_path / f"trial-0-{number}", log=silent)
    results = [files.read_json(tmp_path / f"trial-0-{number}" / propose.RESULT) for number in range(3)]
    assert results[2]["score"] is None or results[2]["score"] < 0.5
    chosen = SearchSpec.model_validate(
        {
            "method": "random",
            "space": {"training.optimizer.lr": list(rates)},
            "rounds": [[f"trial-0-{number}" for number in range(3)]],
            "model": {"network": {"name": "mlp", "hidden": [16]}},
        }
    )
    search.run(chosen, trials=tmp_path, out=tmp_path / "best", log=silent)
    found = files.read_json(tmp_path / "best" / "search.json")
    assert found["values"] == {"training.optimizer.lr": 0.1}
    assert found["model"]["training"]["optimizer"]["lr"] == 0.1
    training = {"epochs": 1, "batch_size": 64, "optimizer": "sgd"}
    plain = TrainSpec.model_validate({"network": {"name": "mlp", "hidden": [16]}, "training": training, "seed": 0})
    train.run(plain, data=digits, search=tmp_path / "best", out=tmp_path / "tuned", log=silent)
    train.run(apply(plain, found["values"]), data=digits, out=tmp_path / "same", log=silent)
    tuned, same = (files.read_manifest(tmp_path / name) for name in ("tuned", "same"))
    assert tuned["weights.pt"] == same["weights.pt"]
    assert files.read_json(tmp_path / "tuned" / "search.json") == found["values"]


def test_a_network_is_rebuilt_with_the_options_that_were_found(digits: Path, tmp_path: Path) -> None:
    with files.folder(tmp_path / "best") as fresh:
        files.write_json(fresh / "search.json", {"values": {"network.hidden": [8]}})
    plain = TrainSpec.model_validate({"network": "mlp", "training": {"epochs": 1}, "seed": 0})
    train.run(plain, data=digits, search=tmp_path / "best", out=tmp_path / "tuned", log=silent)
    assert read_about(tmp_path / "tuned").plugin["hidden"] == [8]


def test_the_tuned_classifier_has_the_seeds_of_all_classifiers_and_none_of_the_trials() -> None:
    plan = planned()
    tuned = [job.wildcards["seed"] for job in plan.jobs_of("classify train") if job.wildcards["model"] == "tuned"]
    trials = [plan.resolved("classify trial", **job.wildcards).seed for job in plan.jobs_of("classify trial")]
    assert tuned == ["0"]
    assert len(set(trials)) == len(trials)
    assert 0 not in trials


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"model": "mpl"}, '.model: no model "mpl". Did you mean "mlp"?'),
        ({"policy": "standard"}, '.policy: no policy "standard" that classifiers train under.'),
        ({"method": "grid"}, '.method: got "grid"; expected one of random, halving, tpe.'),
        ({"space": {"training.optimizr.lr": LR}}, '.space.training.optimizr: no such key. Did you mean "optimizer"?'),
        ({"space": {"network.hiden": [[8]]}}, '.space.network.hiden: no such key. Did you mean "hidden"?'),
        ({"space": {"training.epochs": [0]}}, ".space.training.epochs: got 0; expected whole number ≥ 1"),
        (
            {"space": {"training.optimizer": ["adamm"]}},
            '.space.training.optimizer: no optimizer "adamm". Did you mean "adam"?',
        ),
        ({"space": {"training.optimizer.lr": ["auto"]}}, ".space.training.optimizer.lr: auto is no value to search"),
        ({"space": {"network": ["resnet"]}}, ".space.network: another network is a model of its own"),
        ({"space": {"training.optimizer.lr": {"low": 1, "high": 0.1}}}, "low is 1 and high 0.1; expected low < high"),
        ({"space": {"training.optimizer.lr": 0.1}}, "got 0.1; expected a list of values, or a range with low and high"),
        ({"trials": 1}, ".trials: got 1; expected whole number from 2 to 1000"),
    ],
)
def test_a_wrong_search_is_one_line(wrong: dict[str, Any], line: str) -> None:
    with pytest.raises(config.ConfigError) as error:
        planned(**wrong)
    [found] = error.value.problems
    assert found.startswith("classify.search.tuned")
    assert line in found


def test_a_search_needs_a_name_of_its_own() -> None:
    content = raw()
    content["classify"]["search"] = {"resnet": content["classify"]["search"]["tuned"]}
    with pytest.raises(config.ConfigError, match="resnet is a model already; give the search another name"):
        config.load(content, path="c.yaml")


def test_without_optuna_tpe_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(config.ConfigError, match=r"tpe needs Optuna; install it with pip install 'darkroom\[search\]'"):
        planned(method="tpe")
