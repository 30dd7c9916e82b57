"""The pictures of this study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from darkroom import figures
from darkroom.study.findings import Figure

if TYPE_CHECKING:
    from darkroom.study.anomalies.scored import Scored


def scores(found: Sequence[Scored], families: Sequence[str], false_alarms: Sequence[float]) -> Figure:
    """Draw histograms of the scores of normal and of anomalous test images, with the thresholds between them."""
    drawn, panels = figures.panels(len(found), 7, 3)
    for axes, family, each in zip(panels, families, found, strict=True):
        edges = np.linspace(0, np.quantile(each.test, 0.995), 40).tolist()
        for kind, color, name in (
            (~each.anomalous, figures.COLORS[0], "normal"),
            (each.anomalous, figures.COLORS[1], "anomalous"),
        ):
            axes.hist(each.test[kind], edges, color=color, alpha=0.6, label=name)
        for rate in false_alarms:
            axes.axvline(each.threshold(rate), color=figures.INK, lw=0.8, ls=":")
        axes.set_title(family)
        axes.set_xlabel("score (mean squared error)")
        axes.set_ylabel("test images")
        axes.legend(frameon=False)
    return Figure(
        drawn,
        "Histograms of the reconstruction errors of normal and of anomalous test images, with dotted thresholds. AUROC: "
        + ", ".join(f"{family} {each.area:.3f}" for family, each in zip(families, found, strict=True)),
    )


def areas(found: list[dict[str, dict[float, float]]], across: str, *, log: bool = False) -> Figure:
    """Draw the AUROC of every family: means over seeds, and each seed as a dot."""
    drawn, axes = figures.figure(5.5, 3.2)
    for family, color in zip(found[0], figures.COLORS, strict=False):
        at = list(found[0][family])
        values = np.array([[once[family][x] for x in at] for once in found])
        axes.plot(at, values.mean(0), color=color, label=family)
        for row in values:
            axes.plot(at, row, ".", color=color, ms=4, alpha=0.6)
    if log:
        figures.log_scale(axes, across=True)
    axes.set_xticks(at, [f"{x:g}" for x in at])
    axes.minorticks_off()
    axes.set_xlabel(across)
    axes.set_ylabel("AUROC")
    axes.legend(frameon=False)
    return Figure(drawn, f"Curves of the AUROC of PCA and of an autoencoder by {across}")
