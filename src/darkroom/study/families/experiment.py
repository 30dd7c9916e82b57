"""Three families of generative models on the same digits: quality, variety, copies, and cost in operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch.utils.flop_counter import FlopCounterMode

from darkroom import figures
from darkroom.data.store import Store
from darkroom.fit.batches import as_tensor
from darkroom.generate.diffusion.model import Diffusion
from darkroom.generate.gan.model import GAN
from darkroom.generate.model import GenerativeModel
from darkroom.generate.vae.vae import VAE
from darkroom.measure import memorization
from darkroom.nets.mlp import MLP
from darkroom.registry import chosen, register
from darkroom.settings import Count
from darkroom.study.findings import AMOUNTS, SHARES, Figure, Findings, Table, gain, mean
from darkroom.study.generating import Bytes, Generated, Quality, quality, sampled, trained
from darkroom.study.strips import strips
from darkroom.study.training import Division, Trained, classifier, digits, divide

TRAIN, SAMPLES = 1200, 500
MODELS: Mapping[str, type[GenerativeModel]] = {"vae": VAE, "gan": GAN, "diffusion": Diffusion}
FAMILIES = tuple(MODELS)
TITLES = {"vae": "VAE", "gan": "GAN", "diffusion": "diffusion model", "real": "other real images"}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "vae": {"latent": 8, "width": 16},
    "gan": {"width": 16},
    "diffusion": {"width": 16, "patch": 2, "guidance": 1.0},
}


@dataclass(frozen=True)
class Measured:
    """One family's samples, and what they cost."""

    quality: Quality
    recognized: float
    """Share of samples that a classifier takes for the class that was asked for."""
    copies: float
    """Share of samples closer to a training image than 99 of 100 held-out images are."""
    training: float
    """Floating-point operations of the whole training."""
    sampling: float
    """Floating-point operations per sample."""
    samples: Bytes


@register("study", "families")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="trainings of each family, on their own training images")] = 3,
    vae_epochs: Annotated[Count, Field(description="passes of the VAE over the 1,200 training images")] = 24,
    gan_epochs: Annotated[Count, Field(description="passes of the GAN")] = 16,
    diffusion_epochs: Annotated[Count, Field(description="passes of the diffusion model")] = 10,
    steps: Annotated[Count, Field(description="sampling steps of the diffusion model")] = 20,
) -> Findings:
    """Train one model of each family, conditional on the class, and compare their samples."""
    epochs = {"vae": vae_epochs, "gan": gan_epochs, "diffusion": diffusion_epochs}
    store = digits()
    found: dict[str, list[Measured]] = {name: [] for name in FAMILIES}
    floor = []
    for seed in range(seeds):
        division = divide(store, train=TRAIN, val=97, test=SAMPLES, seed=seed)
        judge = classifier(store, division.train, network=chosen(MLP), training={"epochs": 15}, seed=seed)
        floor.append(quality(store.samples[division.train[:SAMPLES]], store.samples[division.test], judge))
        for name in FAMILIES:
            options = {**OPTIONS[name], **({"steps": steps} if name == "diffusion" else {})}
            made = trained(MODELS[name], store, division, seed=seed, training={"epochs": epochs[name]}, **options)
            found[name].append(measured(made, store, division, judge, seed=seed))
    return Findings(
        numbers=numbers(found, floor),
        figures={
            "samples": drawn({name: each[0].samples for name, each in found.items()}, store.samples),
            "balance": balance(found),
        },
        tables=tables(found, floor),
    )


def measured(made: Generated, store: Store, division: Division, judge: Trained, *, seed: int) -> Measured:
    """Draw samples and measure them beside the test images."""
    samples = sampled(made.model, SAMPLES, seed=seed)
    train, test = store.samples[division.train], store.samples[division.test]
    ratios = [memorization.nearest(images, train).ratio for images in (samples, test)]
    wanted = np.arange(SAMPLES) % len(store.classes)
    return Measured(
        quality=quality(samples, test, judge),
        recognized=float((judge.logits(samples).argmax(1) == wanted).mean()),
        copies=float((ratios[0] < memorization.threshold(ratios[1])).mean()),
        training=made.images * update_operations(made.model, store, division),
        sampling=operations(lambda: made.model.sample(torch.arange(10), torch.Generator().manual_seed(0))) / 10,
        samples=samples,
    )


def operations(do: Callable[[], object]) -> float:
    """Return the floating-point operations of matrix products and convolutions in a computation."""
    with FlopCounterMode(display=False) as counter:
        do()
    return float(counter.get_total_flops())


