"""The command `compare`: compare the results B with the results A on the same test images, as a gate.

    comparison.json   each metric of A and B, the paired difference with its 95 % interval, and the verdict
    items.csv         the images that B breaks and fixes
    index.html        the same as a page, with pictures

A and B are folders of results, configs, MLflow runs or commits, see `sources`. If MLFLOW_TRACKING_URI is set, or earlier runs
went to MLflow, the comparison is a run there, with the differences as metrics and these files as artifacts.

The exit code is 1 if B is clearly worse on a metric that decides, else 0. B is promoted only if it is clearly better, or not
inferior within an allowed margin, on all of them: "no clear difference" never promotes.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from darkroom import files, registry
from darkroom.data import beside, incoming
from darkroom.data.store import GROUP_NAME, Store, open_store
from darkroom.measure.intervals import Difference
from darkroom.report.results import Run
from darkroom.serve.compare import page
from darkroom.serve.compare.metrics import Metric, metrics_of
from darkroom.serve.compare.pairs import Pair, pairs, unpaired
from darkroom.serve.compare.sources import methods
from darkroom.serve.compare.verdict import Compared, compared, conclusion
from darkroom.serve.tracked import tracked
from darkroom.tracking.database import LOCAL_ARTIFACTS

COMPARISON, ITEMS = "comparison.json", "items.csv"


def run(
    a: str,
    b: str,
    *,
    metrics: str | None = None,
    allow: str | None = None,
    data: Path | None = None,
    out: Path = Path("comparison"),
) -> int:
    """Compare, print a line per metric, and write the results. Raises ValueError if the results cannot be compared."""
    ours, theirs = methods(a), methods(b)
    found = pairs(ours, theirs, named=(a, b))
    alone = unpaired(ours, theirs, found)
    known = {name: metric for pair in found for name, metric in metrics_of(pair).items()}
    named, allowed = _parts(metrics), _margins(_parts(allow), known)
    for each in named:
        registry.known("metric of --metrics", each, list(known))
    name, prepared = _data_set(found)
    store = (
        open_store(beside.named(data) if data else prepared) if data or (prepared / files.MANIFEST).is_file() else None
    )
    groups = _groups(store)
    results = [compared(pair, named, allowed=allowed, groups=groups) for pair in found]
    given = {f"results {side}": Path(text).resolve() for side, text in (("A", a), ("B", b)) if Path(text).exists()}
    incoming.check_out(out.resolve(), {COMPARISON}, "compare", given)
    settings = {"a": a, "b": b, "metrics": named, "allow": allowed}
    with tracked("compare", name, settings, out) as log:
        with files.folder(out.resolve()) as fresh:
            files.write_json(fresh / COMPARISON, described(results, alone))
            _write_items(fresh / ITEMS, results)
            page.write(fresh, results, store, compared=(a, b), unpaired=alone)
        log(_flat(results))
    for result in results:
        print(*page.lines(result), sep="\n")
    if alone:
        print(f"not compared: {'; '.join(alone)}")
    print(f"{conclusion(results)}; {out}/index.html")
    return 1 if any(result.worse for result in results) else 0


def described(results: Sequence[Compared], unpaired: Sequence[str]) -> dict[str, Any]:
    """Return the content of comparison.json."""
    return {
        "promoted": all(result.promoted for result in results),
        "unpaired": [*unpaired],
        "models": [
            {
                "name": result.pair.name,
                "images": result.images,
                "seeds": len(result.pair.seeds),
                "weights": {side: [_weights(runs[k]) for runs in result.pair.seeds] for k, side in enumerate("ab")},
                "gate": result.gate,
                "metrics": {
                    name: {"a": one.a, "b": one.b, "gain": _bounds(one.gain), "verdict": one.verdict}
                    for name, one in result.metrics.items()
                },
                "classes": {name: {"images": n, "gain": _bounds(gain)} for name, (n, gain) in result.classes.items()},
                "groups": {name: {"images": n, "gain": _bounds(gain)} for name, (n, gain) in result.groups.items()},
            }
            for result in results
        ],
    }


def _weights(run: Run) -> str:
    """Return the sha256 of a model's weights, by which `darkroom promote` knows it; empty if its folder does not say."""
    listed = (run.model_folder / files.MANIFEST).is_file()
    return files.read_manifest(run.model_folder).get("weights.pt", "") if listed else ""


def _parts(given: str | None) -> list[str]:
    return given.split(",") if given else []


def _margins(given: Sequence[str], known: Mapping[str, Metric]) -> dict[str, float]:
    """Return the margins as gains, below 0. Raises ValueError for unknown metrics and for changes for the better."""
    margins = {}
    for text in given:
        name, _, value = text.partition("=")
        registry.known("metric of --allow", name, list(known))
        metric = known[name]
        try:
            change = float(value)
        except ValueError:
            change = float("nan")
        gain = -change if metric.lower else change
        if not np.isfinite(gain) or gain >= 0:
            example = "0.01" if metric.lower else "-0.005"
            raise ValueError(f"--allow: got {text}; expected a change for the worse, such as {name}={example}")
        margins[name] = gain
    return margins


def _bounds(gain: Difference) -> dict[str, float]:
    return {"value": gain.value, "low": gain.low, "high": gain.high}


def _data_set(found: Sequence[Pair]) -> tuple[str, Path]:
    """Return the name of the data set that results in `results/NAME` are of, and where its prepared images should be.

    Without such a folder the name is empty and the images are nowhere.
    """
    for run in (run for pair in found for runs in pair.seeds for run in runs):
        if known := beside.data_set(run.evaluation_folder, artifacts=LOCAL_ARTIFACTS.name):
            return known
    return "", Path("data", "nowhere")


def _flat(results: Sequence[Compared]) -> dict[str, float]:
    """Return the numbers as metrics: `a/accuracy`, `b/accuracy`, `gain/accuracy`, `gain/accuracy/low`, by model if several."""
    flat = {"promoted": float(all(result.promoted for result in results))}
    for result in results:
        place = f"{result.pair.name}/" if len(results) > 1 else ""
        for name, one in result.metrics.items():
            flat |= {f"{place}a/{name}": one.a, f"{place}b/{name}": one.b, f"{place}gain/{name}": one.gain.value}
            flat |= {f"{place}gain/{name}/low": one.gain.low, f"{place}gain/{name}/high": one.gain.high}
    return flat


def _groups(store: Store | None) -> dict[str, str]:
    """Return the group of each test image by id, as the source names it; of images that it names none for, nothing."""
    if store is None or GROUP_NAME not in store.items:
        return {}
    items = store.items.iloc[store.rows("test")].dropna(subset=GROUP_NAME)
    return dict(zip(items["id"], items[GROUP_NAME], strict=True))


def _write_items(path: Path, results: Sequence[Compared]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["model", "id", "turned", "label", "a", "b", "gain"])
        for result in results:
            writer.writerows([result.pair.name, *row] for row in result.changed.itertuples(index=False))
