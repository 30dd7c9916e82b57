"""Jobs that choose and compare settings of classifiers: learning-rate range tests, cross-validation and learning
curves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from darkroom.classify.config import TrainSpec
from darkroom.classify.training_jobs import SEED, automatic, gradual, inputs, policies, section, trained
from darkroom.classify.tuning.config import (
    CrossValidateSpec,
    CurveSpec,
    FoldResult,
    FoldSpec,
    Learned,
    ShareSpec,
    Validated,
)
from darkroom.fit.config import Training
from darkroom.job.stage import PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, Within, fields, once

if TYPE_CHECKING:
    from darkroom.config.model import Config

SWEPT = ("batch_size", "optimizer", "precision", "accelerator", "l1", "clip", "clip_value", "threads")
"""Settings of a training that change the loss of its first steps."""


def _ranges(config: Config) -> Iterable[Wildcards]:
    models = config.classify.models if config.classify else {}
    return (
        {"policy": policy, "model": name}
        for name, model in models.items()
        if automatic(model)
        for policy in policies(config)
    )


def _range(plan: Planned, wildcards: Wildcards) -> TrainSpec:
    found = trained(plan, {**wildcards, "seed": str(section(plan).seeds[0])})
    training = Training(**{name: getattr(found.training, name) for name in SWEPT})
    return found.model_copy(update={"training": training, "ema": None, "mixing_off": 0.0})


def _range_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    seed = {"seed": str(section(plan).seeds[0])}
    return {name: read for name, read in inputs(plan, {**wildcards, **seed}).items() if name != "rate"}


def validated(config: Config) -> Iterable[tuple[str, str]]:
    """Yield the policy and model of each classifier that is cross-validated."""
    return _unseen(config, folds=True) if config.classify and config.classify.cross_validate else ()


def _unseen(config: Config, *, folds: bool) -> Iterable[tuple[str, str]]:
    """Yield the policy and model of each classifier whose training on folds, or shares, sees only the images it is given."""
    models = config.classify.models if config.classify else {}
    for model in models:
        for policy in policies(config):
            if leak(config, policy, model, folds=folds) is None:
                yield policy, model


def leak(config: Config, policy: str, model: str, *, folds: bool) -> str | None:
    """Say how a training on folds, or shares, would see held-out images; None if it does not.

    Every fold has synthetic images from a generator of its own, but a probe's are among the features of all images.
    """
    assert config.classify
    classifier = config.classify.models[model]
    drawn = policy in config.augment and config.augment[policy].synthetic is not None
    if drawn and not (folds and gradual(classifier)):
        return "its synthetic images come from a generator trained on all training images"
    if getattr(classifier.loss, "teacher", None):
        return "its teacher was trained on all training images"
    return None


def _left_out(config: Config, *, folds: bool) -> dict[str, str]:
    """Say which classifiers `_unseen` leaves out and why."""
    models = config.classify.models if config.classify else {}
    found = {
        f"{model} + {policy}": leak(config, policy, model, folds=folds)
        for model in models
        for policy in policies(config)
    }
    return {name: reason for name, reason in found.items() if reason}


def _folds(config: Config) -> Iterable[Wildcards]:
    classify = config.classify
    return (
        {"policy": policy, "model": model, "seed": str(seed), "fold": str(fold)}
        for policy, model in validated(config)
        if classify and classify.cross_validate
        for seed in classify.seeds
        for fold in range(classify.cross_validate)
    )


def _fold(plan: Planned, wildcards: Wildcards) -> FoldSpec:
    count = section(plan).cross_validate
    assert count
    return FoldSpec(**fields(trained(plan, wildcards)), folds=count, fold=int(wildcards["fold"]))


def _fold_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    found = _share_inputs(plan, wildcards)
    policy = plan.config.augment.get(wildcards["policy"])
    own = ("policy", "seed", "fold")
    drawn = Job("generate fold", {name: wildcards[name] for name in own}) if policy and policy.synthetic else None
    return {**found, "copies": drawn or found["copies"]}


def _share_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    return {name: read for name, read in inputs(plan, wildcards).items() if name != "teacher"}


def _pooled(config: Config) -> Iterable[Wildcards]:
    return once(config) if any(_folds(config)) else ()


def _cross_validate(plan: Planned, wildcards: Wildcards) -> CrossValidateSpec:
    jobs = plan.jobs_of("classify fold")
    count = section(plan).cross_validate
    assert count
    return CrossValidateSpec(
        folds=count,
        classifiers=[
            Validated(
                policy=policy,
                model=model,
                folds=[
                    FoldResult(
                        seed=int(one["seed"]),
                        fold=int(one["fold"]),
                        folder="{policy}/{model}/seed-{seed}/fold-{fold}".format(**one),
                    )
                    for _, one in jobs
                    if (one["policy"], one["model"]) == (policy, model)
                ],
            )
            for policy, model in validated(plan.config)
        ],
        left_out=_left_out(plan.config, folds=True),
    )


def _all_folds(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    return {"data": PREPARED, "folds": Within("{results}/classify", tuple(plan.jobs_of("classify fold")))}


def _shares(config: Config) -> Iterable[Wildcards]:
    classify = config.classify
    return (
        {"policy": policy, "model": model, "seed": str(seed), "share": f"{share:g}"}
        for policy, model in _unseen(config, folds=False)
        if classify
        for share in classify.learning_curve or ()
        if share < 1  # of all images there is the classifier itself
        for seed in classify.seeds
    )


def _share(plan: Planned, wildcards: Wildcards) -> ShareSpec:
    return ShareSpec(**fields(trained(plan, wildcards)), share=float(wildcards["share"]))


def _curved(config: Config) -> Iterable[Wildcards]:
    return once(config) if any(_shares(config)) else ()


def _learning_curve(plan: Planned, wildcards: Wildcards) -> CurveSpec:
    seeds = section(plan).seeds
    shares = [f"{share:g}" for share in section(plan).learning_curve or () if share < 1]
    return CurveSpec(
        classifiers=[
            Learned(
                policy=policy,
                model=model,
                seeds=list(seeds),
                shares=[[f"{policy}/{model}/seed-{seed}/share-{share}" for seed in seeds] for share in shares],
                evaluations=[f"{policy}/{model}/seed-{seed}/evaluation" for seed in seeds],
            )
            for policy, model in _unseen(plan.config, folds=False)
        ],
        left_out=_left_out(plan.config, folds=False),
    )


def _all_shares(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    shares = plan.jobs_of("classify share")
    known = set(_unseen(plan.config, folds=False))
    whole = (
        job for job in plan.jobs_of("classify evaluate") if (job.wildcards["policy"], job.wildcards["model"]) in known
    )
    return {"data": PREPARED, "classifiers": Within("{results}/classify", (*shares, *whole))}


STAGES = (
    Stage(
        name="classify lr_range",
        folder="{results}/classify/{policy}/{model}/lr_range",
        title="learning-rate range test: {model} on {policy}",
        each=_ranges,
        spec=_range,
        inputs=_range_inputs,
        cost=Cost(TORCH, 4, seconds=10),
    ),
    Stage(
        name="classify fold",
        folder=f"{SEED}/fold-{{fold}}",
        title="train classifier: {model} on {policy}, seed {seed} without fold {fold}",
        each=_folds,
        spec=_fold,
        inputs=_fold_inputs,
        cost=Cost(TORCH, 4, seconds=30),
        resumes=True,
    ),
    Stage(
        name="classify cross_validate",
        folder="{results}/cross_validation",
        title="pool the folds of the classifiers of {name}",
        each=_pooled,
        spec=_cross_validate,
        inputs=_all_folds,
        cost=Cost(TORCH, 1, seconds=4),
    ),
    Stage(
        name="classify share",
        folder=f"{SEED}/share-{{share}}",
        title="train classifier: {model} on {policy}, seed {seed} with a share of {share}",
        each=_shares,
        spec=_share,
        inputs=_share_inputs,
        cost=Cost(TORCH, 4, seconds=30),
        resumes=True,
    ),
    Stage(
        name="classify learning_curve",
        folder="{results}/learning_curve",
        title="learning curves of the classifiers of {name}",
        each=_curved,
        spec=_learning_curve,
        inputs=_all_shares,
        cost=Cost(TORCH, 1, seconds=4),
    ),
)
