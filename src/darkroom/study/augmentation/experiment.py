"""Techniques on a classifier that never saw them, the arithmetic of mixed labels, and training class by class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import torch
from matplotlib.axes import Axes
from numpy.typing import NDArray
from pydantic import Field
from torch.nn import functional

from darkroom import figures
from darkroom.augment.batch.affine import HorizontalFlip, Rotate, VerticalFlip
from darkroom.augment.batch.mixing import CutMix, MixUp
from darkroom.augment.batch.warp import sources, warp
from darkroom.data.store import Store
from darkroom.fit.batches import as_bytes, as_tensor
from darkroom.nets.mlp import MLP
from darkroom.registry import chosen, register
from darkroom.settings import Count, Section
from darkroom.study.augmentation.techniques import applied, by_family, keeps_labels, mixed
from darkroom.study.findings import Figure, Findings, Table
from darkroom.study.training import Trained, accuracy, classifier, divide, improvement, mnist

Floats = NDArray[np.float64]
POLICIES = {
    "rotate 15°": chosen(Rotate, degrees=15),
    "rotate 180°": chosen(Rotate, degrees=180),
    "hflip": chosen(HorizontalFlip),
    "vflip": chosen(VerticalFlip),
    "MixUp": chosen(MixUp),
    "CutMix": chosen(CutMix),
}
ANGLES = tuple(range(0, 181, 15))


@register("study", "augmentation")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="paired seeds of training images, initial weights and draws")] = 5,
    images: Annotated[int, Field(ge=100, le=4000, description="training images")] = 400,
    test: Annotated[int, Field(ge=100, le=2000, description="test images")] = 600,
    epochs: Annotated[Count, Field(description="passes over the training images")] = 20,
    hidden: Annotated[Count, Field(description="units in each of the network's two hidden layers")] = 256,
    share: Annotated[float, Field(ge=0, le=1, description="share of the first image in the worked mixture")] = 0.7,
    cut: Annotated[tuple[Count, Count], Field(description="height and width of the worked CutMix box in pixels")] = (
        14,
        10,
    ),
) -> Findings:
    """Transform test images by every technique, mix labels, turn digits, and train under six policies."""
    store = mnist()
    parts = [divide(store, train=images, val=0, test=test, seed=seed) for seed in range(seeds)]

    def trained(*policy: Section) -> list[Trained]:
        return [
            classifier(
                store,
                part.train,
                network=chosen(MLP, hidden=[hidden, hidden], dropout=0.0),
                training={"epochs": epochs, "batch_size": 32},
                seed=seed,
                policy={"online": policy},
            )
            for seed, part in enumerate(parts)
        ]

    rows = parts[0].test
    labels = store.labels[rows]
    plain = trained()
    clean = [model.correct(store, rows) for model in plain]
    families = by_family()
    hits = {
        name: _right(plain, applied(kind, name, store.samples[rows]), labels)
        for family in families.values()
        for name, kind in family.items()
        if keeps_labels(name)
    }
    policies = {name: [m.correct(store, rows) for m in trained(policy)] for name, policy in POLICIES.items()}
    classes = range(len(store.classes))
    recall = {
        name: [float(np.mean([h[labels == k].mean() for h in found])) for k in classes] for name, found in hits.items()
    }
    turned = {digit: turns(plain, store.samples[rows][labels == digit]) for digit in (6, 9)}
    return Findings(
        numbers={
            "techniques": sum(map(len, families.values())),
            "families": len(families),
            "clean": accuracy(clean),
            "worst": min(hits, key=lambda name: float(np.mean(hits[name]))),
            "worst_change": improvement(min(hits.values(), key=lambda found: float(np.mean(found))), clean),
            "harmless": sum(not improvement(found, clean).clear for found in hits.values()),
            "flip": {name: _extremes(recall[name]) for name in ("hflip", "vflip")},
            "turned": {
                str(digit): {str(angle): own for angle, own in found.items()} for digit, found in turned.items()
            },
            "policies": {name: improvement(found, clean) for name, found in policies.items()},
            "by_class": {
                name: {str(k): improvement(_of(found, labels == k), _of(clean, labels == k)) for k in (6, 9)}
                for name, found in policies.items()
            },
            "mixing": arithmetic(store, share=share, cut=cut),
        },
        figures={
            "gallery": _gallery(store, rows[labels == 6][0], families),
            "classes": _classes(recall, [float(np.mean([h[labels == k].mean() for h in clean])) for k in classes]),
            "turns": _turns(turned),
            "mixtures": _mixtures(store, rows),
        },
        tables={
            "techniques": Table(
                "Technique",
                {"Family": "text", "Test accuracy": "percent", "Change": "percent", "Worst class": "text"},
                {
                    name: [
                        family,
                        accuracy(hits[name]),
                        improvement(hits[name], clean),
                        str(int(np.argmin(recall[name]))),
                    ]
                    for family, names in families.items()
                    for name in names
                    if keeps_labels(name)
                },
            ),
            "policies": Table(
                "Policy in training",
                {"Test accuracy": "percent", "Change": "percent", "Change of 6": "percent", "Change of 9": "percent"},
                {
                    name: [
                        accuracy(found),
                        improvement(found, clean),
                        *(improvement(_of(found, labels == k), _of(clean, labels == k)) for k in (6, 9)),
                    ]
                    for name, found in policies.items()
                },
            ),
        },
    )


def _extremes(recall: Sequence[float]) -> dict[str, float | int]:
    best, worst = int(np.argmax(recall)), int(np.argmin(recall))
    return {"best": best, "most": recall[best], "worst": worst, "least": recall[worst]}


def _of(found: Sequence[Floats], chosen: NDArray[np.bool_]) -> list[Floats]:
    return [right[chosen] for right in found]


def _right(models: Sequence[Trained], images: NDArray[np.uint8], labels: NDArray[np.int64]) -> list[Floats]:
    return [(model.logits(images).argmax(1) == labels).astype(float) for model in models]


def turns(models: Sequence[Trained], images: NDArray[np.uint8]) -> dict[int, dict[str, float]]:
    """Return the shares of images of one class that are read as 6, as 9 and as another digit, by angle clockwise."""
    found = {}
    for angle in ANGLES:
        guesses = np.concatenate([model.logits(rotated(images, angle)).argmax(1) for model in models])
        six, nine = float((guesses == 6).mean()), float((guesses == 9).mean())
        found[angle] = {"6": six, "9": nine, "other": 1 - six - nine}
    return found


def rotated(images: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Rotate images (N, H, W, C) clockwise about their center, with black around."""
    zero = torch.zeros(len(images))
    maps = sources(
        rotate=zero + math.radians(degrees), scale=zero + 1, shear_x=zero, shear_y=zero, shift_x=zero, shift_y=zero
    )
    return as_bytes(warp(as_tensor(images), maps, "constant", "linear"))


