"""Maps of features: principal components, and the same map for the same features."""

from __future__ import annotations

import numpy as np

from darkroom.classify.explanation.embedding import embed, principal_components


def features(n: int = 60) -> np.ndarray:
    generator = np.random.default_rng(0)
    return (generator.normal(size=(n, 12)) + 6 * (np.arange(n) % 3)[:, None]).astype(np.float32)


def test_components_keep_distances_and_order_the_variance() -> None:
    x = features().astype(np.float64)
    projected, shares = principal_components(x)
    assert np.allclose(np.linalg.norm(projected[0] - projected[1]), np.linalg.norm(x[0] - x[1]))
    assert np.allclose(shares, projected.var(0) / x.var(0).sum())
    assert (np.diff(shares) <= 1e-12).all()


def test_a_seed_gives_one_map_and_clusters_stay_together() -> None:
    first, second = embed(features(), 5), embed(features(), 5)
    assert first is not None
    assert second is not None
    assert (first.tsne == second.tsne).all()
    for places in (first.pca, first.tsne):
        distances = np.linalg.norm(places[:, None] - places[None], axis=2) + 1e9 * np.eye(len(places))
        assert (distances.argmin(1) % 3 == np.arange(len(places)) % 3).mean() > 0.95


def test_nothing_to_lay_out() -> None:
    assert embed(features(4), 0) is None
    assert embed(np.ones((20, 5), np.float32), 0) is None
