from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from sklearn import decomposition
from sklearn.datasets import load_digits

from darkroom.detect.detector import FitInputs
from darkroom.detect.methods import pca
from darkroom.detect.methods.pca import PCA

DIGITS = (load_digits().images[:, :, :, None] * 15).astype(np.uint8)
NONE = np.arange(0)


def fit(items: int, components: int) -> tuple[PCA, torch.Tensor]:
    """A PCA of the first digits, and those digits as floats."""
    detector = PCA((1, 8, 8), components=components)
    detector.fit(FitInputs(images=DIGITS, train=np.arange(items), val=NONE, seed=0))
    return detector, torch.from_numpy(DIGITS[:items]).permute(0, 3, 1, 2) / 255


@pytest.mark.parametrize("items", [40, 600])  # fewer images than pixels, and more
def test_the_error_falls_with_components_and_ends_at_nothing(items: int) -> None:
    errors = []
    for components in (1, 4, 16, 39, 64):
        detector, images = fit(items, components)
        errors.append(detector.score(images).scores.mean().item())
    assert all(after < before or after < 1e-10 for before, after in itertools.pairwise(errors))
    assert errors[-1] < 1e-10


@pytest.mark.parametrize("items", [40, 600])
@pytest.mark.parametrize("block", [7, 4096])
def test_spans_the_subspace_of_sklearn(items: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pca, "BLOCK", block)
    detector, images = fit(items, 10)
    reference = decomposition.PCA(10, svd_solver="full").fit(images.flatten(1).double().numpy())
    ours, theirs = detector.components.double().numpy(), reference.components_
    assert np.allclose(ours @ ours.T, np.eye(10), atol=1e-5)
    assert np.allclose(ours.T @ ours, theirs.T @ theirs, atol=1e-4)
    assert np.allclose(np.abs((ours * theirs).sum(1)), 1, atol=1e-4)  # the same order
    largest = ours[np.arange(10), np.abs(ours).argmax(1)]
    assert (largest > 0).all()


def test_reports_the_share_of_variance_it_keeps() -> None:
    told: dict[str, float] = {}
    PCA((1, 8, 8), components=5).fit(
        FitInputs(
            images=DIGITS, train=np.arange(300), val=NONE, seed=0, log=lambda values, step=None: told.update(values)
        )
    )
    reference = decomposition.PCA(5, svd_solver="full").fit(DIGITS[:300].reshape(300, -1) / 255)
    assert told["train/explained_variance"] == pytest.approx(reference.explained_variance_ratio_.sum())


def test_identical_images_have_no_components_and_no_error() -> None:
    images = np.full((5, 8, 8, 1), 100, np.uint8)
    detector = PCA((1, 8, 8), components=3)
    detector.fit(FitInputs(images=images, train=np.arange(5), val=NONE, seed=0))
    assert torch.isfinite(detector.components).all()
    assert detector.score(torch.full((2, 1, 8, 8), 100 / 255)).scores.max() < 1e-10
    assert detector.score(torch.rand(2, 1, 8, 8)).scores.min() > 0.01


def test_channels_are_kept_apart() -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 9, 11, 3), dtype=np.uint8)
    detector = PCA((3, 9, 11), components=39)
    detector.fit(FitInputs(images=images, train=np.arange(40), val=NONE, seed=0))
    as_tensor = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    assert torch.allclose(detector.reconstruct(as_tensor), as_tensor, atol=1e-4)
