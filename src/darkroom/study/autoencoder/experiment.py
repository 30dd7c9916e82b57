"""Autoencoders beside principal components: the same subspace, the same code sizes, and what each variant is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from darkroom.data.store import Store
from darkroom.detect.detector import Detector
from darkroom.detect.methods.autoencoder import Autoencoder
from darkroom.detect.methods.pca import PCA
from darkroom.detect.methods.sequence_autoencoder import SequenceAutoencoder
from darkroom.fit.batches import as_tensor
from darkroom.fit.optimizers import adamw
from darkroom.measure.intervals import Difference, Number
from darkroom.registry import chosen, register
from darkroom.settings import Count, Positive
from darkroom.study.autoencoder import linear, pictures
from darkroom.study.autoencoder.linear import Curve
from darkroom.study.autoencoder.variants import Measured, measured
from darkroom.study.detecting import fitted, reconstruction_error
from darkroom.study.findings import AMOUNTS, Findings, Table, gain, mean
from darkroom.study.training import Division, digits, divide

TRAIN, TEST = 1100, 500
LINEAR = 4
"""Code size of the linear autoencoder."""
EVERY = 50
"""Steps between two measured angles."""


@dataclass(frozen=True)
class Once:
    """Everything measured with one seed."""

    errors: dict[str, dict[int, float]]
    """Mean squared error of the test images by family and code size."""
    kinds: dict[str, Measured]
    angles: dict[str, dict[int, float]]
    """Largest principal angle by step, for raw pixels and for centered ones."""
    curve: Curve
    networks: dict[str, Detector]
    store: Store
    division: Division


@register("study", "autoencoder")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="repetitions, each with its own training images and weights")] = 5,
    sizes: Annotated[tuple[Count, ...], Field(min_length=2, description="code sizes to compare")] = (2, 8, 32),
    code: Annotated[Count, Field(description="code size of the variants")] = 16,
    epochs: Annotated[Count, Field(description="passes over the 1,100 training images")] = 12,
    lr: Annotated[Positive, Field(description="highest learning rate")] = 0.01,
    noise: Annotated[Positive, Field(description="standard deviation of the noise; pixels are in [0, 1]")] = 0.3,
    sparsity: Annotated[Positive, Field(description="weight of the sparsity penalty")] = 0.03,
    contraction: Annotated[Positive, Field(description="weight of the contractive penalty")] = 0.001,
    steps: Annotated[Count, Field(ge=50, description="steps of the linear autoencoder")] = 2000,
) -> Findings:
    """Compare autoencoders with PCA on 8×8 digits, and on a curve."""
    training = {"epochs": epochs, "batch_size": 64, "optimizer": chosen(adamw, lr=lr, weight_decay=0.0)}
    kinds: dict[str, dict[str, Any]] = {
        "plain": {},
        "denoising": {"denoising": noise},
        "sparse": {"sparsity": sparsity},
        "contractive": {"contraction": contraction},
    }
    store = digits()
    found = []
    for seed in range(seeds):
        division = divide(store, train=TRAIN, val=100, test=TEST, seed=seed)
        networks = variants(store, division, code=code, kinds=kinds, training=training, seed=seed)
        found.append(
            Once(
                errors=by_size(store, division, sizes=sizes, training=training, seed=seed),
                kinds={
                    name: measured(network, store, division, noise=noise, seed=seed)
                    for name, network in networks.items()
                },
                angles=angles(store, division, steps=steps, seed=seed),
                curve=linear.follow(points=400, steps=1000, lr=0.01, width=32, seed=seed),
                networks=networks,
                store=store,
                division=division,
            )
        )
    return Findings(
        numbers=numbers(found),
        figures={
            "angles": pictures.angles([once.angles for once in found]),
            "sizes": pictures.sizes([once.errors for once in found]),
            "curve": pictures.curve(found[0].curve),
            "noise": pictures.denoised(found[0].networks, store.samples[found[0].division.test[:10]], noise=noise),
        },
        tables=tables(found),
    )


def by_size(
    store: Store, division: Division, *, sizes: tuple[int, ...], training: Mapping[str, Any], seed: int
) -> dict[str, dict[int, float]]:
    """Return the test error of PCA and of two autoencoders by code size."""
    found: dict[str, dict[int, float]] = {"PCA": {}, "shallow": {}, "convolutional": {}}
    images = store.samples[division.test]
    for size in sizes:
        linear_code = fitted(PCA, store, division, seed=seed, components=size)
        found["PCA"][size] = reconstruction_error(linear_code, images)
        for network in ("shallow", "convolutional"):
            model = fitted(Autoencoder, store, division, seed=seed, training=training, network=network, latent=size)
            found[network][size] = reconstruction_error(model, images)
    return found


def variants(
    store: Store, division: Division, *, code: int, kinds: dict[str, Any], training: Mapping[str, Any], seed: int
) -> dict[str, Detector]:
    """Fit PCA, a shallow autoencoder of each kind, and one that reads rows in sequence, all with codes of one size."""
    found = {"PCA": fitted(PCA, store, division, seed=seed, components=code)}
    for kind, options in kinds.items():
        found[kind] = fitted(
            Autoencoder, store, division, seed=seed, training=training, network="shallow", latent=code, **options
        )
    found["sequence"] = fitted(SequenceAutoencoder, store, division, seed=seed, training=training, latent=code)
    return found


def angles(store: Store, division: Division, *, steps: int, seed: int) -> dict[str, dict[int, float]]:
    """Return how far a linear autoencoder is from PCA's subspace as it trains, in degrees by step."""
    points = as_tensor(store.samples[division.train]).flatten(1)
    pca = fitted(PCA, store, division, seed=seed, components=LINEAR)
    assert isinstance(pca, PCA)
    components = pca.components.double().numpy().T
    return {
        name: linear.angles_in_training(given, components, steps=steps, lr=0.01, every=EVERY, seed=seed)
        for name, given in (("raw", points), ("centered", points - points.mean(0)))
    }


