"""Spoken digits: accuracy for unseen and known speakers, what each policy brings, and the speed of spectrograms.

    python benchmarks/audio.py speakers ZIP [--policies P ...] [--seeds N] [--epochs N] [--work FOLDER]
    python benchmarks/audio.py speed

ZIP holds recordings named DIGIT_SPEAKER_INDEX.wav, as in the Free Spoken Digit Dataset. `speakers` trains the default
`spectrogram` network. For unseen speakers, each speaker in turn is the test split and the other five train; all policies share
the splits, and the interval of a policy's gain is Student's t over the speakers' paired differences. For known speakers, the
test split is that of the data set's authors: indices 0 to 4. There is no validation split, as nothing is chosen by it. `--work`
keeps the accuracies in a folder, to go on with after an interruption.

`speed` compares the layer that computes log-mel spectrograms with librosa on one thread, by processor seconds, the best of
several rounds in turn: a batch of 64 one-second recordings, by librosa in one call and one by one.

Wanted: a mean of .80 over unseen speakers, .97 for known ones; 3 times librosa's speed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from darkroom import registry
from darkroom.augment import apply
from darkroom.augment.config import Policy
from darkroom.classify.config import TrainSpec
from darkroom.classify.train import train
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.data.store import labeled, open_store
from darkroom.fit.model import predict
from darkroom.log import silent
from darkroom.measure.seeds import t_interval
from darkroom.nets.log_mel import LogMel

WANTED_UNSEEN, WANTED_KNOWN, WANTED_SPEED = 0.80, 0.97, 3.0
NAMES = "{label}_{group}_{}"
SPEED_AND_PITCH = ["time_stretch", {"name": "pitch_shift", "semitones": 4.0}, "time_shift"]
POLICIES: dict[str, dict[str, Any]] = {
    "none": {},
    "spec_augment": {"online": ["spec_augment"]},
    "speed_and_pitch": {"offline": SPEED_AND_PITCH, "copies": 4},
    "both": {"offline": SPEED_AND_PITCH, "copies": 4, "online": ["spec_augment"]},
    "mixup": {"online": ["mixup"]},
}
SHAPES = ((8000, 256, 80, 40), (16000, 512, 160, 64), (22050, 1024, 256, 128))
"""Sampling rate, window, hop, bands."""


def main() -> None:
    """Run one of the benchmarks."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("what", choices=["speakers", "speed"])
    asked.add_argument("data", type=Path, nargs="?")
    asked.add_argument("--policies", nargs="+", default=list(POLICIES), choices=list(POLICIES))
    asked.add_argument("--seeds", type=int, default=1)
    asked.add_argument("--epochs", type=int, default=20)
    asked.add_argument("--work", type=Path)
    given = asked.parse_args()
    if given.what == "speed":
        speed()
    elif given.data is None:
        asked.error("speakers needs the archive of recordings")
    else:
        speakers(given.data, given.policies, given.seeds, given.epochs, given.work)


def speakers(archive: Path, policies: list[str], seeds: int, epochs: int, work: Path | None) -> None:
    """Print the accuracy of every policy for each unseen speaker and for known ones, and each policy's gain."""
    with zipfile.ZipFile(archive) as files:
        stems = [Path(name).stem for name in files.namelist() if name.endswith(".wav")]
    groups = sorted({stem.split("_")[1] for stem in stems})
    print(f"{'policy':16} {'known':>6} {' '.join(f'{name:>9}' for name in groups)} {'unseen':>7}  over none")
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as root:
        known = with_known_speakers(Path(root), archive)
        unseen = [without_speaker(Path(root) / group, archive, group) for group in groups]
        for policy in policies:
            each = [
                np.mean([kept(work, data, policy, epochs, seed) for seed in range(seeds)]) for data in (known, *unseen)
            ]
            found[policy] = [float(value) for value in each[1:]]
            line = f"{policy:16} {each[0]:6.3f} {' '.join(f'{v:9.3f}' for v in found[policy])} {np.mean(found[policy]):7.3f}"
            if policy != "none" and "none" in found:
                gains = [value - base for value, base in zip(found[policy], found["none"], strict=True)]
                mean, low, high = t_interval(gains)
                line += f"  {100 * mean:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
            print(line, flush=True)
    print(f"wanted: {WANTED_UNSEEN} unseen, {WANTED_KNOWN} known")


def without_speaker(root: Path, archive: Path, group: str) -> Path:
    """Prepare the recordings with one speaker as the test split."""
    source = {"name": "audio_folder", "path": str(archive), "names": NAMES}
    return prepared(root, source, {"method": "leave_one_group_out", "group": group, "val": 0})


