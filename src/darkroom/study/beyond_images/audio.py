"""Training on clean sounds and testing on noisy ones, with and without augmentation; spectrograms before and after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch

from darkroom import figures
from darkroom.augment.batch.sound import Noise, SpecAugment
from darkroom.data.store import Store
from darkroom.fit.batches import as_tensor
from darkroom.fit.optimizers import adamw
from darkroom.nets.cnn import CNN
from darkroom.nets.log_mel import LogMel, to_mel
from darkroom.nets.spectrogram import Spectrogram
from darkroom.randomness import derive
from darkroom.registry import chosen
from darkroom.settings import Section
from darkroom.study.beyond_images.sounds import INSTRUMENTS, LENGTH, RATE, sounds
from darkroom.study.findings import Figure
from darkroom.study.training import Floats, classifier

NOISE = 10.0
"""Smallest signal-to-noise ratio of the white noise in training, in decibels."""
POLICIES: Mapping[str, Sequence[Section]] = {
    "none": [],
    "SpecAugment": [chosen(SpecAugment)],
    "white noise": [chosen(Noise, snr=NOISE)],
    "both": [chosen(SpecAugment), chosen(Noise, snr=NOISE)],
}
WINDOW, HOP, MELS, RANGE = 32.0, 10.0, 32, 80.0
"""The spectrogram's window and hop in milliseconds, its bands, and its range in decibels."""
TICKS = (100, 500, 1000, 2000, 4000)
"""Labeled frequencies in hertz."""


class Heard(NamedTuple):
    """1 for each test sound that is classified correctly, and 0 for the others."""

    clean: Floats
    noisy: tuple[Floats, ...]
    """By signal-to-noise ratio."""


def heard(
    *, training: int, tested: int, epochs: int, snr: Sequence[float], shift: float, seed: int
) -> dict[str, Heard]:
    """Train a small network on clean sounds under each policy, and test it on new ones: clean, and noisy and late.

    `training` and `tested` sounds, equal numbers of each instrument; the tested ones are the same for every seed.
    """
    own, others = training // len(INSTRUMENTS), tested // len(INSTRUMENTS)
    store = sounds(own, seed=seed, name="training")
    clean = sounds(others, seed=0, name="clean test")
    noisy = [sounds(others, seed=0, name="noisy test", snr=ratio, shift=shift) for ratio in snr]
    found = {}
    for name, online in POLICIES.items():
        model = classifier(
            store,
            np.arange(len(store.samples)),
            network=chosen(
                Spectrogram,
                network=chosen(CNN, width=8, stages=3, depth=1),
                window=WINDOW,
                hop=HOP,
                mels=MELS,
                range=RANGE,
            ),
            training={"epochs": epochs, "batch_size": 15, "optimizer": chosen(adamw, lr=0.01)},
            seed=seed,
            policy={"online": online},
        )
        found[name] = Heard(_right(model.network, clean), tuple(_right(model.network, test) for test in noisy))
    return found


@torch.inference_mode()
def _right(network: torch.nn.Module, store: Store) -> Floats:
    guessed = network.eval()(as_tensor(store.samples)).argmax(1).numpy()
    return np.asarray(guessed == store.labels, np.float64)


def drawn(snr: float) -> Figure:
    """Draw the log-mel spectrogram of one sound of each instrument, the same after SpecAugment, and in noise."""
    waves = as_tensor(sounds(1, seed=0, name="training").samples)
    draws = torch.Generator().manual_seed(derive("spec_augment"))
    augment, count = SpecAugment(p=1.0), len(waves)
    masked, _ = augment(waves, torch.eye(count), torch.ones(count), draws)
    layer = LogMel.in_milliseconds(RATE, window=WINDOW, hop=HOP, mels=MELS, low=20.0, range=RANGE)
    drawing, lines = figures.grid(3, count, 8, 6, sharex=True, sharey=True)
    low, high = to_mel(torch.tensor([20.0, RATE / 2])).tolist()
    shows = {
        "recorded": waves,
        "after SpecAugment": masked,
        f"in noise at {snr:g} dB": as_tensor(sounds(1, seed=0, name="training", snr=snr).samples),
    }
    for line, (what, of) in zip(lines, shows.items(), strict=True):
        for axes, picture, name in zip(line, layer(of)[:, 0].numpy(), INSTRUMENTS, strict=True):
            shown = axes.imshow(
                RANGE * (picture - 1),
                extent=(0, LENGTH / RATE, low, high),
                aspect="auto",
                cmap="magma",
                vmin=-RANGE,
                vmax=0,
                interpolation="nearest",
            )
            axes.set_title(name if of is waves else "", fontsize=9)
        line[0].set_ylabel(f"{what}\nfrequency in Hz", fontsize=9)
    lines[0][0].set_yticks(to_mel(torch.tensor(TICKS, dtype=torch.float32)).tolist(), [f"{tick}" for tick in TICKS])
    for axes in lines[-1]:
        axes.set_xlabel("time in s")
    drawing.colorbar(shown, ax=[axes for line in lines for axes in line], label="dB relative to the loudest value")
    return Figure(
        drawing,
        "Nine log-mel spectrograms, time by frequency. Above: a plucked string, whose higher harmonics fade first; a struck bar "
        "with few partials far apart; an organ pipe with harmonics that all stay. Then the same after SpecAugment, "
        "with bands of frequencies and stretches of time masked. Below: in pink noise, which fills what was silent",
    )
