"""Tables of the generators: quality in each feature space, near-copies, cost, latent spaces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from darkroom.measure.intervals import Number
from darkroom.report.parts.table import SIZES, Cell, Row, Table, cell, rows, seconds, size
from darkroom.report.results import Method
from darkroom.report.words import text
from darkroom.report.words.finding import Finding
from darkroom.report.words.text import say

QUALITY = {
    "fid": ("FID", "compact"),
    "kid": ("KID", "compact"),
    "precision": ("Precision", "decimal"),
    "recall": ("Recall", "decimal"),
    "density": ("Density", "decimal"),
    "coverage": ("Coverage", "decimal"),
}
BOUNDED = ("precision", "recall", "coverage")
SPACES = {
    "judge": "the data set's own classifier",
    "imagenet": "an ImageNet network (EfficientNet-Lite0)",
    "inception": "Inception-v3",
}
FEATURES = {"judge": "judge", "imagenet": "EfficientNet-Lite0", "inception": "Inception"}
"""What FID and KID are named by: they compare only in the same features."""
PARTS = {"elbo": "ELBO", "reconstruction": "Reconstruction", "kl": "KL"}
COPIES_GROUPS = {
    "Near-copies of training images": ["among samples, %", "among held-out images, %"],
    "Median distance to the nearest": ["samples", "held-out"],
    "Median ratio": ["samples", "held-out"],
}
COPIES = 1.5
"""Near-copies are too many above this multiple of those among held-out images, if the interval agrees."""


@dataclass(frozen=True)
class Space:
    """The ranking in one feature space."""

    title: str
    basis: Markup
    table: Table


def space(name: str, ranked: Sequence[Method]) -> Space | None:
    """Tabulate the quality in one feature space, below that of real images; None if it was not measured there."""
    if all(m.number(name, "fid").value is None for m in ranked):
        return None
    first = ranked[0].first.metrics
    measured, floor = dict(first[name]), dict(first.get(f"{name}_floor", {}))
    accuracy = name == "judge"
    real = Row("real images", _quality(ranked[0], f"{name}_floor", ("accuracy_real",) if accuracy else None))
    cells = [_quality(m, name, ("accuracy",) if accuracy else None) for m in ranked]
    titles = [m.title for m in ranked]
    of = "validation images" if floor.get("of", "validation") == "validation" else "one half of them against the other"
    features = SPACES[name] + ("" if measured.get("trained", True) else " with random weights, as there are no labels")
    words = say(
        "Features of {}: {} of each model against {}. The first row compares {} ({}) in the same way; "
        "no model can be expected to do better.",
        features,
        text.plural(int(measured.get("samples", 0)), "sample"),
        text.plural(int(measured.get("against", 0)), "test image"),
        text.plural(int(floor.get("samples", 0)), "real image"),
        of,
    )
    if name == "inception":
        words += say(" Published FIDs use the same features, mostly of many more images: fewer raise the FID.")
    else:
        words += say(" These numbers are not comparable with published ones, which use Inception features.")
    table = Table("Generator", _columns(name, accuracy), [real, *rows(titles, cells, chosen=titles[0])])
    return Space(f"Seen by {SPACES[name]}", words, table)


def neutral(ranked: Sequence[Method]) -> Space | None:
    """Tabulate the quality at neutral sampling options, where families compare; None if all models are neutral anyway."""
    changed = {m.title: dict(dict(m.first.metrics.get("neutral", {})).get("options", {})) for m in ranked}
    if not any(changed.values()):
        return None
    titles = [f"{title} ({_options(options)})" if options else title for title, options in changed.items()]
    cells = [_quality(m, "neutral", ("neutral", "accuracy")) for m in ranked]
    words = say(
        "Options such as guidance trade variety for fidelity. Here no model trades anything, so that families compare at "
        "equal terms; features are those of {}.",
        SPACES["judge"],
    )
    return Space("With neutral sampling", words, Table("Generator", _columns("judge", True), rows(titles, cells)))


def _options(options: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {'off' if value is None else f'{value:g}'}" for name, value in options.items())


def _columns(name: str, accuracy: bool) -> list[str]:
    titles = [f"{title} ({FEATURES[name]})" if key in ("fid", "kid") else title for key, (title, _) in QUALITY.items()]
    return titles + (["Class recognized, %"] if accuracy else [])


def memory(ranked: Sequence[Method]) -> Table | None:
    """Tabulate near-copies of training images among samples, beside those among held-out images."""
    known = [m for m in ranked if m.number("memorization", "near_copies").value is not None]
    if not known:
        return None
    groups = [(title, len(columns)) for title, columns in COPIES_GROUPS.items()]
    columns = [column for columns in COPIES_GROUPS.values() for column in columns]
    return Table("Generator", columns, rows([m.title for m in known], [copies(m) for m in known]), groups)


def copies(method: Method) -> list[Cell]:
    """Return the cells under `COPIES_GROUPS`."""
    found, expected = method.share("memorization", "near_copies"), method.share("memorization", "expected")
    tone = "bad" if too_many_copies(method) else ""
    line = [cell(found, "percent", tone=tone), cell(Number(expected.value), "percent")]
    line += [cell(method.number("memorization", of, "distance", "q50"), "compact") for of in ("samples", "held_out")]
    line += [cell(method.number("memorization", of, "ratio", "q50"), "decimal") for of in ("samples", "held_out")]
    return line


def too_many_copies(method: Method) -> bool:
    """Return whether samples are clearly more often near-copies of training images than held-out images are."""
    copies, expected = method.share("memorization", "near_copies"), method.share("memorization", "expected")
    if copies.value is None or expected.value is None:
        return False
    return copies.value > COPIES * expected.value and (copies.low is None or copies.low > expected.value)


def memorizing(ranked: Sequence[Method]) -> Iterator[Finding]:
    """Warn of generators with too many near-copies."""
    for method in filter(too_many_copies, ranked):
        share = text.full(method.share("memorization", "near_copies"), "percent")
        words = say("{} of the samples of <b>{}</b> are near-copies of training images.", share, method.title)
        yield Finding("Generation", "memorizes", "bad", words)


def cost(ranked: Sequence[Method]) -> Table:
    """Tabulate size and times."""
    cells = []
    for m in ranked:
        counts = [m.measured("model", *path) for path in SIZES]
        line = [size(*counts), seconds(m.measured("model_timing", "seconds"))]
        cells.append([*line, cell(m.measured("timing", "ms_per_sample"), "compact")])
    return Table("Generator", ["Parameters", "Training", "ms per sample"], rows([m.title for m in ranked], cells))


def latent(ranked: Sequence[Method]) -> Table | None:
    """Tabulate the likelihood bound and the active units of models with a latent space; None if there are none."""
    models = [m for m in ranked if m.number("test", "elbo").value is not None]
    if not models:
        return None
    cells = []
    for m in models:
        active, units = m.measured("metrics", "active_units"), m.measured("metrics", "latent")
        shown = cell(active, "count")
        if active.value is not None and units.value is not None:
            shown = Cell(shown.main, f"of {text.count(units.value)}")
        cells.append([*(cell(m.number("test", part), "nats") for part in PARTS), shown])
    groups = [("nats per test image", len(PARTS)), ("", 1)]
    columns = [*PARTS.values(), "Active units"]
    return Table("Generator", columns, rows([m.title for m in models], cells), groups)


def _quality(method: Method, space: str, accuracy: tuple[str, ...] | None) -> list[Cell]:
    line = []
    for key, (_, style) in QUALITY.items():
        line.append(cell(method.share(space, key) if key in BOUNDED else method.number(space, key), style))
    return [*line, cell(method.share(*accuracy), "percent")] if accuracy else line