def with_known_speakers(root: Path, archive: Path) -> Path:
    """Prepare the recordings with the authors' test split, which has all speakers."""
    with zipfile.ZipFile(archive) as files:
        names = sorted(name for name in files.namelist() if name.endswith(".wav"))
        files.extractall(root / "files")
    rows = [(name, name.rpartition("/")[2].split("_")[0], int(Path(name).stem.split("_")[2])) for name in names]
    lines = [f"{name},{digit},{'test' if index < 5 else 'train'}" for name, digit, index in rows]
    (root / "files" / "list.csv").write_text("\n".join(["path,label,split", *lines]) + "\n", encoding="utf-8")
    source = {"name": "audio_table", "path": str(root / "files" / "list.csv")}
    return prepared(root / "known", source, {"val": 0, "test": 0})


def prepared(root: Path, options: dict[str, Any], split: dict[str, Any]) -> Path:
    """Fetch and prepare recordings of one second."""
    name = str(options["name"])
    source = registry.options("source", name).model_validate({**options, "seconds": 1.0})
    fetch.run(FetchSpec(source=source), out=root / "raw", log=silent)
    spec = PrepareSpec.model_validate({"name": "digits", "source": source, "split": split})
    prepare.run(spec, raw=root / "raw", out=root / "data", log=silent)
    return root / "data"


def kept(work: Path | None, data: Path, policy: str, epochs: int, seed: int) -> float:
    """Return an accuracy that `work` has from an earlier run, or else measure and note it."""
    note = work / f"{policy}-{data.parent.name}-{epochs}-{seed}.json" if work else None
    if note is not None and note.exists():
        return float(json.loads(note.read_text()))
    accuracy = one(data, policy, epochs, seed)
    if note is not None:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(accuracy))
    return accuracy


def one(data: Path, name: str, epochs: int, seed: int) -> float:
    """Train under a policy; return the accuracy on the test split."""
    policy = Policy.model_validate(POLICIES[name]) if POLICIES[name] else None
    spec = TrainSpec.model_validate(
        {
            "network": "spectrogram",
            "seed": seed,
            "training": {"epochs": epochs, "batch_size": 64},
            **({"policy": policy.online_spec} if policy else {}),
        }
    )
    store, copies = open_store(data), None
    with tempfile.TemporaryDirectory() as root:
        if policy and policy.offline:
            apply.run(policy.copied_by("audio"), data=data, out=Path(root) / "copies", log=silent)
            copies = open_store(Path(root) / "copies")
        test = labeled(store, "test")
        network, _ = train(spec, store, labeled(store, "train"), held_out=test[:0], copies=copies, log=silent)
    return float((predict(network, store.samples, test, batch_size=256).argmax(1) == store.labels[test]).mean())


def speed() -> None:
    """Print recordings per second of both, and their ratio."""
    import librosa

    torch.set_num_threads(1)
    for rate, window, hop, mels in SHAPES:
        layer = LogMel(rate, window=window, hop=hop, mels=mels)
        waves = torch.rand(64, rate, generator=torch.Generator().manual_seed(0)) * 2 - 1
        how = {"sr": rate, "n_fft": window, "hop_length": hop, "n_mels": mels}

        def peer(wave: Any, how: dict[str, Any] = how) -> Any:
            return librosa.power_to_db(librosa.feature.melspectrogram(y=wave, **how), top_db=None)

        arrays = waves.numpy()
        ways: dict[str, Callable[[], Any]] = {
            "layer": lambda: layer.decibels(waves),  # noqa: B023  # called in this round of the loop
            "librosa, batch": lambda: peer(arrays),  # noqa: B023
            "librosa, one by one": lambda: [peer(wave) for wave in arrays],  # noqa: B023
        }
        least = dict.fromkeys(ways, float("inf"))
        for _ in range(20):
            for name, way in ways.items():
                started = time.process_time()
                way()
                least[name] = min(least[name], time.process_time() - started)
        rates = ", ".join(f"{name} {64 / seconds:,.0f}/s" for name, seconds in least.items())
        batch, single = (least[f"librosa, {name}"] / least["layer"] for name in ("batch", "one by one"))
        print(
            f"{rate:,} Hz, window {window}, {mels} bands: {rates}; {batch:.1f}x and {single:.1f}x (wanted {WANTED_SPEED})"
        )


if __name__ == "__main__":
    main()
