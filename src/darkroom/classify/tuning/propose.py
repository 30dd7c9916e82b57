"""What a trial of a later round tries, given the results of earlier ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.classify.tuning.space import Range, Values
from darkroom.randomness import derive

RESULT = "trial.json"


@dataclass(frozen=True)
class Trial:
    """The result of a trial: a score, higher is better, and a loss; neither if its training diverged."""

    folder: str
    values: Values
    score: float | None
    loss: float | None

    @property
    def rank(self) -> tuple[float, float]:
        """Sorts the best trial first: the highest score, then the lowest loss."""
        return (
            float("inf") if self.score is None else -self.score,
            float("inf") if self.loss is None else self.loss,
        )


def read(root: Path, folders: Sequence[str]) -> list[Trial]:
    """Read trials below a search's folder, in order."""
    return [
        Trial(folder, about["values"], about["score"], about["loss"])
        for folder, about in ((folder, files.read_json(root / folder / RESULT)) for folder in folders)
    ]


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Return trials with the best first; of equal ones, the earlier."""
    return sorted(trials, key=lambda trial: trial.rank)


def sampled(space: Mapping[str, Any], earlier: Sequence[Trial], *, seed: int) -> Values:
    """Return the values that Optuna's tree-structured Parzen estimator proposes after these trials.

    A trial that diverged counts as the worst of them.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {key: _distribution(choices) for key, choices in sorted(space.items())}
    worst = min((trial.score for trial in earlier if trial.score is not None), default=0.0)
    sampler = optuna.samplers.TPESampler(seed=derive(seed, "tpe") % 2**32, n_startup_trials=0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for trial in earlier:
        known = {key: _position(space[key], value) for key, value in trial.values.items()}
        value = worst if trial.score is None else trial.score
        study.add_trial(optuna.trial.create_trial(params=known, distributions=distributions, value=value))
    chosen = study.ask(distributions).params
    return {key: _value(space[key], found) for key, found in chosen.items()}


def _distribution(choices: Any) -> Any:
    """Return Optuna's description of a key's values; a list is described by its positions, as it may hold mappings."""
    from optuna import distributions

    if not isinstance(choices, Range):
        return distributions.CategoricalDistribution(range(len(choices)))
    if choices.whole:
        return distributions.IntDistribution(int(choices.low), int(choices.high), log=choices.log)
    return distributions.FloatDistribution(choices.low, choices.high, log=choices.log)


def _position(choices: Any, value: Any) -> Any:
    return value if isinstance(choices, Range) else choices.index(value)


def _value(choices: Any, found: Any) -> Any:
    if not isinstance(choices, Range):
        return choices[found]
    return int(found) if choices.whole else min(max(float(f"{found:.4g}"), choices.low), choices.high)
