"""The course of a training in its snapshots: whether the model collapsed on the way, and when.

A collapsed model draws a few images over and over. Two signs are followed over the snapshots: the classes that the judge
sees in them, and the fraction of held-out images that have a sample nearby (coverage).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from darkroom.figures import COLORS, save
from darkroom.generate.evaluation.spaces import Images, JudgeClassifier
from darkroom.generate.snapshots import EPOCHS, SAMPLES
from darkroom.measure.manifold import NEIGHBORS, manifold

TITLES = {"coverage": "coverage", "classes": "classes seen", "largest_class": "fraction in the largest class"}


def followed(model: Path, judge: JudgeClassifier, held_out: Images) -> pd.DataFrame:
    """Measure the snapshots in a model's folder: one row per snapshot.

    Columns are `epoch`, `coverage` of as many held-out images as there are samples, the number of `classes` seen and the
    fraction in the `largest_class`. Without labels or enough held-out images, the columns that need them are left out.
    """
    table = pd.read_csv(model / EPOCHS)
    drawn = np.load(model / SAMPLES, mmap_mode="r", allow_pickle=False)  # (T, N, H, W, C)
    if judge.trained:
        k = len(judge.classes)
        counts = np.stack([np.bincount(judge.classify(images), minlength=k) for images in drawn])
        table["classes"] = (counts > 0).sum(1)
        table["largest_class"] = counts.max(1) / counts.sum(1)
    if min(len(held_out), drawn.shape[1]) > NEIGHBORS:
        even = np.linspace(0, len(held_out) - 1, min(drawn.shape[1], len(held_out))).round().astype(np.int64)
        real = judge.features(held_out[even])
        table["coverage"] = [manifold(real, judge.features(images)).coverage for images in drawn]
    return table


def draw_course(table: pd.DataFrame, path: Path) -> None:
    """Plot each measure by epoch, one panel per measure; writes no file if there is none."""
    names = [name for name in TITLES if name in table]
    if not names:
        return
    drawn = Figure(figsize=(3.1 * len(names), 2.7), layout="constrained")
    for axes, name in zip(drawn.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        axes.plot(table["epoch"], table[name], "o-", color=COLORS[0], markersize=4, linewidth=1.2)
        axes.set_title(TITLES[name], fontsize=10)
        axes.set_xlabel("epoch")
        axes.set_ylim(bottom=0)
    save(drawn, path)
