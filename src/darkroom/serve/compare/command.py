"""The command `darkroom compare A B`: a gate between two results on the same test images.

    comparison.json   each metric of A and B, the paired difference with its 95 % interval, and the verdict
    items.csv         the images that B breaks and fixes
    index.html        the same as a page, with pictures

The exit code is 1 if B is clearly worse on a named metric, else 0. B is promoted only if it is clearly better, or not inferior
within an allowed margin, on all named metrics: "no clear difference" never promotes.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from darkroom import files, registry
from darkroom.data import incoming
from darkroom.data.store import Store, open_store
from darkroom.serve.compare import page
from darkroom.serve.compare.metrics import metrics_of
from darkroom.serve.compare.pairs import Pair, pairs
from darkroom.serve.compare.verdict import PROMOTES, WORSE, Compared, compared

COMPARISON, ITEMS = "comparison.json", "items.csv"


def run(words: Sequence[str]) -> int:
    """Compare, print a line per metric, and write the results. Raises ValueError if the results cannot be compared."""
    given = _parser().parse_args(words)
    found = pairs(given.a, given.b)
    allowed = _margins(given.allow, found)
    named = [name for part in given.metrics or () for name in part.split(",")]
    store = _store(given.data, given.a)
    results = [compared(pair, allowed, _groups(store)) for pair in found]
    chosen = {result.pair.name: _named(result, named, allowed) for result in results}
    reads = {"results A": given.a.resolve(), "results B": given.b.resolve()}
    incoming.check_out(given.out.resolve(), {COMPARISON}, "compare", reads)
    worse = [
        (name, metric) for name, metrics in chosen.items() for metric in metrics if _is(results, name, metric, {WORSE})
    ]
    promoted = all(_is(results, name, metric, set(PROMOTES)) for name, metrics in chosen.items() for metric in metrics)
    with files.folder(given.out.resolve()) as fresh:
        files.write_json(fresh / COMPARISON, described(results, chosen, promoted=promoted))
        for result in results:
            print(*page.lines(result, chosen[result.pair.name]), sep="\n")
        _write_items(fresh / ITEMS, results)
        page.write(fresh, results, chosen, store, compared=(given.a, given.b), promoted=promoted)
    verdict = "B is clearly worse" if worse else "B may be promoted" if promoted else "no reason to promote B"
    print(f"{verdict}; {given.out}/index.html")
    return 1 if worse else 0


def described(results: Sequence[Compared], chosen: Mapping[str, Sequence[str]], *, promoted: bool) -> dict[str, Any]:
    """Return comparison.json."""
    return {
        "promoted": promoted,
        "classifiers": [
            {
                "name": result.pair.name,
                "images": result.images,
                "seeds": len(result.pair.seeds),
                "gate": list(chosen[result.pair.name]),
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="darkroom compare", description="Compare the results B with the results A on the same test images."
    )
    what = "folder of a seed, of a classifier with its seeds, or of all results"
    parser.add_argument("a", type=Path, metavar="A", help=f"{what}: what is in use")
    parser.add_argument("b", type=Path, metavar="B", help=f"{what}: what may replace it")
    parser.add_argument(
        "--metrics",
        action="append",
        help="metrics that decide, with commas between them (default: accuracy; image_f1 of labels, mae of numbers)",
    )
    parser.add_argument(
        "--allow",
        action="append",
        default=[],
        metavar="METRIC=CHANGE",
        help="how much a metric may change for the worse, such as accuracy=-0.005 or nll=0.01; may be repeated",
    )
    parser.add_argument("--data", type=Path, help="folder of the prepared images, for pictures and groups")
    parser.add_argument("--out", type=Path, default=Path("comparison"), help="where to write (default comparison)")
    return parser


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


def _named(result: Compared, named: Sequence[str], allowed: Mapping[str, float]) -> list[str]:
    """Return the metrics that decide: those named and those with a margin, else the main one."""
    for name in named:
        registry.known("metric of --metrics", name, list(result.metrics))
    return list(dict.fromkeys([*named, *allowed])) or [result.main]


def _is(results: Sequence[Compared], name: str, metric: str, verdicts: set[str]) -> bool:
    return any(one.metrics[metric].verdict in verdicts for one in results if one.pair.name == name)


def _bounds(gain: Any) -> dict[str, float]:
    return {"value": gain.value, "low": gain.low, "high": gain.high}


def _store(data: Path | None, results: Path) -> Store | None:
    """Open the images that the results are of: `data/NAME/prepared` beside `results/NAME`, or those given; None if absent."""
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
