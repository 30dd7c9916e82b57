"""Generative models on MNIST-5k by the pipeline itself: quality against held-out digits, copies, seconds.

    python benchmarks/generators.py default            the default run's three models
    python benchmarks/generators.py long               those of config/generators.yaml
    python benchmarks/generators.py sampling --work DIR    models of an earlier call: other temperature and guidance
    python benchmarks/generators.py steps --work DIR   a trained diffusion model of an earlier call: 20 steps beside 250
    python benchmarks/generators.py rare               config/rare_digits.yaml: what samples of rare classes are worth

Quality is in the features of the judge that the pipeline trains, 500 samples against the 500 test images. `over real` is
KID above that of validation against test images, below .001 it is noise. Wanted, accuracy / coverage: GAN .98/.78,
CVAE .97/.75 and diffusion .96/.65 by the default run; .99/.94, .985/.92 and .99/.93 by the long one. Training seconds
are one thread's, beside another job.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from scipy import stats

from darkroom import files, registry
from darkroom.data.store import open_store
from darkroom.fit.model import read_about
from darkroom.generate.diffusion.model import Diffusion
from darkroom.generate.evaluation.fidelity import Reference, fidelity
from darkroom.generate.evaluation.samples import asked, draw
from darkroom.generate.evaluation.spaces import read_judge
from darkroom.generate.model import read_generator
from project import ROOT, run_config

WANTED = {
    "default": {"gan": (0.98, 0.78), "vae": (0.97, 0.75), "diffusion": (0.96, 0.65)},
    "long": {"gan": (0.99, 0.94), "vae": (0.985, 0.92), "diffusion": (0.99, 0.93)},
}

SAMPLING = (("gan", "temperature", (0.7, 0.8, 0.9, 0.95, 1.0)), ("diffusion", "guidance", (1.0, 1.25, 1.5, 2.0)))
"""Options that only sampling uses."""


def main() -> None:
    """Run the pipeline, or take an earlier run, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["default", "long", "sampling", "steps", "rare"])
    parser.add_argument("--work", type=Path, help="folder for the results, kept and gone on with; else a temporary one")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.work or Path(temporary)).resolve()
        if options.what == "steps":
            steps(folder)
        elif options.what == "sampling":
            sampling(folder, options.seeds)
        elif options.what == "rare":
            config = yaml.safe_load((ROOT / "config/rare_digits.yaml").read_text(encoding="utf-8"))
            run_config(config, folder)
            show_rare(config, folder)
        else:
            config = described(options.what, options.seeds)
            run_config(config, folder)
            show(config, folder, WANTED[options.what])


def described(what: str, seeds: int) -> dict[str, Any]:
    """The generators of a ready config, and nothing else of it."""
    name = "config.yaml" if what == "default" else "generators.yaml"
    ready = yaml.safe_load((ROOT / "config" / name).read_text(encoding="utf-8"))
    return {"name": "digits", "data": ready["data"], "generate": {**ready["generate"], "seeds": seeds}}


def show(config: dict[str, Any], folder: Path, wanted: dict[str, tuple[float, float]]) -> None:
    """Print a line a model and seed, then the means beside what is wanted."""
    heads = ("accuracy", "coverage", "FID", "KID", "over real", "precision", "recall", "copies", "expected")
    print(f"{'model':<12} seed  seconds  ms/sample  " + "  ".join(f"{head:>9}" for head in heads))
    for model in config["generate"]["models"]:
        lines = []
        for seed in range(config["generate"]["seeds"]):
            root = folder / "results/digits/generate" / model / f"seed-{seed}"
            metrics = files.read_json(root / "evaluation" / "metrics.json")
            trained = files.read_json(root / "model" / files.TIMING)["seconds"]
            each = files.read_json(root / "evaluation" / files.TIMING)["ms_per_sample"]
            judge, floor, copied = metrics["judge"], metrics["judge_floor"], metrics["memorization"]
            numbers = [metrics["accuracy"]["value"] or 0.0, judge["coverage"], judge["fid"], judge["kid"]]
            numbers += [judge["kid"] - floor["kid"], judge["precision"], judge["recall"]]
            numbers += [copied["near_copies"]["value"], copied["expected"]]
            lines.append([trained, each, *numbers])
            _line(model, str(seed), lines[-1])
        means = [statistics.mean(column) for column in zip(*lines, strict=True)]
        _line(model, "mean", means)
        if len(lines) > 1:
            _line(model, "sd", [statistics.stdev(column) for column in zip(*lines, strict=True)])
        if model in wanted:
            accuracy, coverage = wanted[model]
            print(f"{model:<12} wanted: accuracy {accuracy}, coverage {coverage}")
    print("real images: " + ", ".join(f"{name} {floor[name]:.4f}" for name in ("coverage", "fid", "kid", "precision")))


