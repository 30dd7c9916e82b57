"""Synthetic rows between a row and its neighbors of the same class, by imbalanced-learn: SMOTE and its relatives.

Neighbors are searched for among standardized numbers. Classes keep the number of copies that the policy plans; which rows
they start from is the method's choice.
"""

from __future__ import annotations

import warnings
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from darkroom.augment.rows.options import Around, Near
from darkroom.augment.rows.training import Floats, Training
from darkroom.registry import register
from darkroom.settings import quoted


class UnsuitedError(ValueError):
    """A method that cannot make rows of a class from these training rows."""


class Synthesizer:
    """Makes rows of one class from all training rows."""

    TAKES = ("table",)
    MAKES = True
    CATEGORIES = False
    """Whether it makes rows with categories."""

    def __init__(self, *, k: Near = 5) -> None:
        self.k = k

    def make(self, given: Training, label: int, count: int, generator: np.random.Generator) -> Floats:
        """Return `count` rows of a class. Raises `UnsuitedError` with the config key to change if the method cannot."""
        if not self.CATEGORIES and given.categorical:
            raise UnsuitedError(
                "interpolates numbers, but the table has columns of categories; use smotenc, or drop them"
            )
        own = int((given.labels == label).sum())
        if own < 2:
            raise UnsuitedError(f"interpolates between rows of a class, but one has {own} in the training split")
        sampler = self.sampler(given, min(self.k, own - 1), {label: own + count}, int(generator.integers(2**31)))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about classes that are not the smallest
                rows, labels = sampler.fit_resample(given.rows, given.labels)
        except (ValueError, RuntimeError) as error:
            raise UnsuitedError(f"failed: {' '.join(str(error).split())}") from None
        made: Floats = rows[len(given.rows) :][labels[len(given.rows) :] == label][:count]
        return made

    def sampler(self, given: Training, k: int, wanted: dict[int, int], seed: int) -> Any:
        """Return imbalanced-learn's sampler with k neighbors, the wanted rows of a class, and a seed."""
        raise NotImplementedError


@register("transform", "smote")
class SMOTE(Synthesizer):
    """Points between a row and one of its nearest neighbors of the class (Chawla et al. 2002)."""

    TAKES = ("table",)
    MAKES = True

    def __init__(self, *, k: Near = 5) -> None:
        super().__init__(k=k)

    def sampler(self, given: Training, k: int, wanted: dict[int, int], seed: int) -> Any:
        from imblearn import over_sampling

        return over_sampling.SMOTE(k_neighbors=k, sampling_strategy=wanted, random_state=seed)


@register("transform", "borderline_smote")
class BorderlineSMOTE(Synthesizer):
    """SMOTE from rows of which most neighbors are of other classes (Han et al. 2005, variant 1)."""

    TAKES = ("table",)
    MAKES = True

    def __init__(self, *, k: Near = 5, around: Around = 10) -> None:
        super().__init__(k=k)
        self.around = around

    def sampler(self, given: Training, k: int, wanted: dict[int, int], seed: int) -> Any:
        from imblearn import over_sampling

        return over_sampling.BorderlineSMOTE(
            k_neighbors=k,
            m_neighbors=min(self.around, len(given.rows) - 1),
            sampling_strategy=wanted,
            random_state=seed,
        )


@register("transform", "svm_smote")
class SVMSMOTE(Synthesizer):
    """SMOTE from the support vectors of a support vector machine (Nguyen et al. 2011)."""

    TAKES = ("table",)
    MAKES = True

    def __init__(self, *, k: Near = 5, around: Around = 10) -> None:
        super().__init__(k=k)
        self.around = around

    def sampler(self, given: Training, k: int, wanted: dict[int, int], seed: int) -> Any:
        from imblearn import over_sampling

        return over_sampling.SVMSMOTE(
            k_neighbors=k,
            m_neighbors=min(self.around, len(given.rows) - 1),
            sampling_strategy=wanted,
            random_state=seed,
        )


@register("transform", "smotenc")
class SMOTENC(Synthesizer):
    """SMOTE for numbers beside categories, which become the most frequent one of the neighbors (Chawla et al. 2002)."""

    TAKES = ("table",)
    MAKES = True
    CATEGORIES = True

    def __init__(self, *, k: Near = 5) -> None:
        super().__init__(k=k)

    def sampler(self, given: Training, k: int, wanted: dict[int, int], seed: int) -> Any:
        from imblearn import over_sampling

        if not given.categorical:
            raise UnsuitedError("is for tables with columns of categories, and this one has none; use smote")
        if not given.numeric:
            raise UnsuitedError("needs a column of numbers beside the categories, and this table has none")
        return over_sampling.SMOTENC(given.categorical, k_neighbors=k, sampling_strategy=wanted, random_state=seed)


@register("transform", "adasyn")
class ADASYN(Synthesizer):
    """SMOTE with more rows where a class has more neighbors of other classes (He et al. 2008).

    Where no row of a class has a neighbor of another class, ADASYN is undefined; `otherwise` then makes its rows. It also
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
        self.refused: list[int] = []
        """Labels of the classes that `otherwise` made the rows of."""

    def make(self, given: Training, label: int, count: int, generator: np.random.Generator) -> Floats:
        """Return `count` rows of a class."""
        try:
            made = super().make(given, label, count, generator)
        except UnsuitedError as problem:
            if self.otherwise == "error":
                raise UnsuitedError(f"{problem}; set otherwise to smote or repeat") from None
            self.refused.append(label)
            made = np.empty((0, given.rows.shape[1]))
        left = count - len(made)
        if left and self.otherwise == "smote":
            return np.concatenate([made, SMOTE(k=self.k).make(given, label, left, generator)])
        own = given.rows[given.labels == label]
        return np.concatenate([made, own[generator.integers(len(own), size=left)]])

    def sampler(self, given: Training, k: int, wanted: dict[int, int], seed: int) -> Any:
        from imblearn import over_sampling

        return over_sampling.ADASYN(n_neighbors=k, sampling_strategy=wanted, random_state=seed)


def explained(problem: UnsuitedError, name: str, label: str) -> ValueError:
    """Return the error of a step of a policy that cannot make rows of a class."""
    return ValueError(f"the policy's {name} {problem} (class {quoted(label)})")
