"""The default denoiser beside diffusers' UNet2DModel of as many parameters, and few sampling steps beside many.

    python benchmarks/denoiser.py                images/s on two cores
    python benchmarks/denoiser.py --busy         on one, by processor time: for a machine that does other things meanwhile
    python benchmarks/denoiser.py --work DIR     KID of both after equal time; DIR is that of generators.py default

Images are 28×28 with ten classes. Both networks are trained and sampled by the same code, ours on patches of 2×2, the peer
on whole images; it has no attention, the same widths, and the faster of the precisions and memory formats tried for it.
They are trained in batches of 32, as by default, and of 128; 256 images are sampled at a time, as by the pipeline. Sampling
is guided, so an image of 20 steps takes 40 predictions.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import numpy as np
import torch
from diffusers import UNet2DModel
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from darkroom import registry
from darkroom.data.store import Store, open_store
from darkroom.fit.batches import as_bytes, as_tensor
from darkroom.fit.precision import autocast, resolve
from darkroom.fit.schedules import Schedule
from darkroom.generate.diffusion import model as diffusion
from darkroom.generate.diffusion.model import Diffusion
from darkroom.generate.diffusion.task import PowerEMA
from darkroom.generate.evaluation.fidelity import Reference
from darkroom.generate.evaluation.spaces import read_judge
from darkroom.nets.unet import Denoiser

SHAPE, CLASSES, BATCH, ROUNDS = (1, 28, 28), 10, 32, 5
LARGE = 128
"""Images of a larger training step, in which less of the time goes to the optimizer."""
SAMPLES = diffusion.CHUNK
WANTED = {f"steps of {BATCH}": 4.0, f"steps of {LARGE}": 4.0, "sampling": 4.0, "20 steps": 8.0}
CPU = torch.device("cpu")


def main() -> None:
    """Print what each network does, then what each sampler does."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", action="store_true", help="processor time of one core instead of seconds on two")
    parser.add_argument(
        "--work", type=Path, help="train both for equal time and measure their samples by the judge there"
    )
    parser.add_argument("--seconds", type=float, default=100.0, help="of processor time on one core, for each")
    options = parser.parse_args()
    busy = options.busy
    if options.work:
        equal_time(options.work.resolve(), options.seconds)
        return
    clock = time.process_time if busy else time.perf_counter
    torch.set_num_threads(1 if busy else 2)
    best = resolve("auto")
    print(f"{1 if busy else 2} threads, torch {torch.__version__}, precision auto is {best}", flush=True)
    ours = build(None)
    peers = {
        (precision, memory): build(memory)
        for precision, memory in product({"fp32", best}, (torch.contiguous_format, torch.channels_last))
    }
    for network, given in ((ours, best), *((peer, precision) for (precision, _), peer in peers.items())):
        training_step(network, given)()  # warm
    (precision, memory), peer = min(peers.items(), key=lambda item: seconds(training_step(item[1], item[0][0]), clock))
    print(f"the peer is fastest in {precision}, {str(memory).removeprefix('torch.')}", flush=True)
    for name, network in (("ours", ours), ("UNet2DModel", peer)):
        print(f"{name:12} {sum(p.numel() for p in network.denoiser.parameters()):9,} parameters")
    for batch in (BATCH, LARGE):
        ways = {"ours": training_step(ours, best, batch), "UNet2DModel": training_step(peer, precision, batch)}
        compare(f"steps of {batch}", ways, batch, clock)
    compare(
        "sampling",
        {"ours": sampling(ours, best, 20, None), "UNet2DModel": sampling(peer, precision, 20, None)},
        SAMPLES,
        clock,
        rounds=1,
    )
    for few in ("dpm_solver", "ddim"):
        ways = {few: sampling(ours, best, 20, few), "ancestral, 250": sampling(ours, best, 250, "ancestral")}
        compare("20 steps", ways, SAMPLES, clock, rounds=1)


def equal_time(folder: Path, limit: float) -> None:
    """Train both on the digits of an earlier run for `limit` seconds, one thread each, and print the quality of their samples."""
    torch.set_num_threads(1)
    store = open_store(folder / "data/digits/prepared")
    judge = read_judge(folder / "results/digits/generate/judge")
    rows = store.rows("test")
    space, labels = Reference(judge.features, store, rows), store.labels[rows]
    precision = resolve("auto")
    print(f"{limit:.0f} s of processor time each, {precision}; real images: KID {space.floor['kid']:.4f}", flush=True)
    for name, memory in (("ours", None), ("UNet2DModel", torch.contiguous_format)):
        network = build(memory)
        steps = train(network, store, precision, limit)
        with torch.inference_mode():
            made = network.sample(torch.from_numpy(labels), torch.Generator().manual_seed(0))
        images = as_bytes(made)
        found, right = space.measure(images), (judge.classify(images) == labels).mean()
        print(
            f"{name:12} {steps:5} steps of {BATCH}: KID {found['kid']:.4f}, FID {found['fid']:.3f}, "
            f"coverage {found['coverage']:.3f}, accuracy {right:.3f}",
            flush=True,
        )


