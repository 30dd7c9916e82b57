"""What semi-supervised methods have in common: views of the unlabeled images, and one loss beside the classifier's own.

A step makes one forward pass with the labeled batch and the views of the unlabeled one, so that batch normalization sees
both, as in the code of the papers. Targets carry no gradient.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom import settings
from darkroom.augment.config import MIXING, OnlineSpec
from darkroom.classify.links import softmax_logits
from darkroom.classify.semi.batches import UNKNOWN, SemiBatches
from darkroom.classify.targets.one_class import OneClass
from darkroom.data.hide import HIDDEN
from darkroom.data.store import Store
from darkroom.fit.batches import Batches
from darkroom.fit.task import Totals
from darkroom.pretrain.views import Views
from darkroom.settings import Section

if TYPE_CHECKING:
    from darkroom.classify.task import ClassifierTask

Forward = Callable[[Tensor], Tensor]
"""A forward pass: images (B, C, H, W) to outputs (B, K), or outputs to logits."""


class Networks(NamedTuple):
    """What a method computes predictions with."""

    student: Forward
    """The network that trains: images to outputs."""
    teacher: Forward
    """The average of its weights, if the method has a `decay`, in eval mode."""
    logits: Forward
    """Outputs to the logits of a softmax, as the classifier's loss requires."""


class Step(NamedTuple):
    """What a method makes of a batch."""

    images: Tensor
    """The labeled images as the network saw them."""
    targets: Tensor
    """Their class probabilities (B, K)."""
    outputs: Tensor
    """Their outputs (B, K)."""
    loss: Tensor
    """The loss of the unlabeled images, before its weight."""
    guesses: Tensor
    """Class probabilities (U, K) that were predicted for the unlabeled images."""
    used: Tensor
    """Which of the unlabeled images (U,) the loss uses."""


class SemiSupervised(ABC):
    """Adds a loss of unlabeled images to the classifier's own.

    The loss of `step` counts `weight` times; in the first share `ramp_up` of a run, the weight rises linearly from zero.
    """

    LOOKS: Sequence[str] = ("weak", "strong")
    """The views that `step` gets of each unlabeled image."""
    VIEWS = 2
    """Forward passes per unlabeled image in a step, with or without a gradient."""
    decay: float | None = None
    """EMA decay of the weights, for a method whose teacher is their average."""

    def __init__(
        self,
        *,
        weight: float,
        ratio: float,
        weak: Sequence[Section],
        strong: Sequence[Section] = (),
        ramp_up: float = 0.0,
    ) -> None:
        self.weight, self.ratio, self.ramp_up = weight, ratio, ramp_up
        self.transforms = weak, strong
        self.made: dict[str, Views] = {}

    @abstractmethod
    def step(
        self, images: Tensor, targets: Tensor, views: Sequence[Tensor], networks: Networks, draws: torch.Generator
    ) -> Step:
        """Return what to learn from a labeled batch, with class probabilities (B, K), and views of an unlabeled one."""

    def losses(self, task: ClassifierTask, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the scalars of a batch of `SemiBatches`; `loss` is the classifier's own plus that of the unlabeled images."""
        count = int((labels >= 0).sum())
        assert isinstance(task.target, OneClass), "the config allows no other target"
        (shown,), targets = task.views(images[:count], labels[:count])
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            views = [self.made[look](images[count:], task.draws)[0] for look in self.LOOKS]
        if self.decay is not None:
            task.validated.eval()
        link = task.target.link
        networks = Networks(
            student=lambda batch: task.network(batch).float(),
            teacher=lambda batch: task.validated(batch).float(),
            logits=lambda outputs: softmax_logits(outputs, link),
        )
        step = self.step(shown, targets, views, networks, task.draws)
        own = task.supervised(step.outputs, step.images, step.targets)
        return {
            "loss": own + self.weight_at(task.step / task.steps) * step.loss,
            "loss_labeled": own,
            "loss_unlabeled": step.loss,
            **task.target.progress(step.outputs.detach(), step.targets),
            **watched(step, labels[count:]),
        }

    def weight_at(self, progress: float) -> float:
        """Return the weight of the unlabeled images' loss at this progress of the run, in [0, 1]."""
        return self.weight * min(1.0, progress / self.ramp_up) if self.ramp_up else self.weight

    def totals(self) -> Totals:
        """Return the accumulator of a training epoch's scalars."""
        return PseudoLabeled()

    def begin(self, store: Store, rows: NDArray[np.int64], labeled: Batches, policy: OnlineSpec) -> SemiBatches:
        """Return batches of the labeled `rows` and of the training images without a label, and prepare views of those.

        Raises ValueError if there is no unlabeled image, or a class without a labeled one.
        """
        split = store.rows("train")
        without = split[store.labels[split] < 0]
        if not len(without):
            raise ValueError(
                f"classify.models: semi learns from training images without a label, but all {len(split)} of {store.name} "
                "have one; hide some with data.labels, add a folder unlabeled/, or remove semi"
            )
        counts = np.bincount(store.labels[rows], minlength=len(store.classes))
        if missing := [name for name, count in zip(store.classes, counts, strict=True) if not count]:
            cure = "label one, or raise data.labels" if HIDDEN in store.items else "label one"
            raise ValueError(
                f"classify.models: semi needs a labeled training image of each class; {store.name} has none of "
                f"{', '.join(map(settings.quoted, missing))}; {cure}"
            )
        own = [step for step in policy.online if step.name not in MIXING]  # type: ignore[attr-defined]
        weak, strong = self.transforms
        weak = own or weak
        self.made = {
            look: Views(steps, channels=store.shape[0], full=1, local=0)
            for look, steps in {"weak": weak, "strong": [*weak, *strong]}.items()
        }
        hidden = np.full(len(without), UNKNOWN)
        if HIDDEN in store.items:
            hidden = store.items[HIDDEN].to_numpy(dtype=np.int64)[without]
        return SemiBatches(labeled, without, hidden, views=self.VIEWS, ratio=self.ratio)


def watched(step: Step, labels: Tensor) -> dict[str, Tensor]:
    """Return the share of unlabeled images that the loss uses, and how many of those have the right pseudo-label.

    `labels` (U,) hold classes that were hidden for an experiment, see `SemiBatches`.
    """
    share = step.used.float().mean()
    known = labels < UNKNOWN
    if not bool(known.any()):
        return {"pseudo_share": share}
    used, hits = step.used & known, step.guesses.argmax(1) == -2 - labels
    return {"pseudo_share": share, "pseudo_known": used.float().mean(), "pseudo_hits": (used & hits).float().mean()}


class PseudoLabeled(Totals):
    """Means over an epoch, and the accuracy of its pseudo-labels where the classes are known."""

    def close(self) -> dict[str, float]:
        """Return the means since the last call, with `pseudo_accuracy` in place of the shares that it divides."""
        means = super().close()
        known, hits = means.pop("pseudo_known", 0.0), means.pop("pseudo_hits", 0.0)
        return {**means, "pseudo_accuracy": hits / known} if known else means
