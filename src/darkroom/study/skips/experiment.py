"""Shortcuts keep gradients alive through depth; normalizations differ once batches are small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import nn
from torch.nn import functional

from darkroom import figures
from darkroom.fit.batches import as_tensor
from darkroom.fit.schedules import cosine
from darkroom.nets.mlp import MLP
from darkroom.randomness import derive
from darkroom.registry import chosen, register
from darkroom.settings import Count, Section
from darkroom.study.findings import Figure, Findings, Table
from darkroom.study.training import Division, accuracy, classifier, digits, divide, improvement

Floats = NDArray[np.float64]
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"skip": False, "norm": "none"},
    "skips": {"skip": True, "norm": "none"},
    "BatchNorm": {"skip": False, "norm": "batch"},
    "skips and BatchNorm": {"skip": True, "norm": "batch"},
}
NORMS = ("batch", "layer", "group")
TEST = 800


@register("study", "skips")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="seeds of training images, initial weights and batches")] = 5,
    depths: Annotated[tuple[Count, ...], Field(min_length=2, description="hidden layers of the networks measured")] = (
        2,
        4,
        8,
        16,
        32,
        64,
    ),
    width: Annotated[int, Field(ge=8, description="units per hidden layer")] = 64,
    trained_depth: Annotated[int, Field(ge=2, le=100, description="hidden layers of the networks trained")] = 20,
    epochs: Annotated[int, Field(ge=1, description="passes over the training images of the deep networks")] = 12,
    images: Annotated[int, Field(ge=100, le=900, description="training images")] = 300,
    batch_sizes: Annotated[
        tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=2, description="images per batch, smallest first")
    ] = (2, 4, 8, 16, 32, 64, 128),
    steps: Annotated[int, Field(ge=10, description="training steps at every batch size")] = 300,
) -> Findings:
    """Measure the gradient at the first layer by depth, train deep networks, and train normalizations by batch size."""
    store = digits()
    parts = [divide(store, train=images, val=0, test=TEST, seed=seed) for seed in range(seeds)]
    batch = as_tensor(store.samples[parts[0].train[:128]]), torch.from_numpy(store.labels[parts[0].train[:128]])
    norms = {
        name: np.array(
            [[first_gradient(options, batch, depth=d, width=width, seed=s) for d in depths] for s in range(seeds)]
        )
        for name, options in NETWORKS.items()
    }
    deep = {
        name: _hits(store, parts, chosen(MLP, hidden=[width] * trained_depth, dropout=0.0, **options), epochs, 32)
        for name, options in NETWORKS.items()
    }
    small = {
        norm: {
            size: _hits(
                store,
                parts,
                chosen(MLP, hidden=[width, width], dropout=0.0, norm=norm),
                max(1, round(steps * size / images)),
                size,
            )
            for size in batch_sizes
        }
        for norm in NORMS
    }
    least, most = batch_sizes[0], batch_sizes[-1]
    return Findings(
        numbers={
            "ratio": {name: float(np.median(found[:, -1] / found[:, 0])) for name, found in norms.items()},
            "shallow": depths[0],
            "deepest": depths[-1],
            "accuracy": {name: accuracy(hits) for name, hits in deep.items()},
            "skips": improvement(deep["skips"], deep["plain"]),
            "norm": improvement(deep["BatchNorm"], deep["plain"]),
            "both": improvement(deep["skips and BatchNorm"], deep["BatchNorm"]),
            "least": least,
            "most": most,
            "small_batch": {norm: improvement(small[norm][least], small["batch"][least]) for norm in NORMS[1:]},
            "large_batch": {norm: improvement(small[norm][most], small["batch"][most]) for norm in NORMS[1:]},
        },
        figures={"gradients": _gradients(norms, depths), "batches": _batches(small)},
        tables={
            "deep": Table(
                "Network",
                {
                    "Test accuracy": "percent",
                    "Gain over plain": "percent",
                    "Gradient, deepest to shallowest": "compact",
                },
                {
                    name: [
                        accuracy(hits),
                        improvement(hits, deep["plain"]) if name != "plain" else None,
                        float(np.median(norms[name][:, -1] / norms[name][:, 0])),
                    ]
                    for name, hits in deep.items()
                },
            ),
            "batches": Table(
                "Images per batch",
                {f"{norm.title()}Norm": "percent" for norm in NORMS},
                {str(size): [accuracy(small[norm][size]) for norm in NORMS] for size in batch_sizes},
            ),
        },
    )


def first_gradient(
    options: Mapping[str, Any], batch: tuple[torch.Tensor, torch.Tensor], *, depth: int, width: int, seed: int
) -> float:
    """Return the norm of the loss's gradient by the first layer's weights, before training."""
    images, labels = batch
    torch.manual_seed(derive(seed, "weights"))
    shape = (images.shape[1], images.shape[2], images.shape[3])
    network = MLP(shape, 10, hidden=[width] * depth, dropout=0.0, **options).double()  # floats would underflow
    functional.cross_entropy(network(images.double()), labels).backward()
    first = next(module for module in network.modules() if isinstance(module, nn.Linear))
    assert first.weight.grad is not None
    return float(first.weight.grad.norm())


def _hits(store: Any, parts: Sequence[Division], network: Section, epochs: int, batch_size: int) -> list[Floats]:
    """Train with every seed; return which test images are right."""
    return [
        classifier(
            store,
            part.train,
            network=network,
            training={"epochs": epochs, "batch_size": batch_size, "schedule": chosen(cosine)},
            seed=seed,
        ).correct(store, part.test)
        for seed, part in enumerate(parts)
    ]


def _gradients(norms: Mapping[str, Floats], depths: Sequence[int]) -> Figure:
    drawn, axes = figures.figure(6, 3.8)
    for marker, color, (name, found) in zip("os^D", figures.COLORS, norms.items(), strict=False):
        axes.fill_between(depths, found.min(0), found.max(0), color=color, alpha=0.2, linewidth=0)
        axes.plot(depths, np.median(found, axis=0), marker + "-", color=color, label=name)
    figures.log_scale(axes)
    axes.set_xscale("log", base=2)
    axes.set(
        xlabel="hidden layers",
        ylabel="gradient norm at the first layer",
        xticks=depths,
        xticklabels=[str(d) for d in depths],
    )
    axes.legend(frameon=False)
    change = {name: float(np.median(found[:, -1] / found[:, 0])) for name, found in norms.items()}
    told = "; ".join(f"{name}: by a factor of {factor:.2g}" for name, factor in change.items())
    return Figure(
        drawn,
        f"Gradient norm at the first layer by number of hidden layers. From {depths[0]} to {depths[-1]} layers: {told}.",
    )


def _batches(small: Mapping[str, Mapping[int, Sequence[Floats]]]) -> Figure:
    drawn, axes = figures.figure(6, 3.6)
    sizes = list(next(iter(small.values())))
    for marker, color, (norm, by_size) in zip("os^", figures.COLORS, small.items(), strict=False):
        values = np.array([[100 * float(h.mean()) for h in by_size[size]] for size in sizes])
        axes.fill_between(sizes, values.min(1), values.max(1), color=color, alpha=0.15, linewidth=0)
        axes.plot(sizes, values.mean(1), marker + "-", color=color, label=f"{norm.title()}Norm")
    axes.set_xscale("log", base=2)
    axes.set(xlabel="images per batch", ylabel="test accuracy in %", xticks=sizes, xticklabels=[str(s) for s in sizes])
    axes.legend(frameon=False)
    means = {norm: float(np.mean(by_size[sizes[0]])) for norm, by_size in small.items()}
    told = ", ".join(f"{norm.title()}Norm {100 * value:.0f} %" for norm, value in means.items())
    return Figure(
        drawn,
        "Test accuracy by images per batch for three normalizations; bands span the seeds. "
        f"With {sizes[0]} images per batch: {told}.",
    )
