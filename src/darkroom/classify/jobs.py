"""The jobs of the `classify` section."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from darkroom import files
from darkroom.augment.config import NONE, OnlineSpec
from darkroom.augment.jobs import copies
from darkroom.classify.config import (
    Classifier,
    Classify,
    EvaluateSpec,
    ExplainedClassifier,
    ExplainSpec,
    FeaturesSpec,
    TrainSpec,
)
from darkroom.fit.config import Training
from darkroom.job.stage import PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, Within, fields
from darkroom.nets import pretrained
from darkroom.weights.jobs import fetched

if TYPE_CHECKING:
    from darkroom.config.model import Config

MOST_WORKERS = 16
"""Threads that a job requests for a pretrained network; Snakemake grants no more than there are."""
SEED = "{results}/classify/{policy}/{model}/seed-{seed}"


def policies(config: Config) -> list[str]:
    """Return the policies that classifiers train under, in config order."""
    if config.classify is None:
        return []
    return [NONE, *config.augment] if config.classify.policies is None else config.classify.policies


def _seeds(config: Config) -> Iterable[Wildcards]:
    return (
        {"policy": policy, "model": model, "seed": str(seed)}
        for section in [config.classify]
        if section is not None
        for model in section.models
        for policy in policies(config)
        for seed in section.seeds
    )


def _section(plan: Planned) -> Classify:
    assert plan.config.classify, "a config without the section has none of its jobs"
    return plan.config.classify


def _train(plan: Planned, wildcards: Wildcards) -> TrainSpec:
    policy = plan.config.augment.get(wildcards["policy"])
    online = policy.online_spec if policy else OnlineSpec()
    classifier = _section(plan).models[wildcards["model"]]
    chosen = fields(classifier)
    if _views(classifier) is not None:
        chosen["training"] = Training()  # a probe has no training loop, so other settings of it make nothing stale
    found = pretrained.fingerprints(classifier.network)
    return TrainSpec(seed=int(wildcards["seed"]), policy=online, backbone=found, **chosen)


def _views(classifier: Classifier) -> int | None:
    """Return how many augmented views of an image a probe is fitted to; None for what trains by gradient steps."""
    return getattr(classifier.transfer, "views", None)


def _frozen(config: Config, policy: str, model: str) -> tuple[Job, FeaturesSpec] | None:
    """Return the job that computes the features which a classifier begins with, and its spec; None if it has none.

    Its name is the backbone's, the image size, and a hash of all that the features depend on besides the images.
    """
    assert config.classify, "a classifier has its section"
    classifier = config.classify.models[model]
    if classifier.transfer is None:
        return None
    views, chosen = _views(classifier) or 0, config.augment.get(policy)
    if chosen is None or not views or not (chosen.offline or chosen.online or chosen.synthetic):
        policy, views, chosen = NONE, 0, None  # other policies leave the images as they are
    spec = FeaturesSpec(
        network=_of_features(classifier.network),
        backbone=pretrained.fingerprints(classifier.network),
        policy=chosen.online_spec if chosen else OnlineSpec(),
        views=views,
        seed=chosen.seed if chosen else 0,
    )
    options: Any = spec.network
    digest = hashlib.sha256(files.canonical(spec.model_dump(mode="json")).encode()).hexdigest()[:8]
    name = re.sub(r"[^A-Za-z0-9]+", "_", f"{options.backbone}_{options.size or ''}").strip("_")
    return Job("classify features", {"policy": policy, "features": f"{name}-{digest}"}), spec


def _of_features(network: Any) -> Any:
    """Return a network's options without those that its features do not depend on."""
    return network.model_copy(update={"dropout": network.__class__.model_fields["dropout"].default})


def _each_features(config: Config) -> Iterator[Wildcards]:
    models = config.classify.models if config.classify else {}
    found = (_frozen(config, policy, model) for model in models for policy in policies(config))
    jobs = dict.fromkeys(tuple(sorted(frozen[0].wildcards.items())) for frozen in found if frozen)
    return (dict(job) for job in jobs)


