"""The pictures of this study."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from darkroom import figures
from darkroom.detect.detector import Detector
from darkroom.detect.evaluation.reconstruction import as_bytes
from darkroom.fit.batches import as_tensor
from darkroom.randomness import derive
from darkroom.study.autoencoder.linear import Curve
from darkroom.study.findings import Figure
from darkroom.study.strips import strips


def angles(found: list[dict[str, dict[int, float]]]) -> Figure:
    """Draw the largest principal angle by step: one line per seed, one color per way to give the pixels."""
    drawn, axes = figures.figure(6, 3.6)
    for (name, label), color in zip(
        {"raw": "raw pixels", "centered": "pixels minus their mean"}.items(), figures.COLORS, strict=False
    ):
        for index, once in enumerate(found):
            axes.plot(
                list(once[name]), list(once[name].values()), color=color, lw=1, label=label if not index else None
            )
    ends = {name: [[*once[name].values()][-1] for once in found] for name in found[0]}
    figures.log_scale(axes)
    axes.set_xlabel("training step")
    axes.set_ylabel("largest principal angle (degrees)")
    axes.legend(frameon=False)
    return Figure(
        drawn,
        "Curves of the largest angle between the subspace of a linear autoencoder and that of PCA by training step. The "
        "largest at the end: " + ", ".join(f"{name} pixels {max(last):.2g} degrees" for name, last in ends.items()),
    )


def sizes(found: list[dict[str, dict[int, float]]]) -> Figure:
    """Draw the test error by code size: means over seeds, and each seed as a dot."""
    drawn, axes = figures.figure(6, 3.6)
    for family, color in zip(found[0], figures.COLORS, strict=False):
        at = list(found[0][family])
        errors = np.array([[once[family][size] for size in at] for once in found])
        axes.plot(at, errors.mean(0), color=color, label=family)
        for row in errors:
            axes.plot(at, row, ".", color=color, ms=4, alpha=0.6)
    figures.log_scale(axes)
    figures.log_scale(axes, across=True)
    axes.set_xticks(at, [str(size) for size in at])
    axes.minorticks_off()
    axes.set_xlabel("code size (numbers per image)")
    axes.set_ylabel("mean squared error of test images")
    axes.legend(frameon=False)
    return Figure(drawn, "Curves of the test error of PCA and of two autoencoders by code size")


def curve(found: Curve) -> Figure:
    """Draw points on an arc and what one number keeps of them."""
    drawn, axes = figures.figure(6, 3.4)
    axes.plot(*found.points.T, ".", color=figures.FAINT, label="points")
    axes.plot(*found.by_line.T, ".", color=figures.COLORS[0], ms=3, label="PCA, one component")
    axes.plot(*found.by_network.T, ".", color=figures.COLORS[1], ms=2, label="autoencoder, code of one number")
    axes.set_aspect("equal")
    axes.set_xlabel("first coordinate")
    axes.set_ylabel("second coordinate")
    drawn.legend(loc="outside lower center", ncols=3, frameon=False, markerscale=3)
    return Figure(
        drawn,
        "Points on three quarters of a circle, and what is left of them: a straight line by one principal component, a curve "
        "by the autoencoder",
    )


@torch.inference_mode()
def denoised(networks: dict[str, Detector], images: NDArray[np.uint8], *, noise: float) -> Figure:
    """Draw test images with noise, and what PCA, a plain and a denoising autoencoder make of them."""
    clean = as_tensor(images)
    generator = torch.Generator().manual_seed(derive(0, "picture"))
    noisy = clean + noise * torch.randn(clean.shape, generator=generator)
    rows = {"clean": clean, "noisy": noisy}
    for kind in ("PCA", "plain", "denoising"):
        made = networks[kind].reconstruct(noisy)
        assert made is not None
        rows[kind] = made
    return strips(
        {name: as_bytes(pictured) for name, pictured in rows.items()},
        "Ten digits in five rows: clean, with noise, and reconstructed from the noisy ones by PCA, by a plain autoencoder "
        "and by a denoising one",
        count=len(images),
    )