def train(network: Diffusion, store: Store, precision: str, limit: float) -> int:
    """Train as the stage does, by its optimizer, schedule and average, until the time is over; gives the steps."""
    training: dict[str, Any] = Diffusion.TRAINING
    learner = network.denoiser
    averaged = AveragedModel(learner, multi_avg_fn=PowerEMA(network.ema))
    network.denoiser = cast(Denoiser, averaged.module)
    optimizer = registry.build(registry.options("optimizer", "adamw")(**training["optimizer"]), learner)
    schedule: Schedule = registry.build(registry.options("schedule", "one_cycle")(**training["schedule"]))
    rate = optimizer.param_groups[0]["lr"]
    rows, draws = store.rows("train"), np.random.default_rng(0)
    torch.manual_seed(0)
    started, step, share = time.process_time(), 0, 0.0
    while share < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * schedule.rate(share)
        chosen = draws.choice(rows, BATCH, replace=False)
        optimizer.zero_grad()
        with autocast(CPU, precision):
            images, labels = as_tensor(store.samples[chosen]), torch.from_numpy(store.labels[chosen])
            loss = network.denoising_losses(learner, images, labels)["loss"]
        loss.backward()
        nn.utils.clip_grad_norm_(learner.parameters(), training["clip"])
        optimizer.step()
        step += 1
        averaged.update_parameters(learner)
        share = (time.process_time() - started) / limit
    return step


class Whole(nn.Module):
    """The peer on whole images, called as our denoiser is."""

    def __init__(self, network: nn.Module, memory: torch.memory_format) -> None:
        super().__init__()
        self.network, self.memory = network.to(memory_format=memory), memory

    def forward(self, images: Tensor, times: Tensor, labels: Tensor | None = None) -> Tensor:
        predicted: Tensor = self.network(images.contiguous(memory_format=self.memory), times, labels).sample
        return predicted


def build(memory: torch.memory_format | None) -> Diffusion:
    """The default model; with a memory format, the peer in the place of its denoiser."""
    torch.manual_seed(0)
    made: Diffusion = registry.build(registry.options("generator", "diffusion")(), SHAPE, CLASSES)
    made.to(memory_format=torch.channels_last)
    if memory is not None:
        widths = made.denoiser.unet.widths
        network = UNet2DModel(
            sample_size=SHAPE[1:],
            in_channels=1,
            out_channels=1,
            down_block_types=("DownBlock2D",) * len(widths),
            up_block_types=("UpBlock2D",) * len(widths),
            block_out_channels=widths,
            layers_per_block=made.denoiser.unet.blocks,
            norm_num_groups=8,
            add_attention=False,
            num_class_embeds=CLASSES + 1,
        )
        made.denoiser = Whole(cast(nn.Module, network), memory)  # type: ignore[assignment]
    return made


def training_step(network: Diffusion, precision: str, batch: int = BATCH) -> Callable[[], None]:
    """One step of the optimizer on a batch."""
    images, labels = torch.rand(batch, *SHAPE), torch.arange(batch) % CLASSES
    optimizer = registry.build(registry.options("optimizer", "adamw")(), network.denoiser)

    def go() -> None:
        optimizer.zero_grad()
        with autocast(CPU, precision):
            loss = network.denoising_losses(network.denoiser, images, labels)["loss"]
        loss.backward()
        optimizer.step()

    return go


def sampling(network: Diffusion, precision: str, steps: int, sampler: str | None) -> Callable[[], None]:
    """Draw guided samples in `steps` steps."""
    labels = torch.arange(SAMPLES) % CLASSES

    def go() -> None:
        with patch.object(diffusion, "resolve", lambda wanted: precision), torch.inference_mode():
            network.sample_with(labels, torch.Generator().manual_seed(0), steps=steps, sampler=sampler)

    return go


def compare(
    what: str, ways: dict[str, Callable[[], None]], images: int, clock: Callable[[], float], rounds: int = ROUNDS
) -> None:
    """Images/s of two ways, measured in turn, and the first's over the second's."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(images / seconds(way, clock))
    first, second = found.values()
    ratio = statistics.median(a / b for a, b in zip(first, second, strict=True))
    told = ", ".join(f"{name} {statistics.median(speeds):.1f} images/s" for name, speeds in found.items())
    print(f"{what:14} {told}; ratio {ratio:.2f} (wanted {WANTED[what]:.0f})", flush=True)


def seconds(way: Callable[[], None], clock: Callable[[], float]) -> float:
    """Of one call."""
    started = clock()
    way()
    return clock() - started


if __name__ == "__main__":
    main()
