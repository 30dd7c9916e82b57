"""The jobs of the `augment` section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from darkroom import registry
from darkroom.augment.config import ApplySpec, GallerySpec, SheetSpec
from darkroom.job.stage import LIGHT, PREPARED, TORCH, Cost, Job, Planned, Stage, Wildcards, once

if TYPE_CHECKING:
    from darkroom.config.model import Config


def copies(config: Config, policy: str) -> Job | None:
    """Return the job that makes a policy's training copies: transformed, or sampled from a model."""
    settings = config.augment.get(policy)
    if settings and settings.offline:
        return Job("augment apply", {"policy": policy})
    return Job("generate synthesize", {"policy": policy}) if settings and settings.synthetic else None


def _transformed(config: Config) -> Iterator[Wildcards]:
    return ({"policy": name} for name, policy in config.augment.items() if policy.offline)


def _apply(plan: Planned, wildcards: Wildcards) -> ApplySpec:
    policy = plan.config.augment[wildcards["policy"]]
    folders = [step.folder for step in policy.offline if getattr(step, "folder", None)]  # type: ignore[attr-defined]
    hashes = {folder: plan.sources.folder(folder) for folder in folders}
    return policy.copied_by(plan.config.data.kind).model_copy(update={"folders": hashes})


def _shown(config: Config) -> Iterator[Wildcards]:
    return _transformed(config) if config.data.kind == "image" else iter(())


def _sheet(plan: Planned, wildcards: Wildcards) -> SheetSpec:
    return SheetSpec()


def _with_copies(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {"data": PREPARED, "copies": Job("augment apply", wildcards)}


def _gallery(plan: Planned, wildcards: Wildcards) -> GallerySpec:
    parts = {"offline": "transform", "online": "batch transform"}
    return GallerySpec.model_validate({part: list(registry.taking(kind, "image")) for part, kind in parts.items()})


STAGES = (
    Stage(
        name="augment apply",
        folder="{results}/augment/{policy}",
        title="augment: {policy}",
        each=_transformed,
        spec=_apply,
        cost=Cost(TORCH + 400, 4, seconds=5),  # shared memory is counted once per worker
    ),
    Stage(
        name="augment sheet",
        folder="{results}/sheets/{policy}",
        title="augment: {policy}, contact sheet",
        each=_shown,
        spec=_sheet,
        inputs=_with_copies,
        cost=Cost(LIGHT, 2, seconds=2),
    ),
    Stage(
        name="augment gallery",
        folder="{results}/gallery",
        title="gallery of {name}",
        each=lambda config: once(config) if config.augment and config.data.kind == "image" else (),
        spec=_gallery,
        cost=Cost(TORCH, 2, seconds=3),
    ),
)
