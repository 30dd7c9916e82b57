"""Variational autoencoders on digits: the two terms of the bound, their weight, interpolation, blur, and quantized codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field

from darkroom.data.store import Store
from darkroom.fit.batches import as_tensor
from darkroom.fit.optimizers import adamw
from darkroom.generate.gan.model import GAN
from darkroom.generate.vae.codebook import perplexity
from darkroom.generate.vae.vae import VAE
from darkroom.generate.vae.vqvae import VQVAE
from darkroom.registry import chosen, register
from darkroom.settings import Count, Positive
from darkroom.study.findings import AMOUNTS, SHARES, Findings, Table, gain, mean
from darkroom.study.generating import Bytes, contrast, sampled, trained
from darkroom.study.strips import strips
from darkroom.study.training import Division, digits, divide
from darkroom.study.vae import pictures
from darkroom.study.vae.bound import UNUSED, Bounded

TRAIN, TEST, SAMPLES = 1200, 500, 500


@dataclass(frozen=True)
class Codes:
    """How a codebook is used on the test images."""

    used: float
    """Share of its codes."""
    effective: float
    """Perplexity of their usage."""
    samples: Bytes


@dataclass(frozen=True)
class Once:
    """Everything measured with one seed."""

    betas: dict[float, Bounded]
    books: dict[int, Codes]
    gan: Bytes
    real: Bytes
    vae: VAE


@register("study", "vae")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="repetitions, each with its own training images and weights")] = 5,
    betas: Annotated[tuple[Positive, ...], Field(min_length=2, description="weights of the KL term")] = (
        0.1,
        0.3,
        1.0,
        4.0,
    ),
    latent: Annotated[Count, Field(description="dimensions of the code")] = 8,
    epochs: Annotated[Count, Field(description="passes over the 1,200 training images")] = 15,
    codebooks: Annotated[
        tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=1, description="sizes of the codebooks of VQ-VAEs")
    ] = (16, 256),
    vq_epochs: Annotated[Count, Field(description="passes of each VQ-VAE")] = 5,
    gan_epochs: Annotated[Count, Field(description="passes of the GAN that samples are compared with")] = 8,
) -> Findings:
    """Train VAEs with several weights of the KL term, and VQ-VAEs and a GAN beside them."""
    store = digits()
    found = []
    for seed in range(seeds):
        division = divide(store, train=TRAIN, val=97, test=TEST, seed=seed)
        vaes = {beta: vae(store, division, beta=beta, latent=latent, epochs=epochs, seed=seed) for beta in betas}
        gan = trained(GAN, store, division, seed=seed, training={"epochs": gan_epochs}, width=16, conditioning="none")
        found.append(
            Once(
                betas={beta: bounded(model, store, division, seed=seed) for beta, model in vaes.items()},
                books={size: codes(store, division, size=size, epochs=vq_epochs, seed=seed) for size in codebooks},
                gan=sampled(gan.model, SAMPLES, seed=seed),
                real=store.samples[division.test],
                vae=vaes[min(betas)],
            )
        )
    one = nearest_one(betas)
    rows = {"real": found[0].real, "GAN": found[0].gan}
    rows |= {f"VAE, β = {beta:g}": each.samples for beta, each in found[0].betas.items()}
    rows[f"VQ-VAE, {codebooks[-1]} codes"] = found[0].books[codebooks[-1]].samples
    return Findings(
        numbers=numbers(found, one),
        figures={
            "rates": pictures.rates([once.betas for once in found]),
            "samples": strips(rows, "Rows of twelve digits: real ones, and samples of each model"),
            "paths": pictures.paths(found[0].vae, found[0].real),
        },
        tables=tables(found),
    )


def nearest_one(betas: tuple[float, ...]) -> float:
    """Return the weight closest to the bound's own."""
    return min(betas, key=lambda beta: abs(np.log(beta)))


def vae(store: Store, division: Division, *, beta: float, latent: int, epochs: int, seed: int) -> VAE:
    """Train an unconditional VAE."""
    options: Mapping[str, Any] = {"conditional": False, "latent": latent, "beta": beta}
    model = trained(VAE, store, division, seed=seed, training={"epochs": epochs}, **options).model
    assert isinstance(model, VAE)
    return model


