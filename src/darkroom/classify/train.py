"""The job `classify train`: one network on one policy's images with one seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom import files, registry
from darkroom.augment.classes import class_counts
from darkroom.augment.config import OnlineSpec
from darkroom.augment.online import from_policy
from darkroom.classify import estimate
from darkroom.classify.config import TrainSpec
from darkroom.classify.losses.adjusted import Adjusted
from darkroom.classify.targets.kinds import KINDS, learned
from darkroom.classify.task import Adaptation, ClassifierTask
from darkroom.classify.teacher import Teacher
from darkroom.classify.tuning.rate import read as read_rate
from darkroom.classify.tuning.rate import with_rate
from darkroom.classify.tuning.space import FOUND, apply
from darkroom.data.store import Store, copy_preparation, labeled, needed, open_store
from darkroom.fit.batches import Batches, plain_batches, training_batches
from darkroom.fit.model import Fitted, save_model
from darkroom.fit.sampling import Sampling
from darkroom.fit.untrained import untrained
from darkroom.log import Log
from darkroom.nets import pretrained
from darkroom.nets.estimator import Estimator
from darkroom.nets.rescale import rescaled
from darkroom.randomness import derive


def run(
    spec: TrainSpec,
    *,
    data: Path,
    copies: Path | None = None,
    features: Path | None = None,
    weights: Path | None = None,
    teacher: Path | None = None,
    search: Path | None = None,
    rate: Path | None = None,
    out: Path,
    checkpoints: Path | None = None,
    log: Log,
) -> None:
    """Train on the train split of the prepared store `data`, with the augmented `copies` if there are any.

    A pretrained network begins with a head fitted to `features`, and reads remote weights from `weights`, the folder of
    `weights fetch`. A loss that learns from another classifier finds it in the folder `teacher`. The learning rate `auto`
    becomes that of the range test in `rate`, and keys that a search chose have the values in `search`; both are recorded
    beside the model. Raises ValueError if there is nothing to
    learn from the training images, such as fewer than two classes, or there are no test images to evaluate on.
    """
    values = files.read_json(search / FOUND)["values"] if search is not None else {}
    spec, store = pretrained.localized(apply(spec, values), weights), open_store(data)
    if rate is not None:
        spec = with_rate(spec, read_rate(rate))
    needed(store, "test")  # fail before the training, not after it
    network, fitted = train(
        spec,
        store,
        labeled(store, "train"),
        held_out=labeled(store, "val"),
        copies=open_store(copies) if copies else None,
        features=features,
        teacher=teacher,
        checkpoints=checkpoints,
        log=log,
    )
    with files.folder(out) as fresh:
        save_model(
            fresh,
            network,
            plugin=spec.network,
            shape=store.shape,
            classes=store.classes,
            fitted=fitted,
            target=store.target,
            link=link(spec),
            samples=store.kind,
        )
        copy_preparation(data, fresh)
        if rate is not None:
            files.write_json(fresh / "learning_rate.json", {"lr": spec.training.optimizer.lr})  # type: ignore[attr-defined]
        if search is not None:
            files.write_json(fresh / FOUND, values)


def train(
    spec: TrainSpec,
    store: Store,
    rows: NDArray[np.int64],
    *,
    held_out: NDArray[np.int64],
    copies: Store | None = None,
    features: Path | None = None,
    teacher: Path | None = None,
    checkpoints: Path | None = None,
    log: Log,
) -> tuple[nn.Module, Fitted]:
    """Build a classifier and train it on labeled rows of a store, validating on the `held_out` rows if there are any.

    Raises ValueError if there is nothing to learn from the rows.
    """
    rows = kept(spec, store, rows)
    network, way = start(spec, store, rows, features=features)
    if way is not None and not way.gradient:
        fitted = way.fit(network, store, rows, held_out, features=features, policy=spec.policy, seed=spec.seed)
        return network.eval(), fitted
    if isinstance(network, Estimator):
        fitted = estimate.fit(
            network, spec, store, rows, held_out=held_out, copies=copies, sampling=_sampling(spec.policy)
        )
        return network.eval(), fitted
    from darkroom.fit.trainer import fit  # Lightning takes seconds to import, and a probe does not train

    task, batches = prepare(spec, network, way, store, rows, copies, teacher=teacher)
    batch_size = 256 if way is None else spec.training.batch_size
    val = plain_batches(store, held_out, batch_size=batch_size) if len(held_out) else None
    fitted = fit(task, batches, val, seed=spec.seed, log=log, checkpoints=checkpoints)
    task.finish()
    return network, fitted


def kept(spec: TrainSpec, store: Store, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return which of the rows to train on: all, unless the policy leaves out images of frequent classes."""
    if spec.policy.imbalance is None:
        return rows
    generator = np.random.default_rng(derive(spec.seed, "kept"))
    found: NDArray[np.int64] = rows[registry.build(spec.policy.imbalance).kept(store.labels[rows], generator)]
    return found


