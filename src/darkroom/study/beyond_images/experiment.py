"""Augmentation of what is no image: SMOTE and ADASYN of a rare class in a table, EDA of sentences, SpecAugment of sounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from darkroom import figures
from darkroom.augment.rows.smote import ADASYN, SMOTE, Synthesizer, UnsuitedError
from darkroom.registry import register
from darkroom.settings import Count
from darkroom.study.beyond_images import audio
from darkroom.study.beyond_images.oversampling import (
    RARE,
    REMEDIES,
    Floats,
    Score,
    balanced,
    islands,
    judged,
    leaked,
    measured,
    misplaced,
    standard,
    tumors,
)
from darkroom.study.beyond_images.oversampling import Table as Rows
from darkroom.study.beyond_images.sentences import LIBRARIES, corpus
from darkroom.study.beyond_images.sounds import INSTRUMENTS
from darkroom.study.beyond_images.synonyms import SETS
from darkroom.study.beyond_images.synonyms import wordnet as files_of
from darkroom.study.beyond_images.text import WAYS, compared, operations
from darkroom.study.findings import SHARES, Figure, Findings, Table, gain, mean
from darkroom.study.training import accuracy, improvement

MEASURES = {
    "auroc": "AUROC",
    "average_precision": "Average precision",
    "balanced_accuracy": "Balanced accuracy",
    "recall": "Recall of the rare class",
}


@register("study", "beyond_images")
def run(
    *,
    seeds: Annotated[int, Field(ge=2, description="random splits of each kind of data")] = 20,
    rare: Annotated[int, Field(ge=3, description="malignant tumors left in the training rows")] = 15,
    test: Annotated[int, Field(ge=50, le=300, description="test rows")] = 200,
    k: Annotated[Count, Field(description="neighbors of SMOTE and ADASYN")] = 5,
    noise_rows: Annotated[int, Field(ge=40, description="rows of pure noise for the leak")] = 400,
    noise_rare: Annotated[int, Field(ge=12, description="rare ones among them")] = 40,
    sentences: Annotated[
        tuple[Annotated[int, Field(ge=10)], ...], Field(min_length=1, description="training sentences")
    ] = (100, 300),
    tested: Annotated[int, Field(ge=50, description="test sentences")] = 1000,
    copies: Annotated[Count, Field(description="copies of each training sentence")] = 4,
    share: Annotated[float, Field(gt=0, lt=1, description="EDA's share of the words to change")] = 0.1,
    wordnet: Annotated[
        str | None, Field(description="folder of WordNet's files; null: the page's own synonyms")
    ] = None,
    sounds: Annotated[int, Field(ge=6, description="clean training sounds")] = 45,
    heard: Annotated[int, Field(ge=30, description="test sounds")] = 150,
    trainings: Annotated[
        int, Field(ge=2, description="paired seeds of training sounds, initial weights and draws")
    ] = 5,
    epochs: Annotated[Count, Field(description="passes over the training sounds")] = 15,
    snr: Annotated[
        tuple[Annotated[float, Field(ge=-20, le=60)], ...],
        Field(min_length=1, description="signal-to-noise ratios of the noisy test sounds in decibels"),
    ] = (20, 10),
    shift: Annotated[float, Field(ge=0, le=0.5, description="their largest delay, as a share of the length")] = 0.2,
) -> Findings:
    """Compare remedies for a rare class, and train on sentences and on sounds with and without augmentation."""
    everyone, _ = measured()
    scores: dict[str, list[Score]] = {remedy: [] for remedy in REMEDIES}
    leaks: list[tuple[float, float]] = []
    wrong: dict[str, list[float]] = {"SMOTE": [], "ADASYN": []}
    for seed in range(seeds):
        train, held_out = tumors(rare=rare, test=test, seed=seed)
        for remedy, each in scores.items():
            each.append(judged(remedy, train, held_out, k=k, seed=seed))
        leaks.append(leaked(rows=noise_rows, columns=5, rare=noise_rare, k=k, seed=seed))
        for name, made in synthetic(islands(seed=seed), k=k, seed=seed).items():
            wrong[name].append(misplaced(made))

    def of(remedy: str, name: str) -> list[float]:
        return [float(getattr(score, name)) for score in scores[remedy]]

    written = texts(sentences, tested=tested, copies=copies, share=share, wordnet=wordnet, seeds=seeds)

    noisy = noises(training=sounds, tested=heard, seeds=trainings, epochs=epochs, snr=snr, shift=shift)
    return Findings(
        numbers={
            "gain": {
                remedy: {name: gain(of(remedy, name), of("nothing", name)) for name in MEASURES}
                for remedy in REMEDIES
                if remedy != "nothing"
            },
            "against_weights": {
                remedy: {
                    name: gain(of(remedy, name), of("class weights", name)) for name in ("auroc", "balanced_accuracy")
                }
                for remedy in ("SMOTE", "ADASYN")
            },
            "honest": mean([honest for honest, _ in leaks], SHARES),
            "leaked": mean([leak for _, leak in leaks], SHARES),
            "leak": gain([leak for _, leak in leaks], [honest for honest, _ in leaks]),
            "misplaced": {name: mean(values, SHARES) for name, values in wrong.items()},
            "more_misplaced": gain(wrong["ADASYN"], wrong["SMOTE"]),
            "refused": refused(),
            "rows": len(everyone),
            "columns": everyone.shape[1],
            "text": written.numbers,
            "audio": noisy.numbers,
        },
        figures={"islands": drawn(islands(seed=0), k=k), "spectrograms": audio.drawn(snr[0])},
        tables={
            "remedies": Table(
                "Remedy",
                {heading: "percent" if name == "recall" else "decimal" for name, heading in MEASURES.items()},
                {remedy: [mean(of(remedy, name)) for name in MEASURES] for remedy in REMEDIES},
            ),
            **written.tables,
            **noisy.tables,
        },
    )


def texts(sizes: Sequence[int], *, tested: int, copies: int, share: float, wordnet: str | None, seeds: int) -> Findings:
    """Apply EDA to one sentence, and train on so many with copies by EDA, with unchanged copies, and without any."""
    read = corpus(-(-max(sizes) // len(LIBRARIES)) + -(-tested // len(LIBRARIES)))
    with files_of(wordnet) as folder:
        example = operations(read.texts, share=share, wordnet=folder)
        found = {
            size: [
                compared(read, training=size, tested=tested, copies=copies, share=share, wordnet=folder, seed=seed)
                for seed in range(seeds)
            ]
            for size in sizes
        }
    right = {size: {way: [hits[way].accuracy for hits in each] for way in WAYS} for size, each in found.items()}
    words = {size: {way: [float(hits[way].words) for hits in each] for way in WAYS} for size, each in found.items()}
    gains = {size: {way: gain(own["EDA"], own[way]) for way in WAYS if way != "EDA"} for size, own in right.items()}
    return Findings(
        numbers={
            "libraries": LIBRARIES,
            "sentences": len(read.texts),
            "sets": len(SETS),
            "example": example,
            "gain": gains,
            "words": {
                size: {way: round(float(np.mean(each))) for way, each in own.items()} for size, own in words.items()
            },
        },
        tables={
            "texts": Table(
                "Training sentences",
                {"Alone": "percent", "Repeated": "percent", "EDA": "percent", "EDA − alone": "percent"},
                {
                    str(size): [*(mean(own[way], SHARES) for way in WAYS), gains[size]["alone"]]
                    for size, own in right.items()
                },
            ),
        },
    )


def noises(*, training: int, tested: int, seeds: int, epochs: int, snr: Sequence[float], shift: float) -> Findings:
    """Train on clean sounds under each policy, and test on noisy ones."""
    each = [
        audio.heard(training=training, tested=tested, epochs=epochs, snr=snr, shift=shift, seed=seed)
        for seed in range(seeds)
    ]
    clean = {policy: [heard[policy].clean for heard in each] for policy in audio.POLICIES}
    noisy = {
        policy: {f"{ratio:g}": [heard[policy].noisy[at] for heard in each] for at, ratio in enumerate(snr)}
        for policy in audio.POLICIES
    }
    return Findings(
        numbers={
            "instruments": INSTRUMENTS,
            "clean": accuracy(clean["none"]),
            "noisy": {ratio: accuracy(hits) for ratio, hits in noisy["none"].items()},
            "gain": {
                policy: {ratio: improvement(hits, noisy["none"][ratio]) for ratio, hits in own.items()}
                for policy, own in noisy.items()
                if policy != "none"
            },
            "cost": {policy: improvement(hits, clean["none"]) for policy, hits in clean.items() if policy != "none"},
        },
        tables={
            "sounds": Table(
                "Augmentation in training",
                {"Clean": "percent", **{f"Noise at {ratio:g} dB": "percent" for ratio in snr}},
                {
                    policy: [accuracy(clean[policy]), *(accuracy(hits) for hits in noisy[policy].values())]
                    for policy in audio.POLICIES
                },
            )
        },
    )


def synthetic(table: Rows, *, k: int, seed: int) -> dict[str, Floats]:
    """Return the rows that each method makes until both classes are equally large, in the units of the table."""
    given = standard(table)
    methods: dict[str, Synthesizer] = {"SMOTE": SMOTE(k=k), "ADASYN": ADASYN(k=k)}
    return {
        name: np.asarray(given.stored(balanced(given, method, seed=seed).rows[len(table.rows) :]), np.float64)
        for name, method in methods.items()
    }


def refused() -> bool:
    """Return whether ADASYN refuses two classes so far apart that no row has a neighbor of the other."""
    generator = np.random.default_rng(0)
    rows = np.concatenate([generator.normal(size=(60, 2)), generator.normal(size=(12, 2)) + 20])
    try:
        balanced(standard(Rows(rows, np.repeat([0, RARE], [60, 12]))), ADASYN(k=5), seed=0)
    except UnsuitedError:
        return True
    return False


def drawn(table: Rows, *, k: int) -> Figure:
    """Draw a rare class on two islands, and what each method makes of it."""
    made = synthetic(table, k=k, seed=0)
    drawing, panels = figures.panels(len(made), 7.5, 3, sharex=True, sharey=True)
    for axes, (name, points) in zip(panels, made.items(), strict=True):
        axes.plot(*table.rows[table.labels != RARE].T, ".", ms=3, color=figures.FAINT, label="frequent class")
        axes.plot(*points.T, ".", ms=3, color=figures.COLORS[1], alpha=0.6, label="made")
        axes.plot(*table.rows[table.labels == RARE].T, "o", ms=4, color=figures.COLORS[0], label="rare class")
        axes.set_title(f"{name}: {100 * misplaced(points):.0f} % among the frequent class", fontsize=9)
        axes.set(xlabel="first column", aspect="equal")
    panels[0].set_ylabel("second column")
    handles, names = panels[0].get_legend_handles_labels()
    drawing.legend(handles, names, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return Figure(
        drawing,
        "Two panels: a rare class on two islands with one stray row among the frequent class between them. Made rows lie "
        "on lines between rare rows; those from the stray row cross the frequent class",
    )
