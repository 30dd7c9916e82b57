"""The task of a classifier: its loss on batches that the policy transforms, and what is done to its weights on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from darkroom.augment.online import OnlinePipeline
from darkroom.classify.targets.kinds import Learned
from darkroom.classify.targets.one_class import OneClass
from darkroom.fit.average import averaged
from darkroom.fit.config import Training
from darkroom.fit.task import Optimized, Task, Totals


class Adaptation(Protocol):
    """Decides how a pretrained network trains; see `darkroom.classify.transfer.adaptation`."""

    def rates(self, network: Any) -> Mapping[str, float]: ...

    def set_mode(self, network: Any) -> None: ...

    def resize(self, network: Any, progress: float) -> None: ...

    def finish(self, network: Any) -> None: ...


class Semi(Protocol):
    """Learns from unlabeled images, too; see `darkroom.classify.semi.method`."""

    def totals(self) -> Totals: ...

    def losses(self, task: ClassifierTask, images: Tensor, labels: Tensor) -> dict[str, Tensor]: ...


class ClassifierTask(Task):
    """Minimizes a loss of the outputs, on images that the policy's online part transforms batch by batch.

    In the last share `mixing_off` of the run, `unmixed` takes the place of `online`. `ema` is the decay of an average of
    the weights, which is what is validated and saved. An `adaptation` decides how a pretrained network trains. A `teacher`
    maps images to logits, which then are the third argument of the loss. `semi` learns from batches whose last images have no
    label.
    """

    def __init__(
        self,
        network: nn.Module,
        training: Training,
        *,
        target: Learned,
        loss: nn.Module,
        online: OnlinePipeline | None = None,
        unmixed: OnlinePipeline | None = None,
        mixing_off: float = 0.0,
        ema: float | None = None,
        adaptation: Adaptation | None = None,
        teacher: Callable[[Tensor], Tensor] | None = None,
        semi: Semi | None = None,
    ) -> None:
        super().__init__(network, training)
        self.target, self.loss, self.online = target, loss, online
        self.val_totals = target.totals()
        self.unmixed, self.mixing_off, self.adaptation = unmixed, mixing_off, adaptation
        self.teacher, self.semi = teacher, semi
        if semi is not None:
            self.train_totals = semi.totals()
        self.average: AveragedModel | None = averaged(network, ema) if ema else None

    def train(self, mode: bool = True) -> ClassifierTask:
        """Set training mode, except for layers of a pretrained network that must not follow the batch."""
        super().train(mode)
        if mode and self.adaptation is not None:
            self.adaptation.set_mode(self.network)
        return self

    def optimizers(self) -> list[Optimized]:
        rates = self.adaptation.rates(self.network) if self.adaptation is not None else None
        return [self.scheduled(self.trained, self.steps, rates=rates)]

    def updated(self) -> None:
        if self.average is not None:
            self.average.update_parameters(self.network)

    @property
    def validated(self) -> nn.Module:
        return self.network if self.average is None else self.average.module

    def finish(self) -> None:
        """Give the network the averaged weights, if there are any, and the form in which it is saved."""
        if self.average is not None:
            self.network.load_state_dict(self.average.module.state_dict())
        if self.adaptation is not None:
            self.adaptation.resize(self.network, 1.0)
            self.adaptation.finish(self.network)

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`loss`: the classifier's own, plus AugMix's consistency loss if the policy asks for it.

        The consistency loss is the Jensen-Shannon divergence between the transformed image and two AugMix views of it;
        the classifier's own loss sees the first of the three alone (Hendrycks et al. 2020, section 3).
        """
        if self.adaptation is not None:
            self.adaptation.resize(self.network, self.step / self.steps)
        if self.semi is not None:
            return self.semi.losses(self, images, labels)
        views, targets = self.views(images, labels)
        together = torch.cat(views) if len(views) > 1 else views[0]
        outputs, *others = self.network(together).float().chunk(len(views))
        loss = self.supervised(outputs, views[0], targets)
        if self.online is not None and others:
            assert isinstance(self.target, OneClass), "the config allows a consistency loss for no other target"
            loss = loss + self.online.consistency * self.target.divergence(outputs, *others)
        return {"loss": loss, **self.target.progress(outputs.detach(), targets)}

    def supervised(self, outputs: Tensor, images: Tensor, targets: Tensor) -> Tensor:
        """Return the classifier's own loss of the outputs for these images."""
        taught = () if self.teacher is None else (self.teacher(images),)
        loss: Tensor = self.loss(*self.target.compared(outputs, targets), *taught)
        return loss

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the target's own measures, such as cross-entropy and accuracy; of averaged weights, if any."""
        if self.adaptation is not None:
            self.adaptation.resize(self.network, 1.0)
        return self.target.measures(self.validated(images).float(), labels, self.loss)

    @torch.no_grad()
    def views(self, images: Tensor, labels: Tensor) -> tuple[list[Tensor], Tensor]:
        """Apply the policy's online part, and return views and targets (B, K).

        It has full precision: bf16 coordinates would blur the images.
        """
        online = self.unmixed if self.step >= (1 - self.mixing_off) * self.steps else self.online
        if online is None:
            return [images], self.target.encode(labels)
        with torch.autocast(images.device.type, enabled=False):
            return online.views(images, labels, self.draws)
