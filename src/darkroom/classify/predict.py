"""The command `classify predict`: predict new images with a trained classifier, or a model of labels or numbers.

    predictions.csv   or .parquet: one row per file, sorted by name
    summary.json      the counts, and the weights and limits they belong to

Columns: `file`; of one class `prediction`, `confidence`, `sure`, `set` and `p/CLASS`, of labels `prediction` and `p/LABEL`, of
numbers `prediction/NAME`, `low/NAME` and `high/NAME`; the scores `energy` and `distance` as far as the evaluation has them,
`out_of_distribution`, and `note`: why a file could not be read, or that its shape is unlike those of the data set.
Of a model of texts or tables, every row of every table has one, named by file and row.
Everything is as in `classify evaluate`: preparation, views, temperature, thresholds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from darkroom import files
from darkroom.classify.predictor import Predictor
from darkroom.classify.trained import read_trained
from darkroom.classify.tta import PLAIN
from darkroom.data import incoming, new_rows, table
from darkroom.data.kind import PLURAL, SINGULAR
from darkroom.fit.model import available_cores

PREDICTIONS, SUMMARY = "predictions", "summary.json"
FLAGS = (("unsure", "sure", False), ("out_of_distribution", "out_of_distribution", True))
"""What is counted: its key, the column, and the value."""
WORDS = {"unsure": "not sure", "out_of_distribution": "out of distribution", "unread": "could not be read"}


def run(
    *,
    model: Path,
    samples: Path,
    view: str = PLAIN,
    risk: float | None = None,
    format: str = "csv",
    workers: int | None = None,
    out: Path | None = None,
) -> int:
    """Predict the files in a folder and its subfolders; `model` is the folder of a seed with its evaluation.

    Results go to `out`, by default `predictions/FOLDER`; `view` is plain or tta, `risk` the share of errors among the answers
    that are sure, `format` csv or parquet. Without `workers`, all cores are used. Return the exit code: 0, 3 if some files
    could not be read, 1 if none could. Raises ValueError if there are no files, or if `out` is not a result of this command.
    """
    name = table.file_name(PREDICTIONS, format)
    trained = read_trained(model)
    predictor, kind = Predictor.of(trained, view=view, risk=risk), trained.about.samples
    listing = incoming.listed(samples)
    target = (out or Path("predictions") / samples.resolve().name).resolve()
    reads = {"samples": samples.resolve(), "model": model.resolve()}
    incoming.check_out(target, table.file_names(PREDICTIONS), "classify predict", reads)
    counts: Counter[str] = Counter(images=0, unread=0)
    unread = incoming.Unreadable()
    with files.folder(target) as fresh:
        rows = predictor.listed(listing, workers=available_cores() if workers is None else workers)
        counted = _counted(rows, list(predictor.columns), counts, unread)
        table.write(fresh / name, predictor.columns, counted, total=new_rows.count(kind, listing))
        files.write_json(fresh / SUMMARY, dict(counts) | predictor.about)
    said = [f"{counts[key]:,} {words}" for key, words in WORDS.items() if key in counts]
    unit = (SINGULAR if counts["images"] == 1 else PLURAL)[kind]
    print(f"{counts['images']:,} {unit}: {', '.join(said)}; {out or target.relative_to(Path.cwd())}/{name}")
    return unread.tell(counts["images"])


def _counted(
    rows: Iterable[list[Any]], columns: Sequence[str], counts: Counter[str], unread: incoming.Unreadable
) -> Iterator[list[Any]]:
    """Yield rows, and count them; `sure` and `out_of_distribution` only where they are known."""
    for row in rows:
        counts["images"] += 1
        if row[1] is None:
            counts["unread"] += 1
            unread.add(row[0], row[-1])
        for key, column, counted in FLAGS:
            if column in columns and (flag := row[columns.index(column)]) is not None:
                counts[key] += flag is counted
        yield row
