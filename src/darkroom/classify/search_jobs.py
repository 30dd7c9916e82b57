"""Jobs that search for better settings of classifiers: a trial each, and the choice among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from darkroom.classify.training_jobs import alternatives, inputs, section, trained
from darkroom.classify.tuning.rounds import Round, rounds
from darkroom.classify.tuning.search_config import SearchSpec, TrialSpec
from darkroom.classify.tuning.space import apply, draw
from darkroom.job.stage import TORCH, Cost, Job, Planned, Stage, Wildcards, Within, fields
from darkroom.randomness import derive

if TYPE_CHECKING:
    from darkroom.config.model import Config

TRIAL = "trial-{round}-{trial}"


def _rounds(config: Config, name: str) -> list[Round]:
    assert config.classify
    search = config.classify.search[name]
    return rounds(search.method, search.trials, epochs=config.classify.classifier(name).training.epochs)


def _trials(config: Config) -> Iterable[Wildcards]:
    return (
        {"search": name, "round": str(number), "trial": str(trial)}
        for name in (config.classify.search if config.classify else ())
        for number, one in enumerate(_rounds(config, name))
        for trial in range(one.trials)
    )


def _trial(plan: Planned, wildcards: Wildcards) -> TrialSpec:
    name, number, trial = wildcards["search"], int(wildcards["round"]), int(wildcards["trial"])
    search = section(plan).search[name]
    seed = derive("search", search.seed, number, trial)
    base = trained(plan, {"policy": search.policy, "model": search.model, "seed": str(seed)})
    about = {"trial": trial, "epochs": _rounds(plan.config, name)[number].epochs}
    if number == 0:
        values = draw(search.space, seed=search.seed, trial=trial)
        return TrialSpec(**fields(apply(base, values)), method="random", space={}, values=values, **about)
    known = {**fields(base), "searched": alternatives(base, search)}
    earlier = _earlier(plan, wildcards)
    names = [TRIAL.format(**job.wildcards) for job in earlier]
    return TrialSpec(**known, method=search.method, space=search.space, earlier=names, **about)


def _earlier(plan: Planned, wildcards: Wildcards) -> list[Job]:
    """Return the trials that one depends on: those of the round before, or with TPE of all rounds before."""
    number, every = int(wildcards["round"]), section(plan).search[wildcards["search"]].method == "tpe"
    return [
        job
        for job in plan.jobs_of("classify trial")
        if job.wildcards["search"] == wildcards["search"]
        and (int(job.wildcards["round"]) < number if every else int(job.wildcards["round"]) == number - 1)
    ]


def _trial_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    search = section(plan).search[wildcards["search"]]
    of_model = {"policy": search.policy, "model": search.model, "seed": str(section(plan).seeds[0])}
    earlier = tuple(_earlier(plan, wildcards))
    folder = "{results}/search/" + wildcards["search"]
    return {**inputs(plan, of_model), "earlier": Within(folder, earlier) if earlier else None}


def _searches(config: Config) -> Iterable[Wildcards]:
    return ({"search": name} for name in (config.classify.search if config.classify else ()))


def _search(plan: Planned, wildcards: Wildcards) -> SearchSpec:
    name = wildcards["search"]
    search = section(plan).search[name]
    counts = [one.trials for one in _rounds(plan.config, name)]
    return SearchSpec(
        method=search.method,
        space=search.space,
        rounds=[
            [TRIAL.format(round=number, trial=trial) for trial in range(count)] for number, count in enumerate(counts)
        ],
        model=section(plan).classifier(name).model_dump(mode="json", exclude_none=True),
    )


def _all_trials(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    own = (job for job in plan.jobs_of("classify trial") if job.wildcards["search"] == wildcards["search"])
    return {"trials": Within("{results}/search/" + wildcards["search"], tuple(own))}


STAGES = (
    Stage(
        name="classify trial",
        folder="{results}/search/{search}/" + TRIAL,
        title="search {search}: round {round}, trial {trial}",
        each=_trials,
        spec=_trial,
        inputs=_trial_inputs,
        cost=Cost(TORCH, 4, seconds=30),
        resumes=True,
    ),
    Stage(
        name="classify search",
        folder="{results}/search/{search}/best",
        title="search {search}: choose the best trial",
        each=_searches,
        spec=_search,
        inputs=_all_trials,
        cost=Cost(TORCH, 1, seconds=3),
    ),
)
