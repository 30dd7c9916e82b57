"""Ways to train a pretrained EfficientNet-Lite0 beside timm and scikit-learn, on the same split of CIFAR-10 images.

    python benchmarks/transfer.py probe ZIP          accuracy and seconds of probes, beside the usual 20 lines
    python benchmarks/transfer.py fine_tune ZIP      accuracy and seconds, beside the recipe of timm's train.py
    python benchmarks/transfer.py speed ZIP          images/s of features, beside the bare backbone on all cores
    python benchmarks/transfer.py memory             peak memory of features and head by number of images

ZIP holds train/CLASS and test/CLASS images; `--images` of them per class train, `--test` test, at `--size` pixels. With
`--shape unbalanced` the last class keeps a twentieth of its training images, with `gray` all images lose their color. Sides run
one after the other, each in a process of its own that keeps freed memory, as jobs of Darkroom do. Times of probes and
fine-tuning include reading images, not imports; processor seconds are those of all threads and loader processes, and depend
less on what else runs. timm's train.py is in no wheel: `recipe` is its loop with its default optimizer, schedule, augmentation
and loss, but it warms up for a fifth of the epochs, because the default of 5 would fill a short run.

Wanted: probe at least as accurate as the 20 lines; fine-tuning clearly above it, not below timm's, in at most .8 of its
seconds; features at .9 of the bare backbone's images/s or more; memory that does not grow with the number of images.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from PIL import Image
from timm.data.dataset_factory import create_dataset
from timm.data.loader import create_loader
from timm.optim._optim_factory import create_optimizer_v2
from timm.scheduler.scheduler_factory import create_scheduler_v2

from darkroom import registry
from darkroom.classify import features, train
from darkroom.classify.config import Classify, FeaturesSpec, TrainSpec
from darkroom.data import fetch, prepare
from darkroom.data.config import FetchSpec, PrepareSpec
from darkroom.data.store import describe_store, labeled, open_store
from darkroom.files import folder as output
from darkroom.fit.model import predict, read_about, rebuild
from darkroom.job import allocator
from darkroom.job.stage import fields
from darkroom.log import silent
from darkroom.nets import pretrained

NAME, CORES, BATCH = "tf_efficientnet_lite0", len(os.sched_getaffinity(0)), 32
NORMAL = {"mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}
Times = NDArray[np.float64]
PROBES = {"probe": "probe", **{head: {"name": "probe", "head": head} for head in ("class_means", "knn", "svm")}}


def main() -> None:
    """Prepare the images and run every side of a comparison in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["probe", "fine_tune", "speed", "memory", *SIDES])
    parser.add_argument("place", type=Path, nargs="?")
    for option, default in (("images", 100), ("test", 100), ("size", 128), ("epochs", 5), ("seed", 0)):
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--shape", choices=["plain", "unbalanced", "gray"], default="plain")
    given = parser.parse_args()
    if given.what in SIDES:
        allocator.keep_freed_memory()  # as in every job, and so on every side
        print(json.dumps(SIDES[given.what](given.place, given)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if given.what == "memory":
            sides = [
                (f"{count:,} images", "held", noise(folder / str(count), count, given.size)) for count in (1000, 4000)
            ]
        else:
            unpack(given, folder)
            sides = [(side, side, folder) for side in TOGETHER[given.what]]
        for name, side, place in sides:
            options = [
                word
                for key in ("images", "test", "size", "epochs", "seed")
                for word in (f"--{key}", str(vars(given)[key]))
            ]
            done = subprocess.run(
                [sys.executable, __file__, side, str(place), *options], check=True, stdout=subprocess.PIPE, text=True
            )
            for line, values in json.loads(done.stdout.splitlines()[-1]).items():
                print(
                    f"{name:<18} {line:<12} " + "  ".join(f"{key} {value:,.4g}" for key, value in values.items()),
                    flush=True,
                )


def unpack(given: argparse.Namespace, folder: Path) -> None:
    """Write as many images of each class as wanted to folders, and prepare them as a store at their own size."""
    with zipfile.ZipFile(given.place) as archive:
        names = filter(
            None, (re.search(r"(train|test)/([^/]+)/[^/]+\.\w+$", name) for name in sorted(archive.namelist()))
        )
        each: dict[tuple[str, str], list[re.Match[str]]] = {}
        for name in names:
            each.setdefault((name[1], name[2]), []).append(name)
        rank = {label: number for number, label in enumerate(sorted({label for _, label in each}))}
        for (split, label), found in each.items():
            rarer = (
                1 if given.shape != "unbalanced" or split == "test" else 20 ** (-rank[label] / max(len(rank) - 1, 1))
            )
            for name in found[: max(1, round((given.images if split == "train" else given.test) * rarer))]:
                kept = (folder / "images" / name[0]).with_suffix(".png")
                kept.parent.mkdir(parents=True, exist_ok=True)
                image = Image.open(io.BytesIO(archive.read(name.string)))
                image.convert("L" if given.shape == "gray" else "RGB").convert("RGB").save(kept)
    source = registry.options("source", "folder").model_validate({"name": "folder", "path": str(folder / "images")})
    fetch.run(FetchSpec(source=source), out=folder / "raw", log=silent)
    spec = PrepareSpec.model_validate({"name": "images", "source": source, "split": {"val": 0}})
    prepare.run(spec, raw=folder / "raw", out=folder / "store", log=silent)


def lines(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The usual 20 lines: frozen features, standardized, logistic regression with scikit-learn's defaults."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    torch.set_num_threads(CORES)
    network = bare()
    started = now()
    sets = {}
    for split in ("train", "test"):
        paths = sorted((folder / "images" / split).glob("*/*"))
        found = []
        for start in range(0, len(paths), BATCH):
            some = [
                Image.open(path).convert("RGB").resize((given.size, given.size), Image.Resampling.BICUBIC)
                for path in paths[start : start + BATCH]
            ]
            pixels = torch.from_numpy(np.stack([np.asarray(image) for image in some])).permute(0, 3, 1, 2)
            with torch.inference_mode():
                found.append(network((pixels.float() - 127) / 128).numpy())
        sets[split] = (np.concatenate(found), np.array([path.parent.name for path in paths]))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(*sets["train"])
    return {"20 lines": {"accuracy": model.score(*sets["test"]), **spent(now() - started)}}


def probes(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Every head of Darkroom's, on features that are computed once."""
    started = now()
    made = frozen(folder, given)
    seconds = now() - started
    return {name: ours(folder, given, way, made, seconds) for name, way in PROBES.items()}


def fine_tuned(folder: Path, given: argparse.Namespace, start_size: float = 1.0) -> dict[str, Any]:
    """Darkroom's fine-tuning with its default settings, the features that its head is fitted to included."""
    way, policy = {"name": "fine_tune", "start_size": start_size}, {"online": ["hflip", "crop"]}
    started = now()
    made = frozen(folder, given)
    found = ours(folder, given, way, made, now() - started, policy)
    return {f"fine_tune, starting at {start_size:g} of the size": found}


def resized(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The same with progressive resizing."""
    return fine_tuned(folder, given, 0.5)


def frozen(folder: Path, given: argparse.Namespace) -> Path:
    """Compute the features of the store."""
    spec = FeaturesSpec.model_validate(
        {"network": network(given), "backbone": None, "policy": {}, "views": 0, "seed": 0}
    )
    features.run(spec, data=folder / "store", out=folder / "features", log=silent, workers=CORES)
    return folder / "features"


def network(given: argparse.Namespace) -> dict[str, Any]:
    """The options of the network."""
    return {"name": "pretrained", "backbone": NAME, "size": given.size}


def ours(
    folder: Path, given: argparse.Namespace, way: Any, made: Path, before: Times, policy: Any = None
) -> dict[str, float]:
    """Train by the job `classify train`, and predict the test images; `before` is the time spent earlier."""
    training = {} if str(way).find("probe") >= 0 else {"training": {"epochs": given.epochs, "threads": CORES}}
    model = Classify.model_validate(
        {"models": {"one": {"network": network(given), "transfer": way, **training}}}
    ).models["one"]
    spec = TrainSpec.model_validate({**fields(model), "policy": policy or {}, "seed": given.seed})
    started = now()
    train.run(spec, data=folder / "store", features=made, out=folder / "model", log=silent)
    taken = before + now() - started
    store, about = open_store(folder / "store"), read_about(folder / "model")
    built, rows = rebuild("network", folder / "model", about.shape, len(about.classes)), labeled(store, "test")
    right = predict(built, store.samples, rows, batch_size=BATCH, workers=CORES).argmax(1) == store.labels[rows]
    return {"accuracy": float(right.mean()), **spent(taken)}


def recipe(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The loop of timm's train.py: SGD with lr .1 per 256 images, cosine, random resized crops, flips, color jitter."""
    torch.manual_seed(given.seed)
    torch.set_num_threads(CORES)
    model = bare(classes=10)
    shape: dict[str, Any] = {
        "input_size": (3, given.size, given.size),
        "batch_size": 128,
        "use_prefetcher": False,
        **NORMAL,
    }
    sets = {split: create_dataset("", root=str(folder / "images" / split)) for split in ("train", "test")}
    loader = create_loader(
        sets["train"], is_training=True, interpolation="random", color_jitter=0.4, num_workers=CORES, **shape
    )
    optimizer = create_optimizer_v2(model, opt="sgd", lr=0.1 * 128 / 256, weight_decay=2e-5, momentum=0.9)
    updates = len(loader)
    schedule, epochs = create_scheduler_v2(
        optimizer, sched="cosine", num_epochs=given.epochs, warmup_epochs=max(1, given.epochs // 5), warmup_lr=1e-5,
        min_lr=0, step_on_epochs=False, updates_per_epoch=updates,
    )  # fmt: skip
    loss, step = torch.nn.CrossEntropyLoss(label_smoothing=0.1), 0
    started = now()
    for _ in range(epochs):
        model.train()
        for images, labels in loader:
            loss(model(images), labels).backward()
            optimizer.step()
            optimizer.zero_grad()
            step += 1
            schedule.step_update(step)
    del loader  # its processes end, and their time counts
    taken = now() - started
    model.eval()
    tests = create_loader(
        sets["test"], is_training=False, interpolation="bicubic", crop_pct=1.0, num_workers=CORES, **shape
    )
    with torch.inference_mode():
        right = [(model(images).argmax(1) == labels).float() for images, labels in tests]
    return {"timm": {"accuracy": float(torch.cat(right).mean()), **spent(taken)}}


def now() -> Times:
    """Return the time, and the processor seconds of this process and its children that have ended."""
    return np.array([time.perf_counter(), sum(os.times()[:4])])


def spent(taken: Times) -> dict[str, float]:
    """Name the two differences of times."""
    return {"seconds": float(taken[0]), "processor": float(taken[1])}


def bare(classes: int = 0) -> Any:
    """The network as timm builds it, with the packaged weights; its classifier is new."""
    model = timm.create_model(NAME, num_classes=classes)
    known = torch.load(pretrained.find(NAME), weights_only=True)
    layout = [name for name in model.state_dict() if not name.startswith("classifier")]
    model.load_state_dict(dict(zip(layout, known.values(), strict=False)), strict=False)
    return model.eval()


def stage(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The job `classify features` on all cores."""
    frozen(folder, given)
    found = json.loads((folder / "features" / "timing.json").read_text())
    return {"stage": {"images_per_second": found["images_per_second"]}}


def forward(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """The bare backbone on ready batches, with all cores inside each operation; nothing is read, resized or written."""
    torch.set_num_threads(CORES)
    model = bare().to(memory_format=torch.channels_last)
    batch = torch.randn(BATCH, 3, given.size, given.size).contiguous(memory_format=torch.channels_last)
    count = len(open_store(folder / "store").samples) // BATCH
    with torch.inference_mode():
        model(batch)
        started = time.perf_counter()
        for _ in range(count):
            model(batch)
    return {"bare backbone": {"images_per_second": count * BATCH / (time.perf_counter() - started)}}


def noise(folder: Path, count: int, size: int) -> Path:
    """Write a store of random images."""
    import pandas as pd

    random = np.random.default_rng(0)
    with output(folder / "store") as fresh:
        array = np.lib.format.open_memmap(
            fresh / "samples.npy", mode="w+", dtype=np.uint8, shape=(count, size, size, 3)
        )
        for row in range(count):
            array[row] = random.integers(0, 256, array.shape[1:], dtype=np.uint8)
        ids, splits = [str(row) for row in range(count)], np.where(np.arange(count) % 10, "train", "test")
        items = pd.DataFrame(
            {"id": ids, "label": np.arange(count) % 7, "split": splits, "group": np.arange(count), "mask": -1}
        )
        describe_store(fresh, name="noise", classes=tuple("abcdefg"), items=items)
    return folder


def held(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """Peak memory of both jobs of a probe, less that of their libraries and network."""
    model = registry.build(
        registry.options("network", "pretrained").model_validate(network(given)), (3, given.size, given.size), 7
    )
    with torch.inference_mode():
        model(torch.rand(BATCH, 3, given.size, given.size))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours(folder, given, "probe", frozen(folder, given), np.zeros(2))
    return {"probe": {"MB": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}}


Side = Callable[[Path, argparse.Namespace], dict[str, Any]]
SIDES: dict[str, Side] = {
    "lines": lines,
    "probes": probes,
    "recipe": recipe,
    "tuned": fine_tuned,
    "resized": resized,
    "stage": stage,
    "forward": forward,
    "held": held,
}
TOGETHER = {
    "probe": ("lines", "probes"),
    "fine_tune": ("recipe", "tuned", "resized"),
    "speed": ("forward", "stage", "forward", "stage"),
}


if __name__ == "__main__":
    main()
