"""Build networks that are ready for training: pretrained weights, and preprocessing that is saved with the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from darkroom import registry
from darkroom.data.kind import Shape
from darkroom.settings import Section


def untrained(options: Section, shape: Shape, classes: int, *, samples: NDArray[Any], rows: NDArray[np.int64]) -> Any:
    """Build the network that options name, for samples of a store's shape and a number of classes.

    Loads its pretrained weights if it has any, and otherwise fits its preprocessing to these rows of the samples.
    Raises ValueError if the weights cannot be loaded.
    """
    network = registry.build(options, shape, classes)
    if hasattr(network, "load_pretrained"):
        network.load_pretrained()  # with the normalization that its backbone was trained with
    else:
        standardize(network, samples, rows)
    return network


def standardize(network: nn.Module, samples: NDArray[Any], rows: NDArray[np.int64], *, most: int = 5000) -> None:
    """Fit the network's input layers, those with a method `adapt`, to these rows of samples, evenly subsampled to `most`."""
    layers = [*_input_layers(network)]
    if layers:
        chosen = samples[rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(np.int64)]]
        for layer in layers:
            layer.adapt(chosen)


def _input_layers(module: nn.Module) -> Iterator[Any]:
    """Yield the outermost modules that adapt to samples; what such a module contains is up to it."""
    if hasattr(module, "adapt"):
        yield module
    else:
        for child in module.children():
            yield from _input_layers(child)
