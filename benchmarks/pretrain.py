"""Pretraining on an archive of class folders: k-NN accuracy by epoch beside features without it, and time beside lightly.

    python benchmarks/pretrain.py quality ZIP [--objective simclr] [--epochs 20] [--images 10000]
    python benchmarks/pretrain.py speed ZIP [--images 2000]

`speed` trains the same network by lightly's SimCLR example (its transform, head, loss, optimizer and PyTorch's DataLoader)
in turn with the stage's training loop, for an epoch each, with `--threads` threads; lightly has as many workers besides, for
its transforms. Where other programs run too, CPU time says more. Wanted on cifar10_subset.zip: a ratio of at most .7.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from darkroom import files, registry
from darkroom.config.load import load
from darkroom.data import fetch, prepare
from darkroom.data.store import Store, describe_store, open_store
from darkroom.fit.batches import Batches, Pool
from darkroom.fit.trainer import fit
from darkroom.fit.untrained import standardize
from darkroom.job import allocator
from darkroom.log import silent
from darkroom.nets.architectures import headless
from darkroom.planning.plan import Plan
from darkroom.pretrain import baselines, train
from darkroom.pretrain.task import PretrainTask
from darkroom.pretrain.views import Views

ROUNDS, BATCH = 2, 256


def main() -> None:
    """Prepare the images, then print qualities or times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["quality", "speed"])
    parser.add_argument("place", type=Path)
    parser.add_argument("--objective", default="simclr")
    parser.add_argument("--network", default="resnet")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2, help="threads of the network, and lightly's workers")
    parser.add_argument("--images", type=int, default=10_000, help="training images, evenly spaced among all")
    given = parser.parse_args()
    allocator.keep_freed_memory()  # as in every job
    training = {"epochs": given.epochs if given.what == "quality" else 1, "batch_size": BATCH, "threads": given.threads}
    model = {"objective": given.objective, "network": given.network, "training": training}
    plan = planned(given.place, model)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        fetch.run(plan.resolved("data fetch"), out=folder / "raw", log=silent)  # type: ignore[arg-type]
        prepare.run(plan.resolved("data prepare"), raw=folder / "raw", out=folder / "store", log=silent)  # type: ignore[arg-type]
        smaller(open_store(folder / "store"), folder / "data", given.images)
        (quality if given.what == "quality" else speed)(plan, folder)


def planned(place: Path, model: dict[str, Any]) -> Plan:
    """Plan a config with one pretraining."""
    data = {"source": {"name": "folder", "path": str(place)}, "split": {"val": 0.1}, "color": "rgb"}  # as lightly needs
    raw = {"name": "benchmark", "data": data, "pretrain": {"models": {"own": model}}}
    return Plan(load(raw, path="benchmarks/pretrain.py"))


def smaller(store: Store, out: Path, images: int) -> None:
    """Write a store of at most this many training images and all others."""
    rows = store.rows("train")
    rows = rows[np.linspace(0, len(rows) - 1, min(images, len(rows))).astype(np.int64)]
    rows = np.sort(np.concatenate([rows, store.rows("val"), store.rows("test")]))
    with files.folder(out) as fresh:
        np.save(fresh / "samples.npy", store.samples[rows])
        describe_store(
            fresh, name=store.name, classes=store.classes, items=store.items.iloc[rows].reset_index(drop=True)
        )


def quality(plan: Plan, folder: Path) -> None:
    """Print the k-NN accuracy and the spread of embeddings by epoch, then the baselines."""
    spec: Any = plan.resolved("pretrain train", model="own")
    train.run(spec, data=folder / "data", out=folder / "own", log=silent)
    without: Any = plan.resolved("pretrain baselines")
    baselines.run(without, data=folder / "data", out=folder / "b", log=silent, workers=spec.training.threads)
    store = open_store(folder / "data")
    print(
        f"{spec.objective.name} {spec.network.name}: {len(store.rows('train')):,} images, {len(store.rows('val'))} to validate"
    )
    for row in pd.read_csv(folder / "own/features.csv").to_dict("records"):
        print(
            f"epoch {row['epoch']:4.0f}   k-NN {row['knn_accuracy']:.3f}   embeddings: std {row['embedding_std']:.2f}, "
            f"rank {row['embedding_rank']:5.1f}"
        )
    for name, share in files.read_json(folder / "b/metrics.json")["knn"].items():
        print(f"{name:<10}   k-NN {share['value']:.3f} ({share['low']:.3f}-{share['high']:.3f})")
    print(f"{files.read_json(folder / 'own' / files.TIMING)['seconds']:.0f} s", flush=True)


