"""The pictures of this study."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from darkroom import figures
from darkroom.fit.batches import as_bytes, as_tensor
from darkroom.generate.vae.vae import VAE
from darkroom.study.findings import Figure
from darkroom.study.generating import Bytes
from darkroom.study.strips import strips

if TYPE_CHECKING:
    from darkroom.study.vae.bound import Bounded

STEPS = 12
"""Images on the way from one to another."""


def rates(found: list[dict[float, Bounded]]) -> Figure:
    """Draw distortion against rate, one curve through the weights per seed."""
    drawn, axes = figures.figure(6, 3.6)
    for once in found:
        axes.plot([b.rate for b in once.values()], [b.distortion for b in once.values()], color=figures.FAINT, zorder=0)
    for beta, color in zip(found[0], figures.COLORS, strict=False):
        points = [once[beta] for once in found]
        axes.plot(
            [b.rate for b in points], [b.distortion for b in points], "o", ms=5, color=color, label=f"β = {beta:g}"
        )
    axes.set_xlabel("rate: KL divergence (nats per image)")
    axes.set_ylabel("distortion (nats per image)")
    axes.legend(frameon=False)
    return Figure(
        drawn,
        "Distortion against rate on the test images, one curve through the weights of the KL term per seed",
    )


@torch.inference_mode()
def paths(model: VAE, real: Bytes) -> Figure:
    """Draw the way from one test image to another: blended pixel by pixel, and decoded from codes in between."""
    ends = as_tensor(real[:4])
    labels = torch.zeros(2, dtype=torch.int64)
    coded = model.interpolate(ends[:2], ends[2:], STEPS, (labels, labels))
    shares = torch.linspace(0, 1, STEPS)[:, None, None, None]
    rows = {}
    for index in range(2):
        rows[f"pixels, pair {index + 1}"] = as_bytes(torch.lerp(ends[index], ends[2 + index], shares))
        rows[f"codes, pair {index + 1}"] = as_bytes(coded[index])
    return strips(
        rows,
        "Two pairs of digits, each with the steps from one to the other: blends of pixels, which show both digits at once, "
        "and images decoded from codes in between",
    )
