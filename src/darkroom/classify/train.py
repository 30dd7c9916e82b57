"""The job `classify train`: one network on one policy's images with one seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from darkroom import files, registry, settings
from darkroom.augment.classes import class_counts, resolve
from darkroom.augment.config import OnlineSpec
from darkroom.augment.online import OnlinePipeline
from darkroom.classify.config import TrainSpec
from darkroom.classify.losses import class_weights, jensen_shannon, soft_accuracy
from darkroom.data.store import Store, copy_preparation, labelled, needed, open_store
from darkroom.fit.batches import plain_batches, training_batches
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted, save_model
from darkroom.fit.sampling import Sampling
from darkroom.fit.task import Task
from darkroom.fit.trainer import fit
from darkroom.fit.untrained import untrained
from darkroom.log import Log
from darkroom.randomness import derive


class ClassifierTask(Task):
    """Minimises a loss of the logits, on images that the policy's online part transforms batch by batch."""

    def __init__(
        self,
        network: nn.Module,
        training: Training,
        *,
        classes: int,
        loss: nn.Module,
        online: OnlinePipeline | None = None,
    ) -> None:
        super().__init__(network, training)
        self.classes, self.loss, self.online = classes, loss, online

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`loss`: the classifier's own, plus AugMix's consistency loss if the policy asks for it.

        The consistency loss is the Jensen-Shannon divergence between the transformed image and two AugMix views of it;
        the classifier's own loss sees the first of the three alone (Hendrycks et al. 2020, section 3). `accuracy` counts
        a mixed image by the share of its predicted class.
        """
        views, targets = self._views(images, labels)
        together = torch.cat(views) if len(views) > 1 else views[0]
        logits, *others = self.network(together).float().chunk(len(views))
        loss = self.loss(logits, targets)
        if self.online is not None and others:
            loss = loss + self.online.consistency * jensen_shannon(logits, *others)
        return {"loss": loss, "accuracy": soft_accuracy(logits.detach(), targets)}

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Cross-entropy in nats, whatever the training minimises, and accuracy."""
        logits = self.network(images).float()
        return {"loss": F.cross_entropy(logits, labels), "accuracy": (logits.argmax(1) == labels).float().mean()}

    @torch.no_grad()
    def _views(self, images: Tensor, labels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Apply the policy's online part in full precision: bf16 coordinates would blur the images."""
        if self.online is None:
            return [images], F.one_hot(labels, self.classes).float()
        with torch.autocast(images.device.type, enabled=False):
            return self.online.views(images, labels, self.draws)


def run(
    spec: TrainSpec, *, data: Path, copies: Path | None = None, out: Path, checkpoints: Path | None = None, log: Log
) -> None:
    """Train on the train split of the prepared store `data`, with the augmented `copies` if there are any.

    Raises ValueError if the training images have fewer than two classes, or there are no test images to evaluate on.
    """
    store = open_store(data)
    needed(store, "test")  # fail before the training, not after it
    network, fitted = train(
        spec,
        store,
        labelled(store, "train"),
        held_out=labelled(store, "val"),
        copies=open_store(copies) if copies else None,
        checkpoints=checkpoints,
        log=log,
    )
    with files.folder(out) as fresh:
        save_model(fresh, network, plugin=spec.network, shape=store.shape, classes=store.classes, fitted=fitted)
        copy_preparation(data, fresh)


def train(
    spec: TrainSpec,
    store: Store,
    rows: NDArray[np.int64],
    *,
    held_out: NDArray[np.int64],
    copies: Store | None = None,
    checkpoints: Path | None = None,
    log: Log,
) -> tuple[nn.Module, Fitted]:
    """Build a classifier and train it on labelled rows of a store, validating on the `held_out` rows if there are any.

    Raises ValueError if the rows have fewer than two classes.
    """
    labels = store.labels[rows]
    classes = np.unique(labels)
    if len(classes) < 2:
        named = f"only {settings.quoted(store.classes[classes[0]])}" if len(classes) else "none"
        raise ValueError(
            f"classify needs training images of at least two classes; {store.name} has {named}. "
            "Add another class, or remove the section"
        )
    torch.set_num_threads(spec.training.threads)
    torch.manual_seed(derive(spec.seed, "weights"))
    network = untrained(spec.network, store.shape, len(store.classes), images=store.images, rows=rows)
    policy, counts = spec.policy, class_counts(labels, len(store.classes))
    batches = training_batches(
        store,
        rows,
        copies,
        batch_size=spec.training.batch_size,
        seed=spec.seed,
        sampling=_sampling(policy),
    )
    weights = class_weights(torch.from_numpy(counts).float()) if policy.imbalance == "class_weights" else None
    task = ClassifierTask(
        network,
        spec.training,
        classes=len(store.classes),
        loss=registry.build(spec.loss, weights),
        online=_online(policy, store.classes, counts),
    )
    val = plain_batches(store, held_out, batch_size=256) if len(held_out) else None
    return network, fit(task, batches, val, seed=spec.seed, log=log, checkpoints=checkpoints)


def _sampling(policy: OnlineSpec) -> Sampling:
    if policy.balance or policy.imbalance == "oversampling":
        return "even"
    return "balanced_sampler" if policy.imbalance == "balanced_sampler" else "shuffled"


def _online(policy: OnlineSpec, classes: tuple[str, ...], counts: NDArray[np.int64]) -> OnlinePipeline | None:
    if not policy.online:
        return None
    own = resolve(copies=0, own=policy.classes, balance=policy.balance, classes=classes, counts=counts)
    names = {step.name for step in policy.online}  # type: ignore[attr-defined]
    strengths = {name: torch.from_numpy(own.table(name)) for name in names}
    return OnlinePipeline(policy.online, strengths)
