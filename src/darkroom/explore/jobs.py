"""The jobs of the `explore` section."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from darkroom import registry
from darkroom.classify.training_jobs import policies
from darkroom.explore.config import ClusterSpec, EmbedSpec, Explore
from darkroom.job.stage import PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, Within, part
from darkroom.nets import pretrained
from darkroom.settings import Section
from darkroom.weights.jobs import fetched

if TYPE_CHECKING:
    from darkroom.config.model import Config


def _each(config: Config) -> Iterable[Wildcards]:
    return ({"embedding": name} for name in (config.explore.embeddings if config.explore else ()))


def _section(plan: Planned) -> Explore:
    assert plan.config.explore, "a config without the section has none of its jobs"
    return plan.config.explore


def _embedding(plan: Planned, wildcards: Wildcards) -> Section:
    return _section(plan).embeddings[wildcards["embedding"]].embedding


def _classifier(plan: Planned, embedding: Section) -> Job | None:
    """Return the training of the classifier that embeds, under its first policy and seed; None if none does."""
    if (name := getattr(embedding, "model", None)) is None or plan.config.classify is None:
        return None
    seed = str(plan.config.classify.seeds[0])
    return Job("classify train", {"policy": policies(plan.config)[0], "model": name, "seed": seed})


def _embed(plan: Planned, wildcards: Wildcards) -> EmbedSpec:
    embedding = _embedding(plan, wildcards)
    job, trained = _classifier(plan, embedding), plan.config.classify
    return EmbedSpec(
        embedding=embedding,
        backbone=pretrained.fingerprints(embedding),
        network=trained.models[job.wildcards["model"]].network if job and trained else None,
    )


def _embed_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job | Within | None]:
    embedding = _embedding(plan, wildcards)
    return {"data": PREPARED, "weights": fetched(embedding), "classifier": _classifier(plan, embedding)}


def _cluster(plan: Planned, wildcards: Wildcards) -> ClusterSpec:
    plugin = registry.entry(*_embedding(plan, wildcards).plugin)  # type: ignore[attr-defined]
    return part(ClusterSpec, _section(plan), supervised=plugin.constants["SUPERVISED"])


def _cluster_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {"data": PREPARED, "embedding": Job("explore embed", wildcards)}


def _threads(plan: Planned, wildcards: Wildcards) -> int:
    """Embedding with a network keeps several threads busy."""
    return 1 if _embedding(plan, wildcards).name == "pca" else 2  # type: ignore[attr-defined]


STAGES = (
    Stage(
        name="explore embed",
        folder="{results}/explore/{embedding}/features",
        title="embed the images: {embedding}",
        each=_each,
        spec=_embed,
        inputs=_embed_inputs,
        cost=Cost(TORCH, 4, seconds=60),
        threads=_threads,
    ),
    Stage(
        name="explore cluster",
        folder="{results}/explore/{embedding}/clusters",
        title="cluster the images: {embedding}",
        each=_each,
        spec=_cluster,
        inputs=_cluster_inputs,
        cost=Cost(TORCH, 4, seconds=20),
    ),
)