def arithmetic(store: Store, *, share: float, cut: tuple[int, int]) -> dict[str, float]:
    """Work out one mixture of a 6 and a 9 by hand, and check the library's labels on a batch of every class.

    `mixup_error` and `cutmix_error` are the largest differences between a mixed label and the share that the pixels show;
    `loss_error` that between the loss of a mixed label and the mixture of two losses.
    """
    _, height, width, _ = store.samples.shape
    logits = torch.randn(1, 10, generator=torch.Generator().manual_seed(0))
    both = share * functional.one_hot(torch.tensor([6]), 10) + (1 - share) * functional.one_hot(torch.tensor([9]), 10)
    apart = share * functional.cross_entropy(logits, torch.tensor([6]))
    apart = apart + (1 - share) * functional.cross_entropy(logits, torch.tensor([9]))
    # constant images of as many levels as classes show the share of each in every pixel
    levels = torch.linspace(0.1, 1.0, 10)
    flat = levels[:, None, None, None].expand(10, 1, height, width).contiguous()
    errors = {}
    for name in ("mixup", "cutmix"):
        made, targets = mixed(name, flat, torch.arange(10), classes=10, seed=1, chosen={"alpha": 1.0})
        errors[f"{name}_error"] = float((made.mean((1, 2, 3)) - targets @ levels).abs().max())
    return {
        "first": share,
        "second": 1 - share,
        "kept": 1 - cut[0] * cut[1] / (height * width),
        "pixels": float(height * width),
        "loss_error": float((functional.cross_entropy(logits, both) - apart).abs()),
        **errors,
    }


