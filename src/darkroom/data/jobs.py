"""The jobs of the `data` section."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from darkroom import files
from darkroom.data import corrections
from darkroom.data.config import AttributesSpec, CardSpec, FetchSpec, PrepareSpec
from darkroom.job.stage import LIGHT, PREPARED, Cost, Job, Planned, Stage, Wildcards, once, part

if TYPE_CHECKING:
    from darkroom.config.model import Config


def _fetch(plan: Planned, wildcards: Wildcards) -> FetchSpec:
    return FetchSpec(source=plan.config.data.source, fingerprint=plan.sources.fingerprint)


def _prepare(plan: Planned, wildcards: Wildcards) -> PrepareSpec:
    named = plan.config.data.corrections
    path = files.local(named) if named is not None else None
    corrected = corrections.read(path) if path is not None else {}
    return part(PrepareSpec, plan.config.data, name=plan.config.name, corrected=corrected)


def _attributes(plan: Planned, wildcards: Wildcards) -> AttributesSpec:
    return AttributesSpec(source=plan.config.data.source)


def _card(plan: Planned, wildcards: Wildcards) -> CardSpec:
    return CardSpec()


def _no_inputs(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {}


def _raw(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {"raw": Job("data fetch")}


def _prepared_and_raw(plan: Planned, wildcards: Wildcards) -> Mapping[str, Job]:
    return {"data": PREPARED, "raw": Job("data fetch")}


def _if_explained(config: Config) -> Iterable[Wildcards]:
    return once(config) if config.classify and config.data.kind == "image" else ()


STAGES = (
    Stage(
        name="data fetch",
        folder="{data}/raw",
        title="fetch {name}",
        spec=_fetch,
        inputs=_no_inputs,
        cost=Cost(LIGHT + 300, 6, seconds=1),  # a library that carries images reads them all from text
    ),
    Stage(
        name="data prepare",
        folder="{data}/prepared",
        title="prepare {name}",
        spec=_prepare,
        inputs=_raw,
        cost=Cost(LIGHT + 400, 6, seconds=2),  # the size of a source of files is not known before
    ),
    Stage(
        name="data attributes",
        folder="{data}/attributes",
        title="attributes of {name}",
        each=_if_explained,
        spec=_attributes,
        inputs=_prepared_and_raw,
        cost=Cost(LIGHT + 300, 6, seconds=1),
    ),
    Stage(
        name="data card",
        folder="{results}/card",
        title="data card of {name}",
        spec=_card,
        cost=Cost(LIGHT, 2, seconds=2),
    ),
)
