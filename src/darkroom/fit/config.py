"""How to train a network: the same keys for classifiers, generators and detectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from darkroom import registry
from darkroom.registry import Plugin
from darkroom.settings import Count, Positive, Section, Seed, unique


class Training(Section):
    """One run of the training loop."""

    epochs: Count = 15
    """Passes over the training images. With a policy, each pass takes one variant of every image."""
    batch_size: Count = 128
    """Images per step."""
    optimizer: Annotated[Section, Plugin("optimizer", default="adamw"), Field(validate_default=True)] = {
        "name": "adamw"
    }  # type: ignore[assignment]
    """Which optimizer, with its learning rate."""
    schedule: Annotated[Section, Plugin("schedule", default="one_cycle"), Field(validate_default=True)] = {
        "name": "one_cycle"
    }  # type: ignore[assignment]
    """How the learning rate, and with some schedules the momentum, changes over the run."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` is bf16 on hardware that multiplies in it, else fp32; the result records which it was."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train: `auto` is a GPU if there is one, `gpu` stops the training if there is none."""
    clip: Positive | None = None
    """Maximum gradient norm; larger gradients are scaled down to it."""
    devices: Count = 1
    """Processes per node that train the model together, one GPU each if there are any; they share every batch."""
    nodes: Count = 1
    """Machines to train on; more than one requires Slurm."""
    threads: Count = 1
    """CPU threads per process. Results depend on it in their last digits; a low number lets many jobs share a machine."""


MOST_SEEDS = 1000


def _seeds(value: Any) -> Any:
    return tuple(range(value)) if isinstance(value, int) and 0 < value <= MOST_SEEDS else value


Seeds = Annotated[
    tuple[Seed, ...],
    Field(min_length=1, max_length=MOST_SEEDS, title=f"number of seeds (1 to {MOST_SEEDS}), or list of seeds"),
    BeforeValidator(_seeds, json_schema_input_type=Annotated[int, Field(ge=1, le=MOST_SEEDS)] | list[Seed]),
    AfterValidator(unique),
]
"""Seeds as a count (`3` means 0, 1, 2) or as a list."""


def inherit(section: Any, members: str, member_key: str, *more_keys: str) -> Any:
    """Merge a section's shared `training` into each of its `members`.

    It overrides the defaults of the member's plug-ins, those under `more_keys` included, and the member's own keys
    override it. A bare member is named after its plug-in,
    whose kind is `member_key`: `{models: {mlp: null}}` becomes `{models: {mlp: {network: {name: mlp}}}}`.
    """
    if not isinstance(section, Mapping) or not isinstance(section.get(members), Mapping):
        return section
    shared = section.get("training")
    filled: dict[str, Any] = {}
    for name, member in section[members].items():
        member = {} if member is None else member
        if isinstance(member, Mapping):
            member = dict(member)
            plugin = {} if member.get(member_key) is None else member[member_key]
            if isinstance(plugin, Mapping):
                member[member_key] = plugin = {"name": name, **plugin}
            own = {} if member.get("training") is None else member["training"]
            if isinstance(own, Mapping):
                base = _family_defaults(member_key, plugin)
                for key in more_keys:
                    base = _merged(base, _family_defaults(key, member.get(key)))
                own = _merged(_merged(base, shared) if isinstance(shared, Mapping) else base, own)
            member["training"] = own
        filled[name] = member
    return {**section, members: filled}


def _family_defaults(kind: str, plugin: Any) -> Mapping[str, Any]:
    name = plugin.get("name") if isinstance(plugin, Mapping) else plugin
    known = registry.entries(kind)
    return known[name].training if isinstance(name, str) and name in known else {}


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        earlier = merged.get(key)
        if isinstance(earlier, str) and isinstance(value, Mapping):
            earlier = {"name": earlier}
        if not isinstance(earlier, Mapping) or not isinstance(value, Mapping):
            merged[key] = value
        elif "name" in value and value["name"] != earlier.get("name"):
            merged[key] = value  # a plug-in does not inherit the options of the one it replaces
        else:
            merged[key] = _merged(earlier, value)
    return merged