def speed(plan: Plan, folder: Path) -> None:
    """Print images per second, and per CPU second, of the training loop and of lightly's example, in turn."""
    spec: Any = plan.resolved("pretrain train", model="own")
    store = open_store(folder / "data")
    for _ in range(ROUNDS):
        (ours, our_cpu), (theirs, their_cpu) = timed(stage, store, spec), timed(lightly_example, store, spec)
        print(
            f"Darkroom {ours:5.0f} images/s, {our_cpu:5.0f} per CPU second   lightly {theirs:5.0f} and {their_cpu:5.0f}   "
            f"time / lightly's {theirs / ours:.2f}, CPU time {their_cpu / our_cpu:.2f}",
            flush=True,
        )


def timed(method: Callable[[Store, Any], tuple[int, float]], store: Store, spec: Any) -> tuple[float, float]:
    """Return images per second and per CPU second, all processes together; setting up counts as CPU time."""
    before = sum(os.times()[:4])
    images, seconds = method(store, spec)
    return images / seconds, images / (sum(os.times()[:4]) - before)


def stage(store: Store, spec: Any) -> tuple[int, float]:
    """Train an epoch as `pretrain train` does, without measuring features; return images and seconds."""
    torch.set_num_threads(spec.training.threads)
    rows = store.rows("train")
    network = headless(spec.network, store.shape)
    standardize(network, store.samples, rows)
    objective = registry.build(spec.objective, network, store.shape)
    labels = np.zeros(len(rows), np.int64)
    batches = Batches(Pool([store.samples]), rows[:, None], labels, batch_size=BATCH, seed=0)
    views = Views(spec.views, channels=store.shape[0], full=objective.full, local=objective.local)
    fitted = fit(PretrainTask(objective, spec.training, views), batches, None, seed=0, log=silent)
    return len(rows), len(rows) / fitted.images_per_second


def lightly_example(store: Store, spec: Any) -> tuple[int, float]:
    """Train an epoch as lightly's SimCLR example does, with the same network; return images and seconds."""
    os.environ["LIGHTLY_DID_VERSION_CHECK"] = "True"  # no call to its server
    from PIL import Image

    loss, modules, transforms = (import_module(f"lightly.{name}") for name in ("loss", "models.modules", "transforms"))

    rows = store.rows("train")
    transform = transforms.SimCLRTransform(input_size=store.shape[1], gaussian_blur=0.0)

    class Images(torch.utils.data.Dataset[Any]):
        def __len__(self) -> int:
            return len(rows)

        def __getitem__(self, index: int) -> Any:
            return transform(Image.fromarray(np.asarray(store.samples[rows[index]])))

    torch.set_num_threads(spec.training.threads)
    network = headless(spec.network, store.shape)
    standardize(network, store.samples, rows)
    model = torch.nn.Sequential(
        network, modules.SimCLRProjectionHead(network(torch.zeros(2, *store.shape)).shape[1], 512, 128)
    )
    loader = torch.utils.data.DataLoader(
        Images(), batch_size=BATCH, shuffle=True, drop_last=True, num_workers=spec.training.threads
    )
    criterion, optimizer = loss.NTXentLoss(), torch.optim.SGD(model.parameters(), lr=0.06)
    started, seen = time.perf_counter(), 0
    for first, second in loader:
        criterion(model(first), model(second)).backward()
        optimizer.step()
        optimizer.zero_grad()
        seen += len(first)
    return seen, time.perf_counter() - started


if __name__ == "__main__":
    main()