def update_operations(model: GenerativeModel, store: Store, division: Division) -> float:
    """Return the operations per image of one update on 32 images, with backward passes."""
    images = as_tensor(store.samples[division.train[:32]])
    labels = torch.from_numpy(store.labels[division.train[:32]])
    batch: Any = model
    model.train()

    def update() -> None:
        if hasattr(batch, "discriminator_loss"):
            real = images * 2 - 1
            fake = batch.generator(batch.noise(len(labels)), labels)
            batch.discriminator_loss(real, fake.detach(), labels).loss.backward()
            batch.generator_loss(real, fake, labels).backward()
        elif hasattr(batch, "denoising_losses"):
            batch.denoiser.requires_grad_(True)
            batch.denoising_losses(batch.denoiser, images, labels)["loss"].backward()
        else:
            batch.losses(images, labels)["loss"].backward()

    with torch.random.fork_rng(devices=[]):
        found = operations(update) / len(images)
    model.eval()
    return found


def numbers(found: dict[str, list[Measured]], floor: list[Quality]) -> dict[str, Any]:
    """Return what the page states."""

    def of(name: str, measure: str) -> list[float]:
        return [float(getattr(each.quality, measure)) for each in found[name]]

    averages = {
        measure: {name: float(np.mean(of(name, measure))) for name in FAMILIES}
        for measure in ("frechet", "coverage", "precision", "sharpness")
    }
    sampling = {name: found[name][0].sampling for name in FAMILIES}
    return {
        "closest": TITLES[min(FAMILIES, key=lambda name: averages["frechet"][name])],
        "widest": TITLES[max(FAMILIES, key=lambda name: averages["coverage"][name])],
        "safest": TITLES[max(FAMILIES, key=lambda name: averages["precision"][name])],
        "cheapest": TITLES[min(FAMILIES, key=lambda name: sampling[name])],
        "coverage": {name: mean(of(name, "coverage"), SHARES) for name in FAMILIES},
        "precision": {name: mean(of(name, "precision"), SHARES) for name in FAMILIES},
        "sharpness": {name: mean(of(name, "sharpness"), AMOUNTS) for name in FAMILIES},
        "frechet": {name: mean(of(name, "frechet"), AMOUNTS) for name in FAMILIES},
        "floor": mean([each.frechet for each in floor], AMOUNTS),
        "recognized": {name: mean([each.recognized for each in found[name]], SHARES) for name in FAMILIES},
        "copies": {name: mean([each.copies for each in found[name]], SHARES) for name in FAMILIES},
        "factor": sampling["diffusion"] / sampling["gan"],
        "gan_over_vae": {
            measure: gain(of("gan", measure), of("vae", measure)) for measure in ("precision", "coverage", "sharpness")
        },
        "diffusion_over_gan": {
            measure: gain(of("diffusion", measure), of("gan", measure)) for measure in ("precision", "coverage")
        },
    }


def tables(found: dict[str, list[Measured]], floor: list[Quality]) -> dict[str, Table]:
    """Tabulate quality and cost, one row per family."""

    def row(each: list[Quality]) -> list[Any]:
        bounds = {"precision": SHARES, "coverage": SHARES}
        return [
            mean([float(getattr(one, name)) for one in each], bounds.get(name, AMOUNTS)) for name in Quality._fields
        ]

    headings = {"Fréchet distance": "compact", "Precision": "percent", "Coverage": "percent", "Sharpness": "decimal"}
    quality_rows: dict[str, list[Any]] = {
        TITLES[name]: [
            *row([one.quality for one in each]),
            mean([one.recognized for one in each], SHARES),
            mean([one.copies for one in each], SHARES),
        ]
        for name, each in found.items()
    }
    quality_rows[TITLES["real"]] = [*row(floor), None, None]
    costs: dict[str, list[Any]] = {
        TITLES[name]: [each[0].training / 1e9, each[0].sampling / 1e6] for name, each in found.items()
    }
    return {
        "quality": Table("Family", {**headings, "Recognized": "percent", "Near-copies": "percent"}, quality_rows),
        "cost": Table(
            "Family", {"Training (10⁹ operations)": "compact", "A sample (10⁶ operations)": "compact"}, costs
        ),
    }


def drawn(samples: Mapping[str, Bytes], real: Bytes) -> Figure:
    """Draw samples of each family, the classes in turn, below real images."""
    rows = {"real": real, **{TITLES[name]: images for name, images in samples.items()}}
    return strips(rows, f"Rows of digits in the order 0 to 9, one for each of: {', '.join(rows)}")


def balance(found: dict[str, list[Measured]]) -> Figure:
    """Draw precision against coverage, one dot per training, sized by the cost of a sample."""
    drawing, axes = figures.figure(6.5, 3.4)
    for (name, each), color in zip(found.items(), figures.COLORS, strict=False):
        size = 30 + 40 * np.log10(each[0].sampling / min(group[0].sampling for group in found.values()))
        places = [(one.quality.coverage, one.quality.precision) for one in each]
        across, up = zip(*places, strict=True)
        axes.scatter(across, up, s=size, color=color, alpha=0.7, label=TITLES[name])
    axes.set_xlabel("coverage: share of real images with a sample nearby")
    axes.set_ylabel("precision: share of realistic samples")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return Figure(
        drawing, "Precision against coverage, one dot per training; larger dots for families whose samples cost more"
    )
