"""What an audit asks of the target: is the class kept, is a label still there or still absent, is the number still the same?

Each aspect judges some of the images by the same rules. A number counts as kept while the prediction is as close to the truth as
for 9 of 10 original images that the judge has not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

from darkroom.classify.calibration import log_softmax
from darkroom.data.store import Store

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Flags = NDArray[np.bool_]
Targets = NDArray[Any]
"""The targets of images as a store has them: classes (N,), labels or numbers (N, K)."""

USUAL = 0.9
"""Share of original images whose error is within a judge's limit."""
ALIKE = 50
"""Real images of the most similar numbers that an image is compared with."""


@dataclass(frozen=True)
class Own:
    """A judge's errors on the original images that it has not seen, of each number: the limit of usual ones, and their mean."""

    limits: Floats  # (M,)
    errors: Floats  # (M,)

    @classmethod
    def of(cls, residuals: Floats) -> Own:
        """Measure them from residuals (N, M)."""
        sizes = np.abs(residuals)
        return cls(np.quantile(sizes, USUAL, axis=0), np.maximum(sizes.mean(0), 1e-12))


class Aspect(Protocol):
    """One question; `label` is the class that it is about, -1 if there are no classes."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> int: ...

    @property
    def of(self) -> str:
        """The class, label or number that it is about."""

    @property
    def opposite(self) -> int | None:
        """Which aspect's images would be sacrificed if this one's were kept; None if any may be."""

    def asks(self, targets: Targets) -> Flags:
        """Return which images (N,) it is asked of."""

    def answers(self, outputs: Floats) -> Floats:
        """Return a judge's answers (N,) from its outputs (N, K)."""

    def true(self, targets: Targets) -> Floats:
        """Return the right answers (N,)."""

    def right(self, answers: Floats, true: Floats, own: Own | None) -> Flags:
        """Return which answers (N,) are right."""

    def losses(self, outputs: Floats, true: Floats, own: Own | None) -> Floats:
        """Return the loss (N,) of a judge: nats, or of numbers multiples of its own mean error."""

    def alike(self, answers: Floats, targets: Targets) -> Flags:
        """Return which of M real images with these targets are what each of the answers (N,) says (N, M)."""

    def kinds(self, answers: Floats) -> Labels:
        """Return a number for each answer (N,); real images are as close to one another for all answers with the same one."""

    def word(self, answer: float) -> str:
        """Write an answer."""


@dataclass(frozen=True)
class ClassKept:
    """Whether images of a class are still recognized."""

    label: int
    classes: Sequence[str]
    opposite: int | None = None

    @property
    def name(self) -> str:
        return self.classes[self.label]

    @property
    def of(self) -> str:
        return self.name

    def asks(self, targets: Targets) -> Flags:
        return np.asarray(targets == self.label)

    def answers(self, outputs: Floats) -> Floats:
        found: Floats = outputs.argmax(1).astype(np.float64)
        return found

    def true(self, targets: Targets) -> Floats:
        return targets.astype(np.float64)

    def right(self, answers: Floats, true: Floats, own: Own | None) -> Flags:
        return np.asarray(answers == true)

    def losses(self, outputs: Floats, true: Floats, own: Own | None) -> Floats:
        found: Floats = -log_softmax(outputs)[np.arange(len(true)), true.astype(np.int64)]
        return found

    def alike(self, answers: Floats, targets: Targets) -> Flags:
        return np.asarray(answers[:, None] == targets)

    def kinds(self, answers: Floats) -> Labels:
        return answers.astype(np.int64)

    def word(self, answer: float) -> str:
        return self.classes[int(answer)]


@dataclass(frozen=True)
class LabelKept:
    """Whether a label is still called for images that have it, or still not called for images that lack it."""

    output: int
    present: bool
    names: tuple[str, str]
    """Of both answers: absent and present."""
    label: int = -1

    @property
    def name(self) -> str:
        return self.names[self.present]

    @property
    def of(self) -> str:
        return self.names[True]

    @property
    def opposite(self) -> int:
        return 2 * self.output + self.present  # the present label comes first

    def asks(self, targets: Targets) -> Flags:
        return np.asarray((targets[:, self.output] > 0) == self.present)

    def answers(self, outputs: Floats) -> Floats:
        return (outputs[:, self.output] > 0).astype(np.float64)

    def true(self, targets: Targets) -> Floats:
        return (targets[:, self.output] > 0).astype(np.float64)

    def right(self, answers: Floats, true: Floats, own: Own | None) -> Flags:
        return np.asarray(answers == true)

    def losses(self, outputs: Floats, true: Floats, own: Own | None) -> Floats:
        found: Floats = -special.log_expit(np.where(true > 0, 1, -1) * outputs[:, self.output])
        return found

    def alike(self, answers: Floats, targets: Targets) -> Flags:
        return np.asarray(answers[:, None] == (targets[:, self.output] > 0))

    def kinds(self, answers: Floats) -> Labels:
        return answers.astype(np.int64)

    def word(self, answer: float) -> str:
        return self.names[int(answer)]


@dataclass(frozen=True)
class NumberKept:
    """Whether the prediction of a number is as close to the truth as usual."""

    output: int
    name: str
    label: int = -1

    @property
    def of(self) -> str:
        return self.name

    @property
    def opposite(self) -> int:
        return self.output  # a model that learns both may be wrong about the originals instead

    def asks(self, targets: Targets) -> Flags:
        return np.ones(len(targets), np.bool_)

    def answers(self, outputs: Floats) -> Floats:
        return outputs[:, self.output].astype(np.float64)

    def true(self, targets: Targets) -> Floats:
        return targets[:, self.output].astype(np.float64)

    def right(self, answers: Floats, true: Floats, own: Own | None) -> Flags:
        assert own is not None, "a judge of numbers knows its own errors"
        return np.asarray(np.abs(answers - true) <= own.limits[self.output])

    def losses(self, outputs: Floats, true: Floats, own: Own | None) -> Floats:
        assert own is not None, "a judge of numbers knows its own errors"
        found: Floats = np.abs(self.answers(outputs) - true) / own.errors[self.output]
        return found

    def alike(self, answers: Floats, targets: Targets) -> Flags:
        apart = np.abs(answers[:, None] - targets[:, self.output])
        most = min(ALIKE, apart.shape[1])
        return np.asarray(apart <= np.partition(apart, most - 1, axis=1)[:, most - 1 : most])

    def kinds(self, answers: Floats) -> Labels:
        return np.zeros(len(answers), np.int64)

    def word(self, answer: float) -> str:
        return f"{answer:.3g}"


def aspects(store: Store) -> list[Aspect]:
    """Return what is asked of a store's target: each class; each label, where it is and where it is not; each number."""
    names = store.target.names
    if store.target.kind == "class":
        return [ClassKept(label, names) for label in range(len(names))]
    if store.target.kind == "numbers":
        return [NumberKept(output, name) for output, name in enumerate(names)]
    return [*_labels(names)]


def _labels(names: Sequence[str]) -> Iterator[Aspect]:
    for output, name in enumerate(names):
        absent = f"without {name}"
        while absent in names:
            absent = f"{absent}\N{PRIME}"
        yield LabelKept(output, True, (absent, name))
        yield LabelKept(output, False, (absent, name))
