"""What a model predicts for an image: one class, several labels at once, or numbers.

The source says which. A store with labels or numbers has one float32 column `target/NAME` per name in its table, 0 or 1 for
labels and in the table's units for numbers; an image without a target has NaN in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["class", "labels", "numbers"]
DESCRIBED: dict[Kind, str] = {
    "class": "one class per image",
    "labels": "several labels per image (data.source.labels)",
    "numbers": "numbers (data.source.numbers)",
}
"""What each kind asks for, for error messages."""


@dataclass(frozen=True)
class Target:
    """What is predicted, and the name of each output of a model: the classes, the labels, or the numbers."""

    kind: Kind
    names: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """The columns of a store's table that hold labels or numbers."""
        return [] if self.kind == "class" else [f"target/{name}" for name in self.names]

    def saved(self) -> dict[str, Any]:
        """Return its entry in a JSON description; empty for one class, whose description lists the classes."""
        return {} if self.kind == "class" else {"target": {"kind": self.kind, "names": list(self.names)}}


def read_target(about: Mapping[str, Any]) -> Target:
    """Return the target from a JSON description: that of a store or a model."""
    if "target" not in about:
        return Target("class", tuple(about["classes"]))
    return Target(about["target"]["kind"], tuple(about["target"]["names"]))
