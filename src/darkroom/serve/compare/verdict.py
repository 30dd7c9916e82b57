"""Compare a pair of models metric by metric, and judge each difference: clearly better, clearly worse, or neither."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkroom.measure.intervals import Difference, paired
from darkroom.serve.compare.metrics import Metric, metrics_of, of_images
from darkroom.serve.compare.pairs import Pair, tested, truth

BETTER, WORSE, NOT_INFERIOR, UNCLEAR = "better", "worse", "not inferior", "no clear difference"
PROMOTES = (BETTER, NOT_INFERIOR)
MOST_GROUPS = 20
"""Most groups in a table; more are usually groups of a few images each rather than parts of the data."""


@dataclass(frozen=True)
class Measured:
    """A metric of both models, averaged over seeds, and how much better B is, with its 95 % interval."""

    metric: Metric
    a: float
    b: float
    gain: Difference
    verdict: str


@dataclass(frozen=True, eq=False)
class Compared:
    """A pair of models on all metrics; `changed` has the images that B breaks and fixes, the broken ones first."""

    pair: Pair
    gate: list[str]
    """The names of the metrics that decide."""
    images: int
    metrics: dict[str, Measured]
    classes: dict[str, tuple[int, Difference]]
    """The number of test images of each class, or with each label, and the gain on them, see `of_images`."""
    groups: dict[str, tuple[int, Difference]]
    changed: pd.DataFrame

    @property
    def worse(self) -> bool:
        """Whether B is clearly worse on a metric that decides."""
        return any(self.metrics[name].verdict == WORSE for name in self.gate)

    @property
    def promoted(self) -> bool:
        """Whether B is clearly better, or not inferior, on all metrics that decide."""
        return all(self.metrics[name].verdict in PROMOTES for name in self.gate)


def conclusion(results: Sequence[Compared]) -> str:
    """Say in words what follows from all comparisons."""
    if any(result.worse for result in results):
        return "B is clearly worse"
    return "B may be promoted" if all(result.promoted for result in results) else "No reason to promote B"


def compared(pair: Pair, named: Sequence[str], *, allowed: Mapping[str, float], groups: Mapping[str, str]) -> Compared:
    """Compare a pair on all its metrics; those `named` and those `allowed` a loss decide, the main one if it has none of them.

    `allowed` are margins as gains below 0, `groups` those of the images by id.
    The interval of a difference is that of the report's comparisons: a paired bootstrap over test images, which with several
    seeds also spans the t-interval over them.
    """
    metrics = metrics_of(pair)
    found = {}
    for name, metric in metrics.items():
        gain = metric.gain(pair.seeds)
        a, b = (float(np.mean([metric.of(runs[k]) for runs in pair.seeds])) for k in (0, 1))
        found[name] = Measured(metric, a, b, gain, judged(gain, allowed.get(name)))
    main = of_images(pair)
    gains = [main.gains(b, a) for a, b in pair.seeds]
    table = truth(pair.seeds[0][0])
    within = {name: _of(gains, rows, shares=main.share) for name, rows in _classes(pair, table).items() if rows.any()}
    names = pd.Series([groups.get(str(one)) for one in table["id"]], dtype=object)
    each = names.dropna().unique()
    parts = {str(g): _of(gains, (names == g).to_numpy(), shares=main.share) for g in sorted(each, key=str)}
    few = 1 < len(each) <= MOST_GROUPS
    gate = [name for name in dict.fromkeys([*named, *allowed]) if name in metrics] or [next(iter(metrics))]
    changed = _changed(pair, np.mean(gains, axis=0))
    return Compared(pair, gate, len(table), found, within, parts if few else {}, changed)


def judged(gain: Difference, allowed: float | None = None) -> str:
    """Judge a gain of B; `allowed`, a gain below 0, is what B may lose (non-inferiority)."""
    if gain.low > 0:
        return BETTER
    if allowed is not None and gain.low >= allowed:
        return NOT_INFERIOR
    return WORSE if gain.high < (allowed or 0) else UNCLEAR


def _of(gains: Sequence[NDArray[np.float64]], rows: NDArray[np.bool_], *, shares: bool) -> tuple[int, Difference]:
    return int(rows.sum()), paired([each[rows] for each in gains], shares=shares)


def _classes(pair: Pair, table: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Return which images (N,) are of each class, or have each label; none for numbers."""
    if pair.kind == "numbers":
        return {}
    if pair.kind == "labels":
        return {name: table[f"true_{k}"].to_numpy(bool) for k, name in enumerate(pair.names)}
    return {name: (table["label"] == k).to_numpy() for k, name in enumerate(pair.names)}


def _changed(pair: Pair, gain: NDArray[np.float64]) -> pd.DataFrame:
    """Tabulate the images with a loss or gain, averaged over seeds, the largest losses first, then the largest gains.

    The answers are those of the first seed. The index is the place among the test images, ordered by id.
    """
    first, second = (_answers(pair, tested(run)) for run in pair.seeds[0])
    table = pd.DataFrame(
        {
            "id": first["id"],
            "turned": np.where(gain < 0, "broken", "fixed"),
            "label": first["truth"],
            "a": first["answer"],
            "b": second["answer"],
            "gain": gain,
        }
    )
    table = table[gain != 0]
    order = np.lexsort((table["id"], -table["gain"].abs(), table["gain"] > 0))
    found: pd.DataFrame = table.iloc[order]
    return found


def _answers(pair: Pair, table: pd.DataFrame) -> pd.DataFrame:
    """Return the id, the truth and the answer for each image as text."""
    names = pair.names
    if pair.kind == "anomalies":
        columns = [_class_names(names, table["label"]), np.where(table["flagged"], "flagged", "not flagged").tolist()]
    elif pair.kind == "class":
        columns = [[names[k] for k in table[column]] for column in ("label", "prediction_plain")]
    else:
        parts = [table.filter(regex=f"^{part}_").to_numpy() for part in ("true", "prediction_plain")]
        columns = [[_text(names, row) if pair.kind == "labels" else _numbers(row) for row in part] for part in parts]
    return pd.DataFrame({"id": table["id"], "truth": columns[0], "answer": columns[1]})


def _class_names(names: Sequence[str], labels: pd.Series[int]) -> list[str]:
    return [names[label] if label >= 0 else "no class" for label in labels]


def _text(names: Sequence[str], row: NDArray[np.bool_]) -> str:
    return ", ".join(name for name, here in zip(names, row, strict=True) if here) or "none"


def _numbers(row: NDArray[np.float64]) -> str:
    return ", ".join(f"{value:.4g}" for value in row)
