"""The jobs of the `generate` section."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from darkroom.augment.config import Synthetic
from darkroom.classify.tuning_jobs import validated
from darkroom.generate.config import EvaluateSpec, FoldSpec, Generate, JudgeSpec, SynthesizeSpec, TrainSpec, trained
from darkroom.job.stage import PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, Within, fields, once
from darkroom.nets import pretrained
from darkroom.weights.jobs import fetched

if TYPE_CHECKING:
    from darkroom.config.model import Config

SEED = "{results}/generate/{model}/seed-{seed}"
JUDGE = Job("generate judge")


def _seeds(config: Config) -> Iterable[Wildcards]:
    return (
        {"model": model, "seed": str(seed)}
        for section in [config.generate]
        if section is not None
        for model in section.models
        for seed in section.seeds
    )


def _filled_up(config: Config) -> Iterator[Wildcards]:
    return ({"policy": name} for name, policy in config.augment.items() if policy.synthetic)


def _folds(config: Config) -> Iterator[Wildcards]:
    """Yield the folds of each policy with samples from a generator, under which a classifier is cross-validated."""
    classify = config.classify
    drawn = {name for name, policy in config.augment.items() if policy.synthetic}
    return (
        {"policy": policy, "seed": str(seed), "fold": str(fold)}
        for policy in dict.fromkeys(policy for policy, _ in validated(config) if policy in drawn)
        if classify and classify.cross_validate
        for seed in classify.seeds
        for fold in range(classify.cross_validate)
    )


def _section(plan: Planned) -> Generate:
    assert plan.config.generate, "a config without the section has none of its jobs"
    return plan.config.generate


def _synthetic(plan: Planned, wildcards: Wildcards) -> Synthetic:
    found = plan.config.augment[wildcards["policy"]].synthetic
    assert found, "a policy without synthetic copies has no such job"
    return found


def _judge(plan: Planned, wildcards: Wildcards) -> JudgeSpec:
    judge = _section(plan).judge
    return JudgeSpec(backbone=pretrained.fingerprints(judge.network), **fields(judge))


def _judged_by(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    return {"data": PREPARED, "weights": fetched(_section(plan).judge.network)}


def _train(plan: Planned, wildcards: Wildcards) -> TrainSpec:
    section = _section(plan)
    generator = section.models[wildcards["model"]]
    shown = {**fields(generator), "generator": trained(generator.generator)}
    snapshots = section.snapshots if plan.config.data.kind == "image" else None
    return TrainSpec(seed=int(wildcards["seed"]), snapshots=snapshots, **shown)


def _evaluate(plan: Planned, wildcards: Wildcards) -> EvaluateSpec:
    section, kind = _section(plan), plan.config.data.kind
    image = kind == "image"
    return EvaluateSpec(
        evaluation=kind,
        again=None if image else section.judge,
        generator=section.models[wildcards["model"]].generator,
        judge=section.judge.network,
        backbone=pretrained.installed() if image else None,
        inception=section.inception,
        inception_sha256=pretrained.fingerprint(section.inception) if section.inception else None,
        samples=section.samples,
        steps=tuple(section.steps) if image else (),
        seed=int(wildcards["seed"]),
    )


def _synthesize(plan: Planned, wildcards: Wildcards) -> SynthesizeSpec:
    section, synthetic = _section(plan), _synthetic(plan, wildcards)
    return SynthesizeSpec(
        drawn=plan.config.data.kind,
        generator=section.models[synthetic.model].generator,
        judge=section.judge.network,
        synthetic=synthetic,
    )


def _fold(plan: Planned, wildcards: Wildcards) -> FoldSpec:
    synthetic, classify = _synthetic(plan, wildcards), plan.config.classify
    assert classify
    assert classify.cross_validate, "without cross-validation there is no such job"
    generator = _train(plan, {"model": synthetic.model, "seed": str(synthetic.seed)})
    found = {"judge": _judge(plan, wildcards), "train": generator.model_copy(update={"snapshots": None})}
    alone = {"devices": 1, "nodes": 1}  # the job trains twice, in one process
    return FoldSpec(
        folds=classify.cross_validate,
        fold=int(wildcards["fold"]),
        seed=int(wildcards["seed"]),
        synthesize=_synthesize(plan, wildcards),
        **{
            name: spec.model_copy(update={"training": spec.training.model_copy(update=alone)})  # type: ignore[attr-defined]
            for name, spec in found.items()
        },
    )


def _evaluated(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {"data": PREPARED, "model": Job("generate train", wildcards), "judge": JUDGE}


def _drawn_from(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    synthetic = _synthetic(plan, wildcards)
    model = {"model": synthetic.model, "seed": str(synthetic.seed)}
    return {"data": PREPARED, "model": Job("generate train", model), "judge": JUDGE}


STAGES = (
    Stage(
        name="generate judge",
        folder="{results}/generate/judge",
        title="train judge of generators",
        each=lambda config: once(config) if config.generate else (),
        spec=_judge,
        inputs=_judged_by,
        cost=Cost(TORCH, 4, seconds=31),
        resumes=True,
    ),
    Stage(
        name="generate train",
        folder=f"{SEED}/model",
        title="train generator: {model}, seed {seed}",
        each=_seeds,
        spec=_train,
        cost=Cost(TORCH, 4, seconds=67),
        resumes=True,
    ),
    Stage(
        name="generate evaluate",
        folder=f"{SEED}/evaluation",
        title="evaluate generator: {model}, seed {seed}",
        each=_seeds,
        spec=_evaluate,
        inputs=_evaluated,
        cost=Cost(TORCH, 8, seconds=25),
    ),
    Stage(
        name="generate synthesize",
        folder="{results}/generate/synthetic/{policy}",
        title="draw copies for {policy}",
        each=_filled_up,
        spec=_synthesize,
        inputs=_drawn_from,
        cost=Cost(TORCH, 4, seconds=10),
    ),
    Stage(
        name="generate fold",
        folder="{results}/generate/folds/{policy}/seed-{seed}/fold-{fold}",
        title="draw copies for {policy}, seed {seed} without fold {fold}",
        each=_folds,
        spec=_fold,
        inputs=_judged_by,
        cost=Cost(TORCH, 8, seconds=100),
        threads=lambda plan, wildcards: _fold(plan, wildcards).train.training.threads,
        resumes=True,
    ),
)
