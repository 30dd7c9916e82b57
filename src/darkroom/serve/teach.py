"""The command `detect teach`: let a fitted detector learn from an operator's verdicts, as a new version beside it.

    model/         the detector with the false alarms taken in; teaching.json has its parents and what changed
    evaluation/    as `detect evaluate` writes it, at the new threshold

`verdicts` is a CSV file with the columns file and verdict: `false alarm`, `miss` or `right`. The detector itself stays as it is.
"""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from darkroom import files
from darkroom.data import beside, incoming
from darkroom.detect.evaluate import measure
from darkroom.detect.teaching import evidence, lesson
from darkroom.detect.teaching.verdicts import judged, read
from darkroom.report import looks
from darkroom.serve.tracked import tracked

NAME = "taught"
"""A version is in `taught-1` and so on beside its parent."""


def run(
    *,
    model: Path,
    verdicts: Path,
    images: Path | None = None,
    data: Path | None = None,
    tolerance: float = 0.02,
    out: Path | None = None,
) -> None:
    """Teach the detector in the folder of a seed, print what changed, and write the new version to `out`, if anything did.

    The files of the table are in `images`, by default in the folder of the table; `data` is the prepared store, by default
    `data/NAME/prepared` beside `results/NAME`. Raises ValueError, and writes nothing, if the verdicts cannot be used or what
    was right would get worse beyond the tolerance.
    """
    if not 0 <= tolerance < 1:
        raise ValueError(f"--tolerance is {tolerance:g}; it must be at least 0 and below 1")
    said, parent = read(verdicts), lesson.read_parent(model)
    prepared = beside.prepared(data, model, "whose validation images show what changed")
    home = parent.folder.parent
    target = out or next(
        home.with_name(f"{NAME}-{k}") for k in itertools.count(1) if not home.with_name(f"{NAME}-{k}").exists()
    )
    folder = images or verdicts.parent
    reads = {"model": parent.folder.resolve(), "data": prepared.resolve()} | (
        {"images": images.resolve()} if images else {}
    )
    incoming.check_out(target.resolve(), (), "detect teach, each of which is a new version", reads)
    given = judged(said, folder, parent.preparation)
    learned = lesson.teach(parent, given, prepared, tolerance=tolerance)
    print(*evidence.lines(learned.changed), sep="\n")
    if lesson.unchanged(parent, learned):
        print("nothing changed: detector and threshold stay as they are, and no new version is written")
        return
    counts = Counter(given.verdicts)
    about = {
        "parent": parent.lineage[-1],
        "verdicts": dict(counts) | {"sha256": files.sha256(verdicts)},
        "tolerance": tolerance,
        "threshold": {"before": parent.point.value, "after": learned.threshold.value},
    }
    dataset = (beside.data_set(home) or ("", Path()))[0]
    settings = {"tolerance": tolerance, "verdicts": dict(counts), "threshold": learned.threshold.value}
    tags = {"model": parent.about.plugin["name"], "parent": parent.lineage[-1][:16]}
    inputs = {"model": parent.folder, "data": prepared}
    with tracked("detect teach", dataset, settings, target / "model", inputs=inputs, tags=tags) as log:
        with files.folder(target.resolve(), whole=False) as fresh:  # its two folders have a manifest each
            made = fresh / "model", fresh / "evaluation"
            lesson.save(made[0], parent, learned, about)
            measure(parent.spec, data=prepared, model=made[0], out=made[1], log=log, threshold=learned.threshold)
            shutil.copyfile(parent.evaluation / files.RECORD, made[1] / files.RECORD)
            try:
                target.mkdir(parents=True)  # of two teachings at once, one gets the folder
            except FileExistsError:
                raise ValueError(f"another teaching has just written {target}; run the command again") from None
        log({"threshold/before": parent.point.value} | _flat(learned))
    made = target / "model", target / "evaluation"
    looks.note("detect evaluate", parent.spec.model_dump(mode="json"), data=prepared, model=made[0], out=made[1])
    for line in _flattered(learned):
        print(line)
    print(_conclusion(parent, learned), target, sep="; ")


def _conclusion(parent: lesson.Parent, learned: lesson.Lesson) -> str:
    """Say in words what came of the verdicts."""
    found = [f"threshold {parent.point.value:.4g} → {learned.threshold.value:.4g}"]
    for name in (evidence.FALSE_ALARMS, evidence.MISSES):
        if change := learned.changed.get(name):
            found.append(f"{change.right_after} of {change.images} {name} are now right")
    if evidence.ANOMALOUS not in learned.changed:
        found.append(
            "no validation image is anomalous, so the effect on anomalies is that on confirmed and test images alone"
        )
    return "; ".join(found)


def _flattered(learned: lesson.Lesson) -> Iterator[str]:
    """Warn of numbers on images that the detector has been taught."""
    numbers = {"val": ("validation", "table above"), "test": ("test", "evaluation")}
    for split, count in learned.known.items():
        kind, where = numbers[split]
        yield f"{count} of the images with verdicts are {kind} images of the data set: the {where} flatters the detector"


def _flat(learned: lesson.Lesson) -> dict[str, float]:
    """Return the changes as metrics: `changed/misses/fixed`."""
    return {
        f"changed/{group.replace(' ', '_')}/{name}": float(value)
        for group, change in evidence.table(learned.changed).items()
        for name, value in change.items()
    }
