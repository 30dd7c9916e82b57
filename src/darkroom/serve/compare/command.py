"""The command `compare`: compare the results B with the results A on the same test images, as a gate.

    comparison.json   each metric of A and B, the paired difference with its 95 % interval, and the verdict
    items.csv         the images that B breaks and fixes
    index.html        the same as a page, with pictures

The exit code is 1 if B is clearly worse on a metric that decides, else 0. B is promoted only if it is clearly better, or not
inferior within an allowed margin, on all of them: "no clear difference" never promotes.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from darkroom import files, registry
from darkroom.data import incoming
from darkroom.data.store import Store, open_store
from darkroom.measure.intervals import Difference
from darkroom.serve.compare import page
from darkroom.serve.compare.metrics import metrics_of
from darkroom.serve.compare.pairs import Pair, pairs
from darkroom.serve.compare.verdict import Compared, compared, conclusion

COMPARISON, ITEMS = "comparison.json", "items.csv"


def run(
    a: Path,
    b: Path,
    *,
    metrics: str | None = None,
    allow: str | None = None,
    data: Path | None = None,
    out: Path = Path("comparison"),
) -> int:
    """Compare, print a line per metric, and write the results. Raises ValueError if the results cannot be compared."""
    found = pairs(a, b)
    named, allowed = _parts(metrics), _margins(_parts(allow), found)
    store = _store(data, a)
    groups = _groups(store)
    results = [compared(pair, named, allowed=allowed, groups=groups) for pair in found]
    incoming.check_out(out.resolve(), {COMPARISON}, "compare", {"results A": a.resolve(), "results B": b.resolve()})
    with files.folder(out.resolve()) as fresh:
        files.write_json(fresh / COMPARISON, described(results))
        _write_items(fresh / ITEMS, results)
        page.write(fresh, results, store, compared=(a, b))
    for result in results:
        print(*page.lines(result), sep="\n")
    print(f"{conclusion(results)}; {out}/index.html")
    return 1 if any(result.worse for result in results) else 0


def described(results: Sequence[Compared]) -> dict[str, Any]:
    """Return the content of comparison.json."""
    return {
        "promoted": all(result.promoted for result in results),
        "classifiers": [
            {
                "name": result.pair.name,
                "images": result.images,
                "seeds": len(result.pair.seeds),
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


def _parts(given: str | None) -> list[str]:
    return given.split(",") if given else []


def _margins(given: Sequence[str], found: Sequence[Pair]) -> dict[str, float]:
    """Return the margins as gains, below 0. Raises ValueError for unknown metrics and for changes for the better."""
    margins = {}
    for text in given:
        name, _, value = text.partition("=")
        for pair in found:
            registry.known("metric of --allow", name, list(metrics_of(pair)))
        metric = metrics_of(found[0])[name]
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


def _store(data: Path | None, results: Path) -> Store | None:
    """Open the prepared images of the results: `data`, or `data/NAME/prepared` beside `results/NAME`; None without them."""
    if data is not None:
        return open_store(data)
    parts = results.resolve().parts
    if "results" not in parts[:-1]:
        return None
    place = len(parts) - 1 - parts[::-1].index("results", 1)
    prepared = Path(*parts[:place]) / "data" / parts[place + 1] / "prepared"
    return open_store(prepared) if (prepared / files.MANIFEST).is_file() else None


def _groups(store: Store | None) -> dict[str, str]:
    """Return the group of each test image by id."""
    if store is None:
        return {}
    items = store.items.iloc[store.rows("test")]
    return {str(item): str(group) for item, group in zip(items["id"], items["group"], strict=True)}


def _write_items(path: Path, results: Sequence[Compared]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["classifier", "id", "turned", "label", "a", "b", "gain"])
        for result in results:
            writer.writerows([result.pair.name, *row] for row in result.changed.itertuples(index=False))
