"""Draw a network as its layers from input to output, with shapes and numbers of parameters."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from darkroom.figures import ACCENT, FAINT, INK, figure, save
from darkroom.nets.estimator import Estimator
from darkroom.nets.layers import Standardize

CONTAINERS = (nn.Sequential, nn.ModuleList)
NAMES = {
    "Linear": "linear",
    "BatchNorm1d": "batch norm",
    "BatchNorm2d": "batch norm",
    "GroupNorm": "group norm",
    "LayerNorm": "layer norm",
    "MaxPool2d": "max pooling",
    "AdaptiveAvgPool2d": "mean pooling",
    "ClassicDropout": "dropout",
    "Dropout": "dropout",
    "Residual": "residual block",
    "Block": "transformer block",
    "Shortcut": "layers with a shortcut",
}
MOST = 12
"""Layers drawn; beyond it, neighbors of one shape are drawn as one."""
ASPECT = 0.8
"""Height of a unit of the y axis over the width of one of the x axis."""
UNITS = 9
"""Circles drawn for the units of a layer, the middle one as dots if there are more."""


@dataclass(frozen=True)
class Layer:
    """What one layer, or several of one shape, makes of a sample: `shape` is (C, H, W), (N, D) or (D,)."""

    names: tuple[str, ...]
    shape: tuple[int, ...]
    parameters: int


def draw(network: nn.Module, sample: Tensor, path: Path) -> None:
    """Draw a network as it runs on a batch of one sample, such as an image (1, C, H, W), and write the picture."""
    save(drawing(network, sample), path)


def drawing(network: nn.Module, sample: Tensor) -> Figure:
    """Return the picture that `draw` writes."""
    found = layers(network, sample)
    drawn, axes = figure(max(4.0, 1.35 * len(found) + 0.4), 3.4)
    axes.set_axis_off()
    before: list[tuple[float, float]] = []
    for place, layer in enumerate(found):
        before = _layer(axes, place, layer, before)
    axes.set_title(_size(network), fontsize=10, loc="left")
    axes.set_xlim(-0.6, len(found) - 0.4)
    axes.set_ylim(-1.5, 1)
    return drawn


def _size(network: nn.Module) -> str:
    """Return the number of parameters in words, or of what an estimator consists of instead; empty for neither."""
    if isinstance(network, Estimator) and network.learned:
        return ", ".join(f"{count:,} {name}" for name, count in network.learned.items())
    total = _parameters(network)
    return f"{total:,} parameters" if total else ""


def layers(network: nn.Module, sample: Tensor) -> list[Layer]:
    """Return the layers of a network in the order in which they run on a batch of one sample.

    Activations, normalizations and layers without parameters that keep the shape are named with the layer before them.
    """
    steps = [Layer(("image" if sample.ndim == 4 else "input",), tuple(sample.shape[1:]), 0)]
    for layer in _run(network, sample):
        last = steps[-1]
        if layer.shape == (math.prod(last.shape),) != last.shape and not layer.parameters:
            steps[-1] = replace(last, shape=layer.shape)  # flattened
        elif layer.shape == last.shape and _minor(layer):
            names = (*last.names, *layer.names)
            steps[-1] = Layer(names, layer.shape, last.parameters + layer.parameters)
        else:
            steps.append(layer)
    return _alike(steps) if len(steps) > MOST else steps


def _run(network: nn.Module, sample: Tensor) -> Iterator[Layer]:
    """Yield what each layer makes of a sample; containers, and a network that is part of another, count by their parts."""
    shown = list(_parts(network))
    while 0 < len(shown) < 4 and (large := max(shown, key=_parameters)) and list(large.children()):
        at = shown.index(large)
        shown[at : at + 1] = _parts(large)
    found: list[Layer] = []

    def note(module: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            found.append(Layer((_name(module),), tuple(output.shape[1:]), _parameters(module)))

    hooks = [module.register_forward_hook(note) for module in shown]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(sample)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return iter(found)


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    for child in module.children():
        if type(child) in CONTAINERS:
            yield from _parts(child)
        elif not isinstance(child, Standardize | nn.Identity):
            yield child


def _parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def _minor(layer: Layer) -> bool:
    return not layer.parameters or layer.names[0].endswith(("norm", "PReLU"))


def _alike(steps: list[Layer]) -> list[Layer]:
    """Join neighbors of one shape."""
    joined: list[tuple[Layer, int]] = []
    for layer in steps:
        last, count = joined[-1] if joined else (None, 0)
        if last is not None and last.shape == layer.shape:
            joined[-1] = (replace(last, parameters=last.parameters + layer.parameters), count + 1)
        else:
            joined.append((layer, 1))
    return [layer if count == 1 else replace(layer, names=(f"{count} layers",)) for layer, count in joined]


def _name(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        return f"{module.kernel_size[0]}×{module.kernel_size[1]} conv"
    name = type(module).__name__
    return NAMES.get(name, name)


def _layer(axes: Axes, place: int, layer: Layer, before: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Draw one layer in its column; return the places of its units, which those of the next layer connect to."""
    units: list[tuple[float, float]] = []
    if len(layer.shape) == 1:
        units = _units(axes, place, layer.shape[0])
        for x, y in before:
            for _, other in units:
                axes.plot([x, place], [y, other], color=FAINT, linewidth=0.4, zorder=0)
    else:
        _maps(axes, place, layer.shape)
    axes.text(place, 0.92, " × ".join(map(str, layer.shape)), ha="center", fontsize=8)
    words = "\n".join(layer.names[:4])
    axes.text(place, -0.92, words, ha="center", va="top", fontsize=7.5)
    if layer.parameters:
        axes.text(place, -1.5, f"{layer.parameters:,}", ha="center", va="bottom", fontsize=7.5, color=ACCENT)
    return units


def _units(axes: Axes, place: int, count: int) -> list[tuple[float, float]]:
    """Draw a column of units and return their places."""
    shown = min(count, UNITS)
    heights = [0.75 * (shown - 1 - 2 * i) / (UNITS - 1) for i in range(shown)]
    if count > UNITS:
        axes.text(place, heights.pop(UNITS // 2), "⋮", ha="center", va="center", fontsize=9)
    axes.scatter([place] * len(heights), heights, s=60, facecolor="white", edgecolor=INK, linewidth=0.8)
    return [(place, y) for y in heights]


def _maps(axes: Axes, place: int, shape: tuple[int, ...]) -> None:
    """Draw a stack of feature maps (C, H, W), or tokens (N, D), each side by its logarithm."""
    depth, *sides = shape if len(shape) > 2 else (shape[1], shape[0], 1)
    height, width = (0.12 + 0.1 * math.log2(side) for side in sides)
    width *= ASPECT
    sheets = 1 + round(math.log2(depth) / 2)
    for sheet in range(sheets):
        shift = 0.05 * (sheet - (sheets - 1) / 2)
        corner = (place - width / 2 + shift, -height / 2 + shift)
        axes.add_patch(Rectangle(corner, width, height, facecolor="#dbe6fd", edgecolor=ACCENT, linewidth=0.7))
