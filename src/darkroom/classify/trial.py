"""The job `classify trial`: train one candidate of a search, and score it on the validation images.

trial.json   values of the searched keys, epochs, score and loss on the validation images; null if the training diverged
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from darkroom import files
from darkroom.classify.train import link, train
from darkroom.classify.tuning.propose import RESULT, ranked, read, sampled
from darkroom.classify.tuning.rate import read as read_rate
from darkroom.classify.tuning.rate import with_rate
from darkroom.classify.tuning.scores import LOSS, MAIN, scores
from darkroom.classify.tuning.search_config import TrialSpec
from darkroom.classify.tuning.space import Values, apply
from darkroom.data.store import Store, labeled, needed, open_store
from darkroom.fit.model import predict
from darkroom.log import Log, complain
from darkroom.nets import pretrained


def run(
    spec: TrialSpec,
    *,
    data: Path,
    copies: Path | None = None,
    features: Path | None = None,
    weights: Path | None = None,
    teacher: Path | None = None,
    rate: Path | None = None,
    earlier: Path | None = None,
    out: Path,
    checkpoints: Path | None = None,
    log: Log,
) -> None:
    """Train on the train split of `data`; `earlier` holds the search's trials, other inputs are those of `classify train`.

    Raises ValueError if there are no validation images to score on.
    """
    store = open_store(data)
    rows, val = labeled(store, "train"), needed(store, "val")
    values = spec.values if spec.values is not None else propose(spec, earlier)
    chosen = pretrained.localized(apply(spec, values), weights)
    if rate is not None:
        chosen = with_rate(chosen, read_rate(rate))
    if spec.epochs is not None:
        chosen = chosen.model_copy(update={"training": chosen.training.model_copy(update={"epochs": spec.epochs})})
    found: dict[str, float] = {}
    try:
        network, _ = train(
            chosen,
            store,
            rows,
            held_out=val,
            copies=open_store(copies) if copies else None,
            features=features,
            teacher=teacher,
            checkpoints=checkpoints,
            log=log,
        )
        found = measured(chosen, store, network, val)
    except FloatingPointError as error:  # a candidate that diverges is a result of the search
        complain(f"this candidate counts as the worst: {error}")
    with files.folder(out) as fresh:
        about = {"values": values, "epochs": chosen.training.epochs}
        kind = store.target.kind
        files.write_json(fresh / RESULT, {**about, "score": found.get(MAIN[kind]), "loss": found.get(LOSS[kind])})
    log({f"val/{name}": value for name, value in found.items()})


def propose(spec: TrialSpec, earlier: Path | None) -> Values:
    """Return what a trial tries, from the trials that it reads."""
    assert earlier is not None, "a trial whose values the plan does not know reads others"
    trials = read(earlier, spec.earlier)
    if spec.method == "halving":
        return ranked(trials)[spec.trial].values
    return sampled(spec.space, trials, seed=spec.seed)


def measured(spec: TrialSpec, store: Store, network: object, rows: NDArray[np.int64]) -> dict[str, float]:
    """Return the scores of a network on these rows; none if its outputs are not finite."""
    outputs = predict(network, store.samples, rows, batch_size=32 if spec.transfer else 256)  # type: ignore[arg-type]
    return scores(store.target, outputs, store.targets[rows], link(spec)) if np.isfinite(outputs).all() else {}
