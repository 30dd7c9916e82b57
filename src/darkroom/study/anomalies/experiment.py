"""Anomalies by reconstruction: scores, thresholds that promise a false-alarm rate, and anomalies among the training images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from darkroom.data.store import Store
from darkroom.detect.items import contaminated, is_anomalous, normal_rows
from darkroom.detect.methods.autoencoder import Autoencoder
from darkroom.detect.methods.pca import PCA
from darkroom.fit.optimizers import adamw
from darkroom.registry import chosen, register
from darkroom.settings import Count, Positive, Probability
from darkroom.study.anomalies import pictures
from darkroom.study.anomalies.scored import Scored
from darkroom.study.detecting import fitted, scores
from darkroom.study.findings import SHARES, Findings, Table, gain, mean
from darkroom.study.training import Division, digits, divide, placed

Floats = NDArray[np.float64]


FAMILIES = ("PCA", "autoencoder")


@dataclass(frozen=True)
class Once:
    """All detectors of one seed by family, then by code size or by share of anomalies in training."""

    sizes: dict[str, dict[int, Scored]]
    shares: dict[str, dict[float, Scored]]

    def areas(self, kind: str) -> dict[str, dict[float, float]]:
        """Return the AUROC of `sizes` or of `shares`."""
        return {family: {at: each.area for at, each in found.items()} for family, found in getattr(self, kind).items()}


@register("study", "anomalies")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="repetitions, each with its own images and weights")] = 5,
    normal: Annotated[tuple[str, ...], Field(min_length=1, description="digits that are normal")] = (
        "0",
        "1",
        "2",
        "3",
        "4",
    ),
    sizes: Annotated[tuple[Count, ...], Field(min_length=1, description="code sizes of the detectors")] = (2, 8, 32),
    code: Annotated[Count, Field(description="code size for thresholds and contamination")] = 8,
    false_alarms: Annotated[
        tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1, description="promised false-alarm rates")
    ] = (0.01, 0.05, 0.1, 0.2),
    contamination: Annotated[
        tuple[Probability, ...], Field(min_length=2, description="shares of anomalies among the training images")
    ] = (0.0, 0.02, 0.05, 0.1, 0.2),
    epochs: Annotated[Count, Field(description="passes over the training images")] = 20,
    lr: Annotated[Positive, Field(description="highest learning rate")] = 0.01,
) -> Findings:
    """Detect digits unlike the normal ones by how badly a code of those reconstructs them."""
    training = {"epochs": epochs, "batch_size": 64, "optimizer": chosen(adamw, lr=lr, weight_decay=0.0)}
    store = digits()
    found = [
        once(store, normal, sizes=sizes, code=code, contamination=contamination, training=training, seed=seed)
        for seed in range(seeds)
    ]
    return Findings(
        numbers=numbers(found, code=code, false_alarms=false_alarms),
        figures={
            "scores": pictures.scores([found[0].sizes[family][code] for family in FAMILIES], FAMILIES, false_alarms),
            "sizes": pictures.areas([once.areas("sizes") for once in found], "code size (numbers per image)", log=True),
            "contamination": pictures.areas(
                [once.areas("shares") for once in found], "share of anomalies among the training images"
            ),
        },
        tables={"thresholds": thresholds(found, code=code, false_alarms=false_alarms)},
    )


def once(
    store: Store,
    normal: tuple[str, ...],
    *,
    sizes: tuple[int, ...],
    code: int,
    contamination: tuple[float, ...],
    training: Mapping[str, Any],
    seed: int,
) -> Once:
    """Fit every detector with one seed."""
    whole = divide(store, train=1000, val=300, test=497, seed=seed)
    store = placed(store, whole)
    rows, val = normal_rows(store, "train", normal), normal_rows(store, "val", normal)
    anomalous = is_anomalous(store, whole.test, normal)

    def scored(family: str, rows: NDArray[np.int64], size: int) -> Scored:
        division = Division(rows, val, whole.test)
        if family == "PCA":
            detector = fitted(PCA, store, division, seed=seed, components=size)
        else:
            detector = fitted(
                Autoencoder, store, division, seed=seed, training=training, network="shallow", latent=size
            )
        train, held_out, test = (scores(detector, store.samples[of]) for of in (rows, val, whole.test))
        return Scored(train, held_out, test, anomalous)

    by_size = {family: {size: scored(family, rows, size) for size in {*sizes, code}} for family in FAMILIES}
    by_share = {
        family: {
            share: scored(family, contaminated(store, rows, normal, share, seed=seed), code)
            if share
            else by_size[family][code]
            for share in contamination
        }
        for family in FAMILIES
    }
    return Once({family: dict(sorted(each.items())) for family, each in by_size.items()}, by_share)


def numbers(found: list[Once], *, code: int, false_alarms: tuple[float, ...]) -> dict[str, Any]:
    """Return what the page states."""
    sizes, shares = list(found[0].sizes["PCA"]), list(found[0].shares["PCA"])
    chosen = false_alarms[min(1, len(false_alarms) - 1)]

    def areas(kind: str, family: str, at: float) -> list[float]:
        return [once.areas(kind)[family][at] for once in found]

    network = [once.sizes["autoencoder"][code] for once in found]
    return {
        "normal": int((~found[0].sizes["PCA"][code].anomalous).sum()),
        "anomalous": int(found[0].sizes["PCA"][code].anomalous.sum()),
        "val": min(len(each.val) for each in network),
        "area": {family: mean(areas("sizes", family, code), SHARES) for family in FAMILIES},
        "against_pca": gain(areas("sizes", "autoencoder", code), areas("sizes", "PCA", code)),
        "sizes": [str(size) for size in sizes],
        "by_size": {
            family: {str(size): mean(areas("sizes", family, size), SHARES) for size in sizes} for family in FAMILIES
        },
        "longest": {
            family: gain(areas("sizes", family, sizes[-1]), areas("sizes", family, code)) for family in FAMILIES
        },
        "promised": chosen,
        "alarms": mean([each.flagged(chosen)[0] for each in network], SHARES),
        "detected": mean([each.flagged(chosen)[1] for each in network], SHARES),
        "on_training": mean([each.flagged(chosen, of="train")[0] for each in network], SHARES),
        "too_low": gain(
            [each.flagged(chosen, of="train")[0] for each in network], [each.flagged(chosen)[0] for each in network]
        ),
        "most": shares[-1],
        "contaminated": {
            family: gain(areas("shares", family, shares[-1]), areas("shares", family, shares[0])) for family in FAMILIES
        },
    }


def thresholds(found: list[Once], *, code: int, false_alarms: tuple[float, ...]) -> Table:
    """Tabulate what thresholds for these false-alarm rates flag of the test images."""
    rows = {}
    for rate in false_alarms:
        flags = {f: [once.sizes[f][code].flagged(rate) for once in found] for f in FAMILIES}
        training = [once.sizes["autoencoder"][code].flagged(rate, of="train")[0] for once in found]
        rows[f"{100 * rate:g} %"] = [
            mean([alarms for alarms, _ in flags["autoencoder"]], SHARES),
            mean([detected for _, detected in flags["autoencoder"]], SHARES),
            mean([detected for _, detected in flags["PCA"]], SHARES),
            mean(training, SHARES),
        ]
    headings = (
        "False alarms",
        "Detected, autoencoder",
        "Detected, PCA",
        "False alarms, threshold from training images",
    )
    return Table("Promised rate", dict.fromkeys(headings, "percent"), rows)
