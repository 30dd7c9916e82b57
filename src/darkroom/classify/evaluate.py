"""The job `classify evaluate`: measure a classifier on the test split, with and without test-time augmentation."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom import files, registry
from darkroom.classify.config import EvaluateSpec
from darkroom.classify.evaluation import numbers, one_class, out_of_distribution, several_labels
from darkroom.classify.evaluation.out_of_distribution import OutOfDistribution, Seen, energy_link
from darkroom.classify.evaluation.outputs import Evaluation, Outputs
from darkroom.classify.evaluation.rare import matrix
from darkroom.classify.figures import draw_curves
from darkroom.classify.tta import all_logits, look_names, plain_logits
from darkroom.data.store import Store, labeled, needed, open_store
from darkroom.data.target import Kind
from darkroom.fit.batches import as_tensor
from darkroom.fit.figures import draw_layers
from darkroom.fit.model import DIAGNOSTICS, HISTORY, WEIGHTS, predict, read_about, rebuild
from darkroom.log import Log
from darkroom.nets import diagram
from darkroom.nets.penultimate import outputs_and_features
from darkroom.randomness import derive

Rows = NDArray[np.int64]
KINDS: dict[Kind, Callable[[Outputs], Evaluation]] = {
    "class": one_class.evaluate,
    "labels": several_labels.evaluate,
    "numbers": numbers.evaluate,
}


def run(spec: EvaluateSpec, *, data: Path, model: Path, out: Path, log: Log, workers: int = 1) -> None:
    """Evaluate the model in `model` on the test split; whatever is fitted to its outputs is fitted on the validation split.

    The results do not depend on `workers`, the number of threads. Raises ValueError if the test split has no labeled image.
    """
    torch.set_num_threads(1)  # floating-point sums depend on it
    store = open_store(data)
    about = read_about(model)
    network = rebuild("network", model, about.shape, len(about.target.names))
    test, val = needed(store, "test"), labeled(store, "val")
    views = [registry.build(view) for view in spec.tta]
    names = look_names(views, [view.name for view in spec.tta])  # type: ignore[attr-defined]

    # batches of a pretrained network, which is large, are small enough for the caches and for every thread to have some
    how = {"batch_size": 32 if hasattr(network, "load_pretrained") else 256, "workers": workers}

    def looks(rows: Rows) -> NDArray[np.float32]:
        return predict(lambda images: all_logits(network, views, images), store.samples, rows, **how)

    held_out = looks(val) if len(val) else np.empty((0, len(names), len(about.target.names)), np.float32)
    started = time.monotonic()
    plain = predict(lambda images: plain_logits(network, images), store.samples, test, **how)
    seconds = {"plain": time.monotonic() - started}
    started = time.monotonic()
    augmented = looks(test) if views else None
    if views:
        seconds["tta"] = time.monotonic() - started
    outputs = Outputs(
        store=store,
        link=about.link,
        val=val,
        test=test,
        held_out=held_out,
        plain=plain,
        looks=augmented,
        names=names,
        merge=spec.tta_merge,
        resamples=spec.resamples,
        seed=spec.seed,
        costs=matrix(spec.costs, store.classes) if spec.costs else None,
    )
    found = KINDS[about.target.kind](outputs)
    found.metrics["weights"] = files.sha256(model / WEIGHTS)
    unlike, measured = _unlike(network, store, energy_link(about), val, test, seed=spec.seed, **how)
    found.metrics.update(measured)
    if views:
        counts = [{**view.model_dump(), "looks": len(built.looks)} for view, built in zip(spec.tta, views, strict=True)]
        found.metrics["tta"] |= {"views": counts, "looks": names}
    with files.folder(out) as fresh:
        files.write_json(fresh / "metrics.json", found.metrics)
        found.predictions.to_parquet(fresh / "predictions.parquet", index=False)
        history = pd.read_csv(model / HISTORY)
        if len(history) > 1:  # what is fitted at once, or for one epoch, has no curve
            draw_curves(history, fresh / "curves.png")
        diagram.draw(network, as_tensor(store.samples[[0]]), fresh / "network.png")
        if (model / DIAGNOSTICS).exists():
            draw_layers(pd.read_csv(model / DIAGNOSTICS), fresh / "layers.png")
        found.draw(fresh)
        if unlike is not None:
            out_of_distribution.save(unlike, fresh)
        times = {name: taken / len(test) * 1000 for name, taken in seconds.items()}
        files.write_json(fresh / files.TIMING, {"seconds": sum(seconds.values()), "ms_per_image": times})
    log(found.logged)


def _unlike(
    network: nn.Module, store: Store, link: str, val: Rows, test: Rows, *, seed: int, **how: int
) -> tuple[OutOfDistribution | None, dict[str, Any]]:
    """Return what tells images unlike those of the training, and its part of metrics.json; None if nothing does."""
    draws = np.random.default_rng(derive(seed, "features"))
    train = out_of_distribution.some_training_rows(store, labeled(store, "train"), draws)
    fitted_to, held_out, tested = (_seen(network, store, rows, **how) for rows in (train, val, test))
    if not all(seen.finite for seen in (fitted_to, held_out, tested)):
        return None, {}
    found = out_of_distribution.fit(link, store.labels[train], fitted_to, held_out)
    return found, {} if found is None else {
        "out_of_distribution": out_of_distribution.measured(found, held_out, tested)
    }


def _seen(network: nn.Module, store: Store, rows: Rows, **how: int) -> Seen:
    """Return the outputs and features for these rows of a store, without augmentation."""

    def both(images: Tensor) -> Tensor:
        outputs, features = outputs_and_features(network, images)
        return outputs if features is None else torch.cat([outputs.float(), features.float().flatten(1)], 1)

    names = len(store.target.names)
    if not len(rows):
        return Seen(np.empty((0, names), np.float32), None)
    joined = predict(both, store.samples, rows, **how)
    return Seen(joined[:, :names], joined[:, names:] if joined.shape[1] > names else None)