def numbers(found: list[Once]) -> dict[str, Any]:
    """Return what the page states."""
    sizes = sorted(found[0].errors["PCA"])
    last = max(found[0].angles["raw"])
    early = min(1000, last) // EVERY * EVERY

    def angle(name: str, step: int) -> float:
        return max(once.angles[name][step] for once in found)

    def change(kind: str, of: str) -> Difference:
        return gain(*([getattr(once.kinds[name], of) for once in found] for name in (kind, "plain")))

    return {
        "worked": linear.worked()._asdict(),
        "code": LINEAR,
        "early": early,
        "angles": {name: {"early": angle(name, early), "last": angle(name, last)} for name in ("raw", "centered")},
        "smallest": str(sizes[0]),
        "largest": str(sizes[-1]),
        "sizes": {
            str(at): gain([once.errors["shallow"][at] for once in found], [once.errors["PCA"][at] for once in found])
            for at in sizes
        },
        "line": mean([once.curve.errors()[0] for once in found], AMOUNTS),
        "network": mean([once.curve.errors()[1] for once in found], AMOUNTS),
        "denoising": {"noisy": change("denoising", "noisy"), "clean": change("denoising", "clean")},
        "pca": {"noisy": change("PCA", "noisy")},
        "sparse": {"active": change("sparse", "active"), "clean": change("sparse", "clean")},
        "contractive": {name: change("contractive", name) for name in ("slope", "noisy", "clean")},
        "sequence": {"clean": change("sequence", "clean")},
    }


def tables(found: list[Once]) -> dict[str, Table]:
    """Tabulate errors by code size, and the variants, averaged over seeds."""
    rows: dict[str, list[Number | None]] = {}
    for kind in found[0].kinds:
        values = zip(*(once.kinds[kind] for once in found), strict=True)
        rows[kind] = [
            mean([v for v in each if v is not None], AMOUNTS) if None not in each else None for each in values
        ]
    headings = ["Error, clean images", "Error, noisy images", "Active units", "Slope of the encoder"]
    by_size = {
        family: [mean([once.errors[family][at] for once in found], AMOUNTS) for at in errors]
        for family, errors in found[0].errors.items()
    }
    return {
        "kinds": Table("Code", dict(zip(headings, ["compact", "compact", "percent", "compact"], strict=True)), rows),
        "sizes": Table("Code", {f"{at} numbers": "compact" for at in found[0].errors["PCA"]}, by_size),
    }
