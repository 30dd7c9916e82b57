"""Accuracy by number of labels of every acquisition rule, minus that of random choice, as config/active_learning.yaml simulates.

uv run python benchmarks/suggest.py [--config FILE] [--seeds N] [--rules NAME ...]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from darkroom.config.load import load, parse
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.job.stage import part
from darkroom.log import silent
from darkroom.report.results import Results
from darkroom.report.sections import suggest as section
from darkroom.suggest import simulate
from darkroom.suggest.config import SimulateSpec


def main() -> None:
    """Simulate, print the accuracies, and print each rule's difference from random choice with its verdict."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--config", type=Path, default=Path(__file__).parents[1] / "config/active_learning.yaml")
    options.add_argument("--seeds", type=int, help="default: those of the config")
    options.add_argument("--rules", nargs="+", help="default: those of the config")
    given = options.parse_args()
    config = load(parse(given.config), path=str(given.config))
    assert config.suggest, f"{given.config} has no section suggest"
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        fetch.run(FetchSpec(source=config.data.source), out=root / "raw", log=silent)
        spec = part(PrepareSpec, config.data, name=config.name)
        prepare.run(spec, raw=root / "raw", out=root / "data", log=silent)
        folders = {}
        for seed in config.suggest.seeds[: given.seeds]:
            for rule in config.suggest.rules:
                name = rule.name  # type: ignore[attr-defined]
                if given.rules is None or name in given.rules:
                    job = part(SimulateSpec, config.suggest, acquisition=rule, seed=seed)
                    folders[f"{name}/{seed}"] = root / name / str(seed)
                    simulate.run(job, data=root / "data", out=folders[f"{name}/{seed}"], log=silent)
        show(folders)
        found = section.read(Results(config.name, root / "data", root, {}, [], [], [], simulations=folders))
    assert found is not None
    for one in found.compared:
        gain, p = one.gain, "" if one.p is None else f", p {one.p:.3f}"
        points = f"{100 * gain.value:+.1f} points ({100 * gain.low:+.1f} to {100 * gain.high:+.1f})"
        print(f"{one.rule:10} minus random {points}{p}: {'better' if one.better else 'not clearly better'}")
    print(section.answer(found).findings[0].words if found.compared else "nothing to compare")
    print(f"{len(folders)} simulations, {time.perf_counter() - began:.0f} s")


def show(folders: dict[str, Path]) -> None:
    """Print the mean accuracy over seeds by rule and number of labels."""
    scores: dict[str, list[pd.Series]] = {}
    for key, folder in folders.items():
        table = pd.read_parquet(folder / simulate.PREDICTIONS)
        right = table.filter(like=section.COLUMN).eq(table["label"], axis=0).mean()
        scores.setdefault(key.rpartition("/")[0], []).append(right)
    columns = [name.removeprefix(section.COLUMN) for name in next(iter(scores.values()))[0].index]
    print(f"{'labels':10}" + "".join(f"{name:>8}" for name in columns))
    for rule, found in scores.items():
        print(f"{rule:10}" + "".join(f"{value:8.3f}" for value in np.mean(found, axis=0)))


if __name__ == "__main__":
    main()
