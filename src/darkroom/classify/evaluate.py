"""The job `classify evaluate`: measure a classifier on the test split, with and without test-time augmentation."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from darkroom import files, registry
from darkroom.classify.config import EvaluateSpec
from darkroom.classify.evaluation import numbers, one_class, several_labels
from darkroom.classify.evaluation.outputs import Evaluation, Outputs
from darkroom.classify.figures import draw_curves
from darkroom.classify.tta import all_logits, look_names, plain_logits
from darkroom.data.store import labeled, needed, open_store
from darkroom.data.target import Kind
from darkroom.fit.figures import draw_layers
from darkroom.fit.model import DIAGNOSTICS, HISTORY, predict, read_about, rebuild
from darkroom.log import Log
from darkroom.nets import diagram

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

    def looks(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        return predict(lambda images: all_logits(network, views, images), store.images, rows, **how)

    held_out = looks(val) if len(val) else np.empty((0, len(names), len(about.target.names)), np.float32)
    started = time.monotonic()
    plain = predict(lambda images: plain_logits(network, images), store.images, test, **how)
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
    )
    found = KINDS[about.target.kind](outputs)
    if views:
        counts = [{**view.model_dump(), "looks": len(built.looks)} for view, built in zip(spec.tta, views, strict=True)]
        found.metrics["tta"] |= {"views": counts, "looks": names}
    with files.folder(out) as fresh:
        files.write_json(fresh / "metrics.json", found.metrics)
        found.predictions.to_parquet(fresh / "predictions.parquet", index=False)
        draw_curves(pd.read_csv(model / HISTORY), fresh / "curves.png")
        diagram.draw(network, about.shape, fresh / "network.png")
        if (model / DIAGNOSTICS).exists():
            draw_layers(pd.read_csv(model / DIAGNOSTICS), fresh / "layers.png")
        found.draw(fresh)
        times = {name: taken / len(test) * 1000 for name, taken in seconds.items()}
        files.write_json(fresh / files.TIMING, {"seconds": sum(seconds.values()), "ms_per_image": times})
    log(found.logged)
