"""Learning-rate range tests: the chosen rates and their plots."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom import files
from darkroom.report.parts.table import Cell, Figure, Row, Table, figure
from darkroom.report.results import Results

ABOUT = "Loss by learning rate"


@dataclass(frozen=True)
class Ranges:
    """The subsection's content."""

    table: Table
    figures: list[Figure]


def subsection(results: Results) -> Ranges | None:
    """Read the range tests; None if there are none."""
    rows, figures = [], []
    for name, folder in results.lr_ranges.items():
        found = files.read_json(folder / "lr_range.json")
        rows.append(Row(name, [Cell(f"{found[key]:g}") for key in ("lr", "steepest", "lowest_loss", "last")]))
        figures += figure(folder / "lr_range.png", f"{ABOUT}: {name}", f"{name}: training loss while the rate rises.")
    columns = ["Learning rate", "Rate of the steepest descent", "Rate of the lowest loss", "Highest rate tested"]
    return Ranges(Table("Classifier", columns, rows), figures) if rows else None