def start(
    spec: TrainSpec, store: Store, rows: NDArray[np.int64], *, features: Path | None = None
) -> tuple[nn.Module, Any]:
    """Build the untrained network, and the way to train it if it is pretrained; its head is then fitted already.

    Raises ValueError if there is nothing to learn from the rows, such as fewer than two classes, or the loss has factors for
    another number of classes.
    """
    KINDS[store.target.kind].check(store, rows)
    outputs, alpha = len(store.target.names), getattr(spec.loss, "alpha", None)
    if alpha is not None and len(alpha) != outputs:
        raise ValueError(
            f"the loss.alpha of this model in classify.models has {len(alpha)} factors, but there are {outputs} classes; "
            "give one per class"
        )
    torch.set_num_threads(spec.training.threads)
    torch.manual_seed(derive(spec.seed, "weights"))
    network = untrained(spec.network, store.shape, outputs, samples=store.samples, rows=rows)
    if store.target.kind == "numbers":
        rescaled(network, outputs).fit(torch.from_numpy(store.targets[rows]))
    if spec.transfer is None:
        return network, None
    way = registry.build(spec.transfer)
    if way.gradient:
        way.begin(network, store, rows, features=features, policy=spec.policy, seed=spec.seed)
        way.prepare(network)
    return network, way


def prepare(
    spec: TrainSpec,
    network: nn.Module,
    adaptation: Adaptation | None,
    store: Store,
    rows: NDArray[np.int64],
    copies: Store | None,
    *,
    teacher: Path | None = None,
    kind: type[ClassifierTask] = ClassifierTask,
) -> tuple[ClassifierTask, Batches]:
    """Return the task of a network in training mode, and the batches to train it on."""
    policy, counts = spec.policy, class_counts(store.labels[rows], len(store.classes))
    batches = training_batches(
        store,
        rows,
        copies,
        batch_size=spec.training.batch_size,
        seed=spec.seed,
        sampling=_sampling(policy),
    )
    semi = registry.build(spec.semi) if spec.semi is not None else None
    if semi is not None:
        batches = semi.begin(store, rows, batches, policy)
    task = kind(
        network,
        spec.training,
        target=learned(store.target, network, link(spec)),
        loss=_loss(spec, torch.from_numpy(counts).float()),
        online=from_policy(policy, store.classes, counts),
        unmixed=from_policy(policy, store.classes, counts, mixing=False),
        mixing_off=spec.mixing_off,
        ema=spec.ema if semi is None else semi.decay or spec.ema,
        adaptation=adaptation,
        teacher=Teacher(teacher) if teacher else None,
        semi=semi,
    )
    task.train()  # Lightning keeps the mode that it finds
    return task, batches


def link(spec: TrainSpec) -> str:
    """Return how the outputs of a network that minimizes the loss become probabilities."""
    return str(registry.entry(*spec.loss.plugin).constants["LINK"])  # type: ignore[attr-defined]


def _sampling(policy: OnlineSpec) -> Sampling:
    if policy.balance or policy.imbalance is None:
        return "even" if policy.balance else "shuffled"
    found: Sampling = registry.build(policy.imbalance).SAMPLING
    return found


def _loss(spec: TrainSpec, counts: Tensor) -> nn.Module:
    """Build the loss with what the policy does about unequal classes, of `counts` (K,) training images."""
    if spec.policy.imbalance is None:
        built: nn.Module = registry.build(spec.loss)
        return built
    remedy = registry.build(spec.policy.imbalance)
    loss, shift = registry.build(spec.loss, remedy.weights(counts)), remedy.shift(counts)
    return loss if shift is None else Adjusted(loss, shift)
