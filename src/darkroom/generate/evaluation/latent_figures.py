"""Figures of a latent space: what its units encode, where the classes lie, and what lies between them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from scipy.stats import norm
from torch import Tensor

from darkroom.figures import FAINT, figure, save
from darkroom.generate.model import LatentModel

UNITS, VALUES = 10, np.linspace(-2.5, 2.5, 11)
"""Rows and columns of the traversals: the most active units, and the values of each."""
NAMED = 20
"""Classes with a color and a legend entry of their own; the rest are gray."""
PLANES = 12
"""Maximum number of classes for which a two-dimensional latent space is drawn."""


@torch.inference_mode()
def draw_traversals(model: LatentModel, codes: NDArray[np.float32], labels: NDArray[np.int64], path: Path) -> None:
    """Draw latent traversals: one row per unit, its value varying along the row, the most active units first.

    `codes` (N, D) are posterior means of images of classes `labels` (N,). All other units keep the values of the code that
    is nearest to the prior's mean. In a conditional model a unit can have another meaning in each class: only the class
    whose codes vary most is shown.
    """
    if model.classes:
        spreads = [codes[labels == label].var(0).sum() for label in np.unique(labels)]
        shown = labels == np.unique(labels)[np.argmax(spreads)]
        codes, labels = codes[shown], labels[shown]
    variances = codes.var(0)
    units = np.argsort(-variances, kind="stable")[:UNITS]
    start = np.square(codes).sum(1).argmin()
    varied = np.tile(codes[start], (len(units), len(VALUES), 1))
    varied[np.arange(len(units)), :, units] = VALUES
    flat = torch.from_numpy(varied.reshape(-1, codes.shape[1]))
    images = model.decode(flat, torch.full((len(flat),), int(labels[start])))
    drawn = Figure(figsize=(0.62 * len(VALUES) + 1.3, 0.62 * len(units) + 0.5), layout="constrained")
    panels = drawn.subplots(len(units), len(VALUES), squeeze=False)
    for axes, image in zip(panels.flat, images, strict=True):
        _show(axes, image)
    for axes, unit in zip(panels[:, 0], units, strict=True):
        axes.set_ylabel(f"unit {unit}\nvariance {variances[unit]:.2f}", rotation=0, ha="right", va="center", fontsize=8)
    for axes, value in zip(panels[0], VALUES, strict=True):
        axes.set_title(f"{value:g}", fontsize=8)
    save(drawn, path)


def draw_latent_map(codes: NDArray[np.float32], labels: NDArray[np.int64], classes: Sequence[str], path: Path) -> None:
    """Draw the latent codes of images, colored by class; gray without a label (-1).

    `codes` (N, D) are posterior means of images of classes `labels` (N,), projected to their first two principal components
    if D > 2. In a conditional model codes need not encode the class, so classes overlap.
    """
    places, names = project(codes)
    present = np.unique(labels[labels >= 0])
    most = present[np.argsort(-np.bincount(labels[labels >= 0])[present], kind="stable")] if len(present) else present
    named = sorted(most[:NAMED])
    palette = matplotlib.colormaps["tab10" if len(named) <= 10 else "tab20"]
    drawn, axes = figure(6.4, 5)
    rest = ~np.isin(labels, named)
    axes.scatter(places[rest, 0], places[rest, 1], s=9, color=FAINT, linewidths=0)
    for index, label in enumerate(named):
        own = places[labels == label]
        axes.scatter(own[:, 0], own[:, 1], s=9, color=palette(index), linewidths=0, alpha=0.8)
    handles: list[tuple[Any, str]] = [(palette(index), classes[label]) for index, label in enumerate(named)]
    handles += [(FAINT, "other" if len(named) else "no label")] if rest.any() else []
    axes.legend(
        handles=[Line2D([], [], ls="", marker="o", ms=5, color=color, label=name) for color, name in handles],
        loc="center left",
        bbox_to_anchor=(1, 0.5),
        frameon=False,
        fontsize=8,
    )
    axes.set_aspect("equal", "datalim")
    axes.set_xlabel(names[0])
    axes.set_ylabel(names[1])
    save(drawn, path)


def project(codes: NDArray[np.float32]) -> tuple[NDArray[np.float64], tuple[str, str]]:
    """Project codes (N, D) to a plane (N, 2), and name its axes: the two units, or the first two principal components."""
    if codes.shape[1] == 2:
        return codes.astype(np.float64), ("unit 0", "unit 1")
    centered = np.pad(codes - codes.mean(0), ((0, 0), (0, max(0, 2 - codes.shape[1])))).astype(np.float64)
    _, singular, directions = np.linalg.svd(centered, full_matrices=False)
    shares = np.square(singular) / max(np.square(singular).sum(), 1e-12)
    # the sign of a component is arbitrary: make its largest weight positive
    signs = np.sign(directions[:2][np.arange(2), np.abs(directions[:2]).argmax(1)])
    first, second = (f"component {place} ({shares[place - 1]:.0%} of the variance)" for place in (1, 2))
    return centered @ (directions[:2] * signs[:, None]).T, (first, second)


@torch.inference_mode()
def draw_plane(model: LatentModel, classes: Sequence[str], path: Path) -> None:
    """Draw the images of a two-dimensional latent space at even quantiles of the prior (Kingma & Welling 2014, fig. 4).

    One plane, or one per class in a conditional model. Raises ValueError unless the latent space has two dimensions.
    """
    if model.latent != 2:
        raise ValueError(f"expected a latent space of two dimensions, got {model.latent}")
    shown = list(range(min(model.classes, PLANES))) or [-1]
    side = 20 if len(shown) == 1 else 10
    steps = norm.ppf((np.arange(side) + 0.5) / side).astype(np.float32)
    grid = torch.from_numpy(np.stack(np.meshgrid(steps, -steps), axis=-1).reshape(-1, 2))
    columns = min(4, len(shown))
    rows = -(-len(shown) // columns)
    size = 5.0 if len(shown) == 1 else 2.6
    drawn = Figure(figsize=(size * columns, (size + 0.2) * rows), layout="constrained")
    panels = drawn.subplots(rows, columns, squeeze=False).flatten()
    for axes, label in zip(panels, shown, strict=False):
        images = model.decode(grid, torch.full((len(grid),), label))  # (side², C, H, W)
        _show(axes, images.unflatten(0, (side, side)).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2))
        if label >= 0:
            axes.set_title(classes[label], fontsize=9)
    for axes in panels[len(shown) :]:
        axes.set_axis_off()
    save(drawn, path)


def _show(axes: Axes, image: Tensor) -> None:
    """Show an image (C, H, W) in [0, 1] without axes."""
    pixels = image.permute(1, 2, 0).numpy()
    axes.imshow(pixels if pixels.shape[2] == 3 else pixels[..., 0], cmap="gray", vmin=0, vmax=1)
    axes.set_xticks([])
    axes.set_yticks([])
    for edge in axes.spines.values():
        edge.set_visible(False)
