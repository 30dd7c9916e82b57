"""What a search may choose: keys of a classifier, such as `training.optimizer.lr`, each with a range or a list of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
from pydantic import BaseModel, Field, PlainValidator, model_validator

from darkroom.randomness import derive
from darkroom.settings import Name, Section, Seed, quoted

Model = TypeVar("Model", bound=BaseModel)
Method = Literal["random", "halving", "tpe"]
FOUND = "search.json"
"""What a search found, with the `values` of its keys."""


class Range(Section):
    """Numbers between two bounds; whole ones if both bounds are."""

    low: int | float
    """Lower bound."""
    high: int | float
    """Upper bound, included."""
    log: Annotated[bool, Field(strict=True)] = False
    """Whether every order of magnitude is equally likely, as suits learning rates."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low is {self.low:g} and high {self.high:g}; expected low < high")
        if self.log and self.low <= 0:
            raise ValueError(f"log is true, but low is {self.low:g}; expected low > 0")
        return self

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are drawn."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def place(self, share: float) -> float:
        """Return the number at a share in [0, 1) of the range."""
        low, high = (self.low - 0.5, self.high + 0.5) if self.whole else (self.low, self.high)
        value = low * (high / low) ** share if self.log else low + share * (high - low)
        if self.whole:
            return min(max(round(value), int(self.low)), int(self.high))
        return min(max(float(f"{value:.4g}"), self.low), self.high)


def _choices(value: Any) -> Any:
    if isinstance(value, Range) or (isinstance(value, list) and value):
        return value
    if isinstance(value, Mapping):
        return Range.model_validate(value)
    raise ValueError(f"got {quoted(value)}; expected a list of values, or a range with low and high")


Choices = Annotated[
    Any,
    PlainValidator(_choices, json_schema_input_type=Range | Annotated[list[Any], Field(min_length=1)]),
    Field(title="list of values, or a range (low, high, log)"),
]
Space = dict[str, Choices]
Values = dict[str, Any]


class Search(Section):
    """A search for better settings of a model. They train under the name of the search like any other classifier."""

    model: Name
    """The model of `classify.models` whose keys are searched; keys that are not searched keep its values."""
    policy: Name = "none"
    """The policy that trials and the tuned classifier train under."""
    method: Method = "random"
    """How to choose: `random` draws (Bergstra & Bengio 2012), successive `halving` (Jamieson & Talwalkar 2016) gives more
    epochs to the best third of them, and `tpe` lets Optuna's sampler propose (Bergstra et al. 2011; needs the extra `search`)."""
    trials: Annotated[int, Field(ge=2, le=1000)] = 20
    """Number of trials; with `halving`, of its first round."""
    space: Annotated[Space, Field(min_length=1)]
    """Keys of the model, each with a list of values or a range, such as `network.width: [16, 32]` or
    `training.optimizer.lr: {low: 0.0001, high: 0.1, log: true}`."""
    seed: Seed = 0
    """Seed of the draws, and of the trials' trainings."""


def draw(space: Mapping[str, Any], *, seed: int, trial: int) -> Values:
    """Draw a value of every key; trials are independent, so more of them leave the first ones as they are."""
    found = {}
    for key, choices in sorted(space.items()):
        share = float(np.random.default_rng(derive(seed, "trial", trial, key)).random())
        found[key] = choices.place(share) if isinstance(choices, Range) else choices[int(share * len(choices))]
    return found


def apply(model: Model, values: Mapping[str, Any]) -> Model:
    """Return a classifier with these values at these keys. Raises ValidationError for those that it does not take."""
    return model if not values else type(model).model_validate(nested(model.model_dump(mode="json"), values))


def nested(raw: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of nested keys with values set at dotted ones; a plug-in given as a name becomes keys first."""
    found = dict(raw)
    for path, value in sorted(values.items()):  # a plug-in before its own keys
        head, _, rest = path.partition(".")
        if rest:
            inside = found.get(head)
            inside = {"name": inside} if isinstance(inside, str) else inside
            found[head] = nested(inside if isinstance(inside, dict) else {}, {rest: value})
        else:
            found[head] = value
    return found
