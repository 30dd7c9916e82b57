"""Synthetic rows between a row and its neighbors of the same class, by imbalanced-learn: SMOTE and its relatives.

Neighbors are searched for among standardized numbers. Classes keep the number of copies that the policy plans; which rows
they start from is the method's choice.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from darkroom.augment.rows.options import Around, Near
from darkroom.augment.rows.training import Floats, Training
from darkroom.data.tabular.columns import Column
from darkroom.registry import register
from darkroom.settings import quoted

SHOWN = 3
"""Columns that an error names."""


class UnsuitedError(ValueError):
    """A method that cannot make rows of a class from these training rows."""


class Synthesizer(ABC):
    """Makes rows of one class from all training rows."""

    CATEGORIES = False
    """Whether it makes rows with categories."""

    def __init__(self, *, k: int) -> None:
        self.k = k

    def make(self, given: Training, label: int, count: int, generator: np.random.Generator) -> Floats:
        """Return `count` rows of a class. Raises `UnsuitedError` with the config key to change if the method cannot."""
        own = int((given.labels == label).sum())
        if own < 2:
            raise UnsuitedError(f"interpolates between rows of a class, but there is {own} in the training split")
        how = {
            "k_neighbors": min(self.k, own - 1),
            "sampling_strategy": {label: own + count},
            "random_state": int(generator.integers(2**31)),
        }
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about classes that are not the smallest
                rows, labels = self.sampler(given, **how).fit_resample(given.rows, given.labels)
        except (ValueError, RuntimeError) as error:
            raise UnsuitedError(f"failed: {' '.join(str(error).split())}") from None
        made: Floats = rows[len(given.rows) :][labels[len(given.rows) :] == label][:count]
        return made

    def misfit(self, columns: Sequence[Column]) -> str:
        """Return why the method cannot make rows of a table with these columns, empty if it can."""
        held = [column.name for column in columns if column.kind == "category"]
        if self.CATEGORIES or not held:
            return ""
        shown = ", ".join(held[:SHOWN]) + (f" and {len(held) - SHOWN} more" if len(held) > SHOWN else "")
        dropped = ", ".join(f"{quoted(name)}: drop" for name in held[:SHOWN])
        more = ", ..." if len(held) > SHOWN else ""
        holds = "column {} holds" if len(held) == 1 else "columns {} hold"
        return (
            f"interpolates numbers, but the {holds.format(shown)} categories; use smotenc in its place, or leave them out "
            f"with data.source.columns: {{{dropped}{more}}}"
        )

    @abstractmethod
    def sampler(self, given: Training, **how: Any) -> Any:
        """Return imbalanced-learn's sampler with its number of neighbors, the wanted rows of each class, and its seed."""


def _over_sampling() -> Any:
    """Import imbalanced-learn's samplers. Raises OSError if it is not installed."""
    try:
        from imblearn import over_sampling
    except ImportError:
        raise OSError(
            "SMOTE and its relatives need imbalanced-learn; install the extra: uv sync --extra table"
        ) from None
    return over_sampling


class AroundSynthesizer(Synthesizer):
    """Prefers rows near the border, which it finds by their neighbors of any class."""

    def __init__(self, *, k: int, around: int) -> None:
        super().__init__(k=k)
        self.around = around

    def neighbors(self, given: Training) -> int:
        """Return the number of neighbors of any class, at most as many as there are."""
        return min(self.around, len(given.rows) - 1)


@register("transform", "smote")
class SMOTE(Synthesizer):
    """Points between a row and one of its nearest neighbors of the class (Chawla et al. 2002)."""

    TAKES = ("table",)
    MAKES = True

    def __init__(self, *, k: Near = 5) -> None:
        super().__init__(k=k)

    def sampler(self, given: Training, **how: Any) -> Any:
        return _over_sampling().SMOTE(**how)


@register("transform", "borderline_smote")
class BorderlineSMOTE(AroundSynthesizer):
    """SMOTE from rows of which most neighbors are of other classes (Han et al. 2005, variant 1)."""

    TAKES = ("table",)
    MAKES = True

    def __init__(self, *, k: Near = 5, around: Around = 10) -> None:
        super().__init__(k=k, around=around)

    def sampler(self, given: Training, **how: Any) -> Any:
        return _over_sampling().BorderlineSMOTE(m_neighbors=self.neighbors(given), **how)


@register("transform", "svm_smote")
class SVMSMOTE(AroundSynthesizer):
    """SMOTE from the support vectors of a support vector machine (Nguyen et al. 2011)."""

    TAKES = ("table",)
    MAKES = True

    def __init__(self, *, k: Near = 5, around: Around = 10) -> None:
        super().__init__(k=k, around=around)

    def sampler(self, given: Training, **how: Any) -> Any:
        return _over_sampling().SVMSMOTE(m_neighbors=self.neighbors(given), **how)


@register("transform", "smotenc")
class SMOTENC(Synthesizer):
    """SMOTE for numbers beside categories, which become the most frequent one of the neighbors (Chawla et al. 2002)."""

    TAKES = ("table",)
    MAKES = True
    CATEGORIES = True

    def __init__(self, *, k: Near = 5) -> None:
        super().__init__(k=k)

    def misfit(self, columns: Sequence[Column]) -> str:
        """Return why the table needs another method: it lacks categories, or numbers beside them."""
        kinds = {column.kind for column in columns}
        if "category" not in kinds:
            return "is for tables with columns of categories, and this one has none; use smote in its place"
        return "" if len(kinds) > 1 else "needs a column of numbers beside the categories, and this table has none"

    def sampler(self, given: Training, **how: Any) -> Any:
        return _over_sampling().SMOTENC(given.categorical, **how)


@register("transform", "adasyn")
class ADASYN(Synthesizer):
    """SMOTE with more rows where a class has more neighbors of other classes (He et al. 2008).

    Where no row of a class has a neighbor of another class, ADASYN is undefined; `otherwise` then makes its rows. SMOTE
    makes the few that ADASYN's rounding leaves out.
    """

    TAKES = ("table",)
    MAKES = True

    def __init__(
        self,
        *,
        k: Near = 5,
        otherwise: Annotated[
            Literal["error", "smote", "repeat"],
            Field(description="for a class that ADASYN cannot make rows of: an error, `smote`, or `repeat` its rows"),
        ] = "error",
    ) -> None:
        super().__init__(k=k)
        self.otherwise = otherwise
        self.refused = False
        """Whether `otherwise` made the rows."""

    def make(self, given: Training, label: int, count: int, generator: np.random.Generator) -> Floats:
        """Return `count` rows of a class."""
        try:
            made = super().make(given, label, count, generator)
        except UnsuitedError as problem:
            if self.otherwise == "error":
                raise UnsuitedError(f"{problem}; set otherwise to smote or repeat") from None
            self.refused = True
            made = np.empty((0, given.rows.shape[1]))
            if self.otherwise == "repeat":
                repeated: Floats = given.rows[generator.choice(np.flatnonzero(given.labels == label), count)]
                return repeated
        left = count - len(made)
        return np.concatenate([made, SMOTE(k=self.k).make(given, label, left, generator)]) if left else made

    def sampler(self, given: Training, **how: Any) -> Any:
        return _over_sampling().ADASYN(n_neighbors=how.pop("k_neighbors"), **how)
