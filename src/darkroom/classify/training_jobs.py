"""Jobs that train classifiers, and the parts of their description that other jobs share."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from darkroom import files, registry
from darkroom.augment.config import NONE, OnlineSpec
from darkroom.augment.jobs import copies
from darkroom.augment.strength import exceeded, reach
from darkroom.classify.config import Classifier, Classify, FeaturesSpec, TrainSpec
from darkroom.classify.tuning.space import Search, apply
from darkroom.fit.config import Training
from darkroom.fit.options import AUTO
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


def seeds(config: Config) -> Iterable[Wildcards]:
    """Yield every model under every policy, and what each search found under its own, with every seed."""
    classify = config.classify
    if classify is None:
        return ()
    named = [(policy, model) for model in classify.models for policy in policies(config)]
    named += [(search.policy, name) for name, search in classify.search.items()]
    return ({"policy": policy, "model": model, "seed": str(seed)} for policy, model in named for seed in classify.seeds)


def section(plan: Planned) -> Classify:
    """Return the section; a config without it has none of its jobs."""
    assert plan.config.classify
    return plan.config.classify


def trained(plan: Planned, wildcards: Wildcards) -> TrainSpec:
    """Return the spec of a training."""
    policy = plan.config.augment.get(wildcards["policy"])
    online = policy.online_spec if policy else OnlineSpec()
    classifier = section(plan).classifier(wildcards["model"])
    chosen = fields(classifier)
    if _views(classifier) is not None and (frozen := _frozen(plan.config, wildcards["policy"], wildcards["model"])):
        # a probe has no training loop, and no views under a policy that leaves images as they are
        chosen["training"] = Training()
        chosen["transfer"] = chosen["transfer"].model_copy(update={"views": frozen[1].views})
    chosen["semi"] = _preserving(classifier.semi, plan.config.data.label_preserving)
    found = pretrained.fingerprints(classifier.network)
    search = section(plan).search.get(wildcards["model"])
    searched = alternatives(classifier, search) if search else []
    return TrainSpec(seed=int(wildcards["seed"]), policy=online, backbone=found, searched=searched, **chosen)


def _preserving(semi: Any, declared: Mapping[str, Any]) -> Any:
    """Return a semi-supervised method without those default transforms of its views that do not preserve labels."""
    usual = [key for key in ("weak", "strong") if hasattr(semi, key) and key not in semi.model_fields_set]
    kept = {key: [step for step in getattr(semi, key) if not exceeded(declared, reach(step))] for key in usual}
    return semi.model_copy(update=kept) if kept else semi


def alternatives(classifier: Classifier, search: Search) -> list[Classifier]:
    """Return a classifier with each value of a search that brings other plug-ins."""
    own = _plugins(classifier)
    lists = ((key, value) for key, values in search.space.items() if isinstance(values, list) for value in values)
    found = (apply(classifier, {key: value}) for key, value in lists)
    return [one for one in found if _plugins(one) - own]


def _plugins(classifier: Classifier) -> set[str]:
    return {plugin.definition for plugin in registry.used(classifier)}


def _views(classifier: Classifier) -> int | None:
    """Return how many augmented views of an image a probe is fitted to; None for what trains by gradient steps."""
    return getattr(classifier.transfer, "views", None)


def _frozen(config: Config, policy: str, model: str) -> tuple[Job, FeaturesSpec] | None:
    """Return the job that computes the features which a classifier begins with, and its spec; None if it has none.

    Its name is the backbone's, the image size, and a hash of all that the features depend on besides the images.
    """
    assert config.classify, "a classifier has its section"
    classifier = config.classify.classifier(model)
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
    backbone = next(pretrained.choices(options)).title
    name = re.sub(r"[^A-Za-z0-9]+", "_", f"{backbone}_{getattr(options, 'size', None) or ''}").strip("_")
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
    found = (_frozen(plan.config, policy, model) for model in section(plan).models for policy in policies(plan.config))
    return next(spec for job, spec in filter(None, found) if job.wildcards == wildcards)


def inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    """Return the inputs of a training under the policy and of the model in `wildcards`."""
    frozen = _frozen(plan.config, wildcards["policy"], wildcards["model"])
    name = wildcards["model"]
    teacher = getattr(section(plan).classifier(wildcards["model"]).loss, "teacher", None)
    made = None if _views(section(plan).classifier(wildcards["model"])) is not None else wildcards["policy"]
    return {
        "data": PREPARED,
        "copies": copies(plan.config, made) if made else None,
        "features": frozen[0] if frozen else None,
        "weights": fetched(section(plan).classifier(wildcards["model"]).network),
        "teacher": Job("classify train", {**wildcards, "model": teacher}) if teacher else None,
        "search": Job("classify search", {"search": name}) if name in section(plan).search else None,
        "rate": _rate(plan, wildcards),
    }


def _rate(plan: Planned, wildcards: Wildcards) -> Job | None:
    """Return the range test that finds a training's learning rate; None if the config gives a number."""
    classifier = section(plan).classifier(wildcards["model"])
    if not automatic(classifier):
        return None
    search = section(plan).search.get(wildcards["model"])
    model = search.model if search else wildcards["model"]
    return Job("classify lr_range", {"policy": wildcards["policy"], "model": model})


def gradual(classifier: Classifier) -> bool:
    """Return whether a classifier is trained on samples; a probe is fitted to features."""
    return _views(classifier) is None


def automatic(classifier: Classifier) -> bool:
    """Return whether a range test finds a classifier's learning rate; probes have none."""
    return gradual(classifier) and getattr(classifier.training.optimizer, "lr", None) == AUTO


def _viewed(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    network = _features(plan, wildcards).network
    return {"data": PREPARED, "copies": copies(plan.config, wildcards["policy"]), "weights": fetched(network)}


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
        each=seeds,
        spec=trained,
        inputs=inputs,
        cost=Cost(TORCH, 4, seconds=30),
        resumes=True,
    ),
)