@torch.inference_mode()
def bounded(model: VAE, store: Store, division: Division, *, seed: int) -> Bounded:
    """Measure the bound of the test images."""
    images = as_tensor(store.samples[division.test])
    labels = torch.zeros(len(images), dtype=torch.int64)
    found = model.bound(images, labels, torch.Generator().manual_seed(seed))
    per_dimension = rates(*model.encode(images, labels)).mean(0)
    return Bounded(
        rate=float(found.kl.mean()),
        distortion=-float(found.reconstruction.mean()),
        active=int((per_dimension > UNUSED).sum()),
        samples=sampled(model, SAMPLES, seed=seed),
    )


def rates(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """Return the KL divergence of each normal distribution from the standard normal one, in nats, (B, D)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


@torch.inference_mode()
def codes(store: Store, division: Division, *, size: int, epochs: int, seed: int) -> Codes:
    """Train a VQ-VAE with a codebook of this size, and measure how test images use it."""
    with torch.inference_mode(False):
        training = {"epochs": epochs, "batch_size": 32, "optimizer": chosen(adamw, lr=0.004)}
        options: Mapping[str, Any] = {"codes": size, "width": 16, "halvings": 1, "prior_layers": 1, "prior_width": 32}
        model = trained(VQVAE, store, division, seed=seed, training=training, conditional=False, **options).model
    assert isinstance(model, VQVAE)
    found = model.encode(as_tensor(store.samples[division.test])).codes
    return Codes(
        used=float(found.unique().numel()) / size,
        effective=float(perplexity(found, size)),
        samples=sampled(model, SAMPLES, seed=seed),
    )


def numbers(found: list[Once], one: float) -> dict[str, Any]:
    """Return what the page states; `one` is the weight that samples are compared at."""
    betas, books = list(found[0].betas), list(found[0].books)
    low, high = min(betas), max(betas)

    def of(beta: float, name: str) -> list[float]:
        return [float(getattr(once.betas[beta], name)) for once in found]

    def sharp(images: list[Bytes]) -> list[float]:
        return [contrast(each) / contrast(once.real) for each, once in zip(images, found, strict=True)]

    blur = {
        "vae": sharp([once.betas[one].samples for once in found]),
        "gan": sharp([once.gan for once in found]),
        "vqvae": sharp([once.books[books[-1]].samples for once in found]),
    }
    return {
        "low": low,
        "high": high,
        "one": one,
        "rate": {"low": mean(of(low, "rate"), AMOUNTS), "high": mean(of(high, "rate"), AMOUNTS)},
        "rate_change": gain(of(high, "rate"), of(low, "rate")),
        "distortion_change": gain(of(high, "distortion"), of(low, "distortion")),
        "active": {"low": mean(of(low, "active"), AMOUNTS), "high": mean(of(high, "active"), AMOUNTS)},
        "sharpness": {name: mean(values, AMOUNTS) for name, values in blur.items()},
        "blur": gain(blur["vae"], blur["gan"]),
        "largest": books[-1],
        "used": mean([once.books[books[-1]].used for once in found], SHARES),
        "effective": mean([once.books[books[-1]].effective for once in found], AMOUNTS),
    }


def tables(found: list[Once]) -> dict[str, Table]:
    """Tabulate the terms of the bound by weight, and the use of each codebook."""

    def of(beta: float, name: str) -> list[float]:
        return [float(getattr(once.betas[beta], name)) for once in found]

    names = ("rate", "distortion", "active")
    return {
        "betas": Table(
            "Weight of the KL term",
            {
                "Rate (nats)": "compact",
                "Distortion (nats)": "compact",
                "Active dimensions": "compact",
                "Sharpness of samples": "decimal",
            },
            {
                f"β = {beta:g}": [
                    *(mean(of(beta, name), AMOUNTS) for name in names),
                    mean([contrast(once.betas[beta].samples) / contrast(once.real) for once in found], AMOUNTS),
                ]
                for beta in found[0].betas
            },
        ),
        "books": Table(
            "Codebook",
            {"Codes in use": "percent", "Effective number of codes": "compact"},
            {
                f"{size} codes": [
                    mean([once.books[size].used for once in found], SHARES),
                    mean([once.books[size].effective for once in found], AMOUNTS),
                ]
                for size in found[0].books
            },
        ),
    }