def show_rare(config: dict[str, Any], folder: Path) -> None:
    """Print a line a policy: balanced accuracy, and what it brings over none on the same seeds, with its t-interval."""
    root = folder / "results" / config["name"]
    base: list[float] = []
    for policy in ("none", *config["augment"]):
        runs = [
            root / f"classify/{policy}/resnet/seed-{seed}/evaluation" for seed in range(config["classify"]["seeds"])
        ]
        views = [files.read_json(path / "metrics.json")["views"]["plain"]["raw"] for path in runs]
        values = [view["balanced_accuracy"]["value"] for view in views]
        line = f"{policy:<14} {statistics.mean(values):.4f}"
        if base:
            gains = [value - none for value, none in zip(values, base, strict=True)]
            half = float(stats.t.ppf(0.975, len(gains) - 1)) * statistics.stdev(gains) / len(gains) ** 0.5
            mean = statistics.mean(gains)
            line += f"  {mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f})"
        base = base or values
        if "synthetic" in (config["augment"].get(policy) or {}):
            drawn = files.read_json(root / f"generate/synthetic/{policy}/synthetic.json")["classes"]
            kept = ", ".join(f"{name}: {found['kept']} of {found['drawn']}" for name, found in drawn.items())
            line += f"  samples kept {kept}"
        print(line)


def _line(model: str, seed: str, numbers: list[float]) -> None:
    seconds, each, *rest = numbers
    print(f"{model:<12} {seed:>4}  {seconds:7.1f}  {each:9.3f}  " + "  ".join(f"{number:9.4f}" for number in rest))


def sampling(folder: Path, seeds: int) -> None:
    """Mean over seeds, against validation images: what temperature and guidance do. The ready configs are chosen by it."""
    store = open_store(folder / "data/digits/prepared")
    judge = read_judge(folder / "results/digits/generate/judge")
    rows = store.rows("val")
    space, labels = Reference(judge.features, store, rows), asked(store, rows, len(store.classes))
    real = fidelity(space.real, judge.features(store.samples[store.rows("test")]))
    print(f"test images against validation images: KID {real['kid']:.4f}, coverage {real['coverage']:.4f}")
    for model, option, values in SAMPLING:
        for value in values:
            found = []
            for seed in range(seeds):
                path = folder / f"results/digits/generate/{model}/seed-{seed}/model"
                plugin = registry.options("generator", model).model_validate({**read_about(path).plugin, option: value})
                with torch.inference_mode():
                    made = draw(read_generator(path, plugin), labels, seed=seed)
                    right = float((judge.classify(made) == labels).mean())
                measured = space.measure(made)
                found.append((right, measured["coverage"], measured["kid"] - real["kid"]))
            right, coverage, kid = (statistics.mean(column) for column in zip(*found, strict=True))
            print(
                f"{model:<10} {option} {value:<5} accuracy {right:.4f}, coverage {coverage:.4f}, KID over real {kid:.4f}"
            )


def steps(folder: Path) -> None:
    """Seconds and KID of 20 steps of each fast sampler beside 250 of ancestral sampling, from one trained model."""
    store = open_store(folder / "data/digits/prepared")
    model = folder / "results/digits/generate/diffusion/seed-0/model"
    network = read_generator(model)
    assert isinstance(network, Diffusion)
    rows = store.rows("test")
    space = Reference(read_judge(folder / "results/digits/generate/judge").features, store, rows)
    labels = torch.from_numpy(asked(store, rows, len(store.classes)))
    found = {}
    for sampler, count in (("ancestral", 250), ("ddim", 20), ("dpm_solver", 20)):
        started = time.perf_counter()
        with torch.inference_mode():
            made = network.sample_with(labels, torch.Generator().manual_seed(0), steps=count, sampler=sampler)
        seconds = time.perf_counter() - started
        images = np.ascontiguousarray((made * 255).round().byte().permute(0, 2, 3, 1).numpy())
        found[sampler] = (seconds, space.measure(images)["kid"] - space.floor["kid"])
        slow, kid = found["ancestral"]
        print(
            f"{sampler:<10} {count:>3} steps {seconds:6.1f} s, KID over real {found[sampler][1]:.5f}; "
            f"{slow / seconds:.1f} times as fast as ancestral, KID {found[sampler][1] / kid:.2f} times its own"
        )


if __name__ == "__main__":
    main()
