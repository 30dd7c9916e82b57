"""How to train a network: the same keys for classifiers, generators and detectors."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, create_model, model_validator

from darkroom import registry
from darkroom.fit.options import AUTO
from darkroom.registry import Plugin
from darkroom.settings import Count, NonNegative, Positive, Section, Seed, unique


class Turn(Plugin):
    """Marks an optimizer of a list, which has the key `from` beside its own."""

    def model(self, name: str) -> type[Section]:
        """Return the config model of the optimizer of that name, with `from`."""
        return _turn(name)


@functools.cache
def _turn(name: str) -> type[Section]:
    own = registry.options("optimizer", name)
    start = Annotated[float, Field(ge=0, lt=1, description="share of the run after which it takes over")]
    fields: Any = {"from": (start, 0.0)}
    return create_model(own.__name__, __base__=own, __doc__=own.__doc__, **fields)


def start(optimizer: Section) -> float:
    """Return the share of the run after which an optimizer of a list takes over."""
    return float(getattr(optimizer, "from", 0.0))


def _in_turn(value: Any) -> Any:
    if isinstance(value, tuple):
        starts = [start(one) for one in value]
        if starts[0] != 0:
            raise ValueError(f"the first optimizer starts the run, but its from is {starts[0]:g}; leave from out")
        if any(later <= earlier for earlier, later in itertools.pairwise(starts)):
            shown = ", ".join(f"{one:g}" for one in starts)
            raise ValueError(
                f"each optimizer takes over after the one before it, but their from are {shown}; put them in order"
            )
        if any(getattr(one, "lr", None) == AUTO for one in value):
            raise ValueError("lr: auto finds the rate of a single optimizer; give each optimizer of a list a number")
    return value


Optimizer = Annotated[
    Section,
    Plugin("optimizer", default="adamw", item=Turn("optimizer", default="adamw")),
    AfterValidator(_in_turn),
    Field(validate_default=True),
]
"""An optimizer, or a tuple of several that take turns."""


class Training(Section):
    """One run of the training loop."""

    epochs: Count = 15
    """Passes over the training images. With a policy, each pass takes one variant of every image."""
    batch_size: Count = 128
    """Images per step."""
    optimizer: Optimizer = {"name": "adamw"}  # type: ignore[assignment]
    """Which optimizer, with its learning rate. In a list, such as `[adamw, {name: sgd, lr: 0.01, from: 0.7}]`, each takes over
    after the share `from` of the run."""
    schedule: Annotated[Section, Plugin("schedule", default="one_cycle"), Field(validate_default=True)] = {
        "name": "one_cycle"
    }  # type: ignore[assignment]
    """How the learning rate, and with some schedules the momentum, changes over the run. It runs once over the whole run,
    whichever optimizers take turns."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` is bf16 on hardware that multiplies in it, else fp32; the result records which it was."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to train: `auto` is a GPU if there is one, `gpu` stops the training if there is none."""
    l1: NonNegative = 0.0
    """L1 penalty: this multiple of the sum of absolute weights is added to the loss, and its sign to the gradient. It spares
    the same parameters as weight decay; the recorded loss leaves it out."""
    clip_value: Positive | None = None
    """Maximum absolute value of each gradient entry; larger ones are set to it. Applied before `clip`."""
    clip: Positive | None = None
    """Maximum gradient norm; larger gradients are scaled down to it."""
    patience: Count | None = None
    """Stop after this many epochs in a row without a lower validation loss, and return to the weights of the epoch with the
    lowest. Schedules keep the length of all `epochs`."""
    swa: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Stochastic weight averaging: share of the run, at its end, after each epoch of which the weights enter an equal average
    that replaces the last weights (Izmailov et al. 2018). The learning rate stays where the schedule has brought it when
    averaging begins."""
    diagnostics: bool = False
    """Record, by layer at about 50 steps, norms of gradients and activations, the ratio of update to weight, and the shares of
    dead ReLU units and of saturated outputs: `diagnostics.csv`, MLflow and the report."""
    devices: Count = 1
    """Processes per node that train the model together, one GPU each if there are any; they share every batch."""
    nodes: Count = 1
    """Machines to train on; more than one requires Slurm."""
    threads: Count = 1
    """CPU threads per process. Results depend on it in their last digits; a low number lets many jobs share a machine."""

    @property
    def chosen(self) -> dict[str, str]:
        """The keys in use that not every training takes, each with what to do to be without it."""
        plateau = self.schedule.name == "plateau"  # type: ignore[attr-defined]
        used = {"patience": self.patience, "swa": self.swa, "schedule": plateau or None}
        cures = {"patience": "remove it", "swa": "remove it", "schedule": "use another schedule than plateau"}
        return {key: cures[key] for key, value in used.items() if value is not None}

    def bare(self, epochs: int) -> Training:
        """Return the same training for a number of epochs, without schedule, validation loss, averaging and diagnostics."""
        without = {"schedule": {"name": "constant"}, "patience": None, "swa": None, "diagnostics": False}
        kept = {name: getattr(self, name) for name in self.__class__.model_fields}
        return self.model_validate({**kept, "epochs": epochs, **without})

    @model_validator(mode="after")
    def _fitting_together(self) -> Self:
        schedule: Any = self.schedule
        if self.patience is not None and self.swa is not None:
            raise ValueError(
                "patience may stop the run before swa averages its end, and both decide which weights to keep; remove one"
            )
        if schedule.name == "plateau" and schedule.patience + 1 >= self.epochs:
            raise ValueError(
                f"schedule.patience is {schedule.patience}, so the rate could drop only after epoch {schedule.patience + 1} of "
                f"{self.epochs}, too late to matter; lower it or raise epochs"
            )
        return self


VALIDATED = ("patience", "schedule")
"""The keys of `Training.chosen` that need a validation loss."""


def refuse(training: Training, plugin: Section) -> None:
    """Raise ValueError if a training uses a key that the plug-in's constant REFUSES lists, with the reason."""
    chosen = registry.entry(*plugin.plugin)  # type: ignore[attr-defined]
    for key, cure in training.chosen.items():
        if reason := chosen.constants.get("REFUSES", {}).get(key):
            raise ValueError(f"training.{key} does not go with {chosen.name}: {reason}; {cure}")


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
