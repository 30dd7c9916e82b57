"""What each kind of autoencoder buys at its price, on the digits: one training per kind and seed."""

from __future__ import annotations

from typing import NamedTuple

import torch

from darkroom.data.store import Store
from darkroom.detect.detector import Detector
from darkroom.detect.methods.autoencoder import Autoencoder
from darkroom.detect.methods.contraction import squared_jacobian
from darkroom.fit.batches import as_tensor
from darkroom.randomness import derive
from darkroom.study.detecting import reconstruction_error
from darkroom.study.training import Division

ACTIVE = 0.05
"""A unit of a code is active if it exceeds this share of the largest one of its image."""


class Measured(NamedTuple):
    """What is measured of one autoencoder on the test images."""

    clean: float
    """Mean squared error of clean images."""
    noisy: float
    """Mean squared error of reconstructed noisy images from the clean ones."""
    active: float | None
    """Share of active units of the code; None if the code is not an autoencoder's."""
    slope: float | None
    """Frobenius norm of the encoder's Jacobian, root mean square over the images; None likewise."""


def measured(network: Detector, store: Store, division: Division, *, noise: float, seed: int) -> Measured:
    """Measure an autoencoder on the test images, with noise of this standard deviation; draws are the same for all."""
    images = store.samples[division.test]
    clean = as_tensor(images)
    generator = torch.Generator().manual_seed(derive(seed, "test noise"))
    noisy = clean + noise * torch.randn(clean.shape, generator=generator)
    active, slope = None, None
    if isinstance(network, Autoencoder):
        given = clean.clone().requires_grad_()
        code = network.encoder(given)
        slope = float(squared_jacobian(code, given, generator).detach().sqrt())
        sizes = code.detach().abs()
        active = float((sizes > ACTIVE * sizes.amax(1, keepdim=True)).float().mean())
    return Measured(
        clean=reconstruction_error(network, images),
        noisy=reconstruction_error(network, images, noisy),
        active=active,
        slope=slope,
    )
