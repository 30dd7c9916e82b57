"""The job `generate evaluate`: a trained generative model measured by the same ruler as every other.

As many samples are drawn as there are test images (at most `samples`), of the test images' classes, and measured in two
feature spaces: what the data set's own judge sees (`generate judge`) and, where it is installed, what an ImageNet
network sees. Neither number compares with published ones, which are taken from Inception features. What stands in
metrics.json ({interval} is {"value", "low", "high"}, or {"value": null, "reason"} where it cannot be had):

    items, samples      test images measured against; samples drawn
    conditional         whether samples were asked for by class
    judge               {fid, kid, kid_sd, precision, recall, density, coverage, samples, against, features, trained}:
                        samples against test images in the judge's features; `features` is their number, `trained` is
                        false where the judge has random weights
    judge_floor         {the same, and of}: real images against the test images. `of` is "validation", or "halves" where
                        there are too few validation images and one half of the test images is held against the other
    imagenet            as `judge`, with weights and side in place of trained; {"value": null, "reason"} if not installed
    imagenet_floor      as `judge_floor`; absent if not installed
    accuracy            {interval} share of samples that the judge gives the class asked for
    accuracy_real       {interval} the same of the test images
    per_class           {class: {accuracy: {interval}, accuracy_real: {interval}, asked, samples, judged}}: `asked` is how
                        many test images measured against are of this class, `samples` how many were asked of the model
                        (0 where it knows no classes), `judged` how many samples the judge takes for it; {} without one
    classes_missed      [class]: asked for at least FEWEST times, but no sample is taken for it; null with no judge
    total_variation     {interval-less number} half the summed differences between the shares of `judged` and `asked`
    collapse            {collapsed: bool, reasons: [text], rule: text}
    memorisation        {training, neighbours, threshold, near_copies: {interval}, expected, samples: {distance, ratio},
                        held_out: {distance, ratio}, closest: [{sample, row, id, distance, ratio}]}, each distance and
                        ratio {q01, q05, q25, q50, q75, q95}; see `measure.memorisation`. `closest` is drawn in
                        closest.png, the nearest pair first; `row` and `id` are the training image's
    steps               [{steps, fid, kid, kid_sd, precision, recall, density, coverage, accuracy: {interval}}] in the
                        judge's features, for models that sample in a number of steps; absent for others
    test                {elbo, reconstruction, kl: {interval}} in nats an image, for models with a latent space
    active_units, latent        how many latent units are in use, of how many

timing.json holds {seconds, ms_per_sample, steps: {"5": ms per sample, ...}}. Every file is the same, bit for bit, for
the same spec, model, judge and data.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import figures, files
from darkroom.data.store import Store, needed, open_store
from darkroom.fit.batches import as_float
from darkroom.fit.model import HISTORY, chunks, predict, read_about, rebuild
from darkroom.generate.config import EvaluateSpec
from darkroom.generate.figures import draw_curves
from darkroom.generate.model import GenerativeModel, LatentModel
from darkroom.log import Log
from darkroom.measure.bootstrap import mean_intervals
from darkroom.randomness import derive

RESAMPLES = 1000
RECONSTRUCTED, INTERPOLATED, STEPS = 20, 6, 8
"""Images reconstructed, pairs interpolated and images between each pair, in the pictures; ten a row."""
ACTIVE = 0.01
"""A latent unit is active when its mean code varies more than this over images (Burda et al. 2016)."""


@torch.inference_mode()
def run(spec: EvaluateSpec, *, data: Path, model: Path, out: Path, log: Log) -> None:
    """Sample from the model in `model` and score it on the test split.

    Raises ValueError when there is no test image.
    """
    store = open_store(data)
    about = read_about(model)
    network = rebuild("generator", model, about.shape)
    assert isinstance(network, GenerativeModel)
    if about.channels_last:
        network.to(memory_format=torch.channels_last)
    rows = needed(store, "test", labels=False)
    started = time.monotonic()
    samples = as_bytes(network.sample(spec.samples, torch.Generator().manual_seed(derive(spec.seed, "samples"))))
    sampling = time.monotonic() - started
    result: dict[str, Any] = {"items": len(rows)}
    with files.folder(out) as fresh:
        np.save(fresh / "samples.npy", samples)
        figures.save_image(figures.tile(samples, height=56), fresh / "samples.png")
        draw_curves(pd.read_csv(model / HISTORY), fresh / "curves.png")
        if isinstance(network, LatentModel):
            result |= measure(network, store, rows, seed=spec.seed)
            draw_latent(network, store, rows, fresh, seed=spec.seed)
        files.write_json(fresh / "metrics.json", result)
        times = {"seconds": time.monotonic() - started, "ms_per_sample": sampling / spec.samples * 1000}
        files.write_json(fresh / files.TIMING, times)
    numbers = {f"test/{name}": found["value"] for name, found in result.get("test", {}).items()}
    log(numbers | {f"test/{name}": result[name] for name in ("active_units",) if name in result})


def measure(network: LatentModel, store: Store, rows: NDArray[np.int64], *, seed: int) -> dict[str, Any]:
    """The bound on these images in nats an image, by one posterior draw each, and how much of the latent space is used."""
    draws = torch.Generator().manual_seed(derive(seed, "bound"))
    bounds = [network.bound(images, draws) for images in chunks(store.images, rows)]
    parts = {
        name: torch.cat([getattr(bound, name) for bound in bounds]).numpy() for name in ("elbo", "reconstruction", "kl")
    }
    codes = predict(lambda images: network.encode(images)[0], store.images, rows)
    return {
        "test": mean_intervals(parts, resamples=RESAMPLES, generator=np.random.default_rng(derive(seed, "bootstrap"))),
        "active_units": int((codes.var(0) > ACTIVE).sum()),
        "latent": network.latent,
    }


def draw_latent(network: LatentModel, store: Store, rows: NDArray[np.int64], folder: Path, *, seed: int) -> None:
    """Originals above their reconstructions, and ways between pairs of images with the originals at both ends."""
    even = rows[np.linspace(0, len(rows) - 1, min(RECONSTRUCTED, len(rows))).round().astype(np.int64)]
    images = as_float(store.images[even])
    pairs = [(images[at : at + 10], network.reconstruct(images[at : at + 10])) for at in range(0, len(images), 10)]
    shown = as_bytes(torch.cat([part for pair in pairs for part in pair]))
    figures.save_image(figures.tile(shown, columns=min(10, len(images)), height=56), folder / "reconstructions.png")
    order = np.random.default_rng(derive(seed, "pairs")).permutation(rows)
    ends = as_float(store.images[np.resize(order, 2 * INTERPOLATED)])
    first, second = ends[::2], ends[1::2]
    ways = torch.cat([first[:, None], network.interpolate(first, second, STEPS), second[:, None]], dim=1)
    figures.save_image(
        figures.tile(as_bytes(ways.flatten(0, 1)), columns=STEPS + 2, height=56), folder / "interpolation.png"
    )


def as_bytes(images: Tensor) -> NDArray[np.uint8]:
    """Floats (N, C, H, W) in [0, 1] as bytes (N, H, W, C)."""
    found: NDArray[np.uint8] = (images * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()
    return found