def _features(plan: Planned, wildcards: Wildcards) -> FeaturesSpec:
    found = (_frozen(plan.config, policy, model) for model in _section(plan).models for policy in policies(plan.config))
    return next(spec for job, spec in filter(None, found) if job.wildcards == wildcards)


def _evaluate(plan: Planned, wildcards: Wildcards) -> EvaluateSpec:
    section = _section(plan)
    shared = {key: getattr(section, key) for key in ("tta", "tta_merge", "resamples")}
    network = section.models[wildcards["model"]].network
    return EvaluateSpec(network=network, seed=int(wildcards["seed"]), **shared)


def _first_seeds(config: Config) -> list[Wildcards]:
    return [one for one in _seeds(config) if config.classify and one["seed"] == str(config.classify.seeds[0])]


def _explained_once(config: Config) -> Iterable[Wildcards]:
    return ({} for _ in range(config.classify is not None and config.target == "class"))


def _explain(plan: Planned, wildcards: Wildcards) -> ExplainSpec:
    return ExplainSpec(
        classifiers=[
            ExplainedClassifier(
                policy=one["policy"],
                model=one["model"],
                folder="{policy}/{model}/seed-{seed}".format(**one),
                network=_section(plan).models[one["model"]].network,
            )
            for one in _first_seeds(plan.config)
        ]
    )


def _images(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    frozen = _frozen(plan.config, wildcards["policy"], wildcards["model"])
    teacher = getattr(_section(plan).models[wildcards["model"]].loss, "teacher", None)
    made = None if _views(_section(plan).models[wildcards["model"]]) is not None else wildcards["policy"]
    return {
        "data": PREPARED,
        "copies": copies(plan.config, made) if made else None,
        "features": frozen[0] if frozen else None,
        "weights": fetched(_section(plan).models[wildcards["model"]].network),
        "teacher": Job("classify train", {**wildcards, "model": teacher}) if teacher else None,
    }


def _viewed(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    network = _features(plan, wildcards).network
    return {"data": PREPARED, "copies": copies(plan.config, wildcards["policy"]), "weights": fetched(network)}


def _workers(plan: Planned, wildcards: Wildcards) -> int:
    """Return how many threads an evaluation keeps busy: a small network leaves its core to other jobs."""
    return MOST_WORKERS if _section(plan).models[wildcards["model"]].transfer else 1


def _model(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {"data": PREPARED, "model": Job("classify train", wildcards)}


def _classifiers(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within]:
    needed = (Job(f"classify {step}", one) for one in _first_seeds(plan.config) for step in ("train", "evaluate"))
    return {
        "data": PREPARED,
        "attributes": Job("data attributes"),
        "classifiers": Within("{results}/classify", tuple(needed)),
    }


STAGES = (
    Stage(
        name="classify features",
        folder="{results}/classify/{policy}/features/{features}",
        title="features: {features} on {policy}",
        each=_each_features,
        spec=_features,
        inputs=_viewed,
        cost=Cost(TORCH, 1, seconds=30, speed=5e6),
        threads=lambda plan, wildcards: MOST_WORKERS,
    ),
    Stage(
        name="classify train",
        folder=f"{SEED}/model",
        title="train classifier: {model} on {policy}, seed {seed}",
        each=_seeds,
        spec=_train,
        inputs=_images,
        cost=Cost(TORCH, 4, seconds=30),
        resumes=True,
    ),
    Stage(
        name="classify evaluate",
        folder=f"{SEED}/evaluation",
        title="evaluate classifier: {model} on {policy}, seed {seed}",
        each=_seeds,
        spec=_evaluate,
        inputs=_model,
        cost=Cost(TORCH, 4, seconds=4),
        threads=_workers,
    ),
    Stage(
        name="classify explain",
        folder="{results}/explanation",
        title="explain the classifiers of {name}",
        each=_explained_once,
        spec=_explain,
        inputs=_classifiers,
        cost=Cost(TORCH, 4, seconds=8),
    ),
)