def _show(axes: Axes, image: NDArray[np.uint8], title: str) -> None:
    axes.imshow(image[..., 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(title, fontsize=6.5, pad=2)
    axes.axis("off")


def _gallery(store: Store, row: int, families: Mapping[str, Mapping[str, str]]) -> Figure:
    """Draw every technique that keeps the label on one image, a row of the figure for each family or part of it."""
    columns = 8
    lines = [
        (family, [*names.items()][start : start + columns])
        for family, names in families.items()
        if family != "mixing"
        for start in range(0, len(names), columns)
    ]
    drawn, grid = figures.grid(len(lines), columns + 1, 9, 1.15 * len(lines))
    image = store.samples[row : row + 1]
    for line, (family, names) in zip(grid, lines, strict=True):
        _show(line[0], image[0], family)
        line[0].title.set_fontweight("bold")
        for own, (name, kind) in zip(line[1:], names, strict=False):
            _show(own, applied(kind, name, image)[0], name)
        for own in line[1 + len(names) :]:
            own.axis("off")
    told = "; ".join(f"{family}: {', '.join(names)}" for family, names in families.items() if family != "mixing")
    return Figure(drawn, f"A 6, and the same 6 after one draw of every technique. {told}.")


def _classes(recall: Mapping[str, Sequence[float]], clean: Sequence[float]) -> Figure:
    order = sorted(recall, key=lambda name: float(np.mean(recall[name])))
    values = 100 * np.array([clean, *(recall[name] for name in order)])
    drawn, axes = figures.figure(7, 0.21 * len(values) + 1.2)
    shown = axes.imshow(values, cmap="viridis", vmin=0, vmax=100, aspect="auto")
    axes.set_xticks(range(10))
    axes.set_yticks(range(len(values)), ["none", *order], fontsize=8)
    axes.set_xlabel("class")
    drawn.colorbar(shown, ax=axes, label="recall in %")
    worst = order[0]
    return Figure(
        drawn,
        f"Recall of every class after every technique, the most damaging first. {worst} leaves a mean of "
        f"{100 * np.mean(recall[worst]):.0f} %; without any technique it is {100 * np.mean(clean):.0f} %.",
    )


def _turns(turned: Mapping[int, Mapping[int, Mapping[str, float]]]) -> Figure:
    drawn, panels = figures.panels(2, 8, 3.2, sharey=True)
    for own, (digit, found) in zip(panels, turned.items(), strict=True):
        for color, style, guess in zip(figures.COLORS, ("o-", "s--", "^:"), ("6", "9", "other"), strict=False):
            shares = [100 * found[angle][guess] for angle in ANGLES]
            own.plot(ANGLES, shares, style, color=color, markersize=3, label=f"read as {guess}")
        own.set(title=f"images of a {digit}", xlabel="rotation in degrees", xticks=ANGLES[::3])
    panels[0].set_ylabel("% of the images")
    panels[0].legend(frameon=False)
    six, nine = 100 * turned[6][180]["9"], 100 * turned[9][180]["6"]
    return Figure(
        drawn,
        f"How rotated sixes and nines are read by angle. Upside down, {six:.0f} % of the sixes are read as a 9 and "
        f"{nine:.0f} % of the nines as a 6.",
    )


def _mixtures(store: Store, rows: NDArray[np.int64]) -> Figure:
    chosen = [rows[store.labels[rows] == digit][turn] for turn in range(2) for digit in (3, 6, 8, 9)]
    some = np.array(chosen)
    drawn, grid = figures.grid(2, len(some), 9, 2.6)
    labels = torch.from_numpy(store.labels[some])
    for line, name in zip(grid, ("mixup", "cutmix"), strict=True):
        made, targets = mixed(name, as_tensor(store.samples[some]), labels, classes=10, seed=3, chosen={"alpha": 1.0})
        for own, image, target in zip(line, as_bytes(made), targets.tolist(), strict=True):
            parts = [f"{share:.2f} · {digit}" for digit, share in enumerate(target) if share > 0.005]
            _show(own, image, " + ".join(parts))
    return Figure(drawn, "Eight digits mixed by MixUp, above, and by CutMix, below, each titled with its mixed label.")
