"""What a family adds to the training loop: its loss. Plain torch; `shell` wraps it for Lightning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from darkroom import registry
from darkroom.fit.combined import Switched
from darkroom.fit.config import Training, start
from darkroom.fit.diagnostics import Diagnostics
from darkroom.fit.optimizers import decayed
from darkroom.fit.schedules import Scheduler
from darkroom.fit.together import summed


class Totals:
    """Means over an epoch, weighted by batch size, each over the batches that report it.

    Nothing is read back from the device before the epoch ends.
    """

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.items: Counter[str] = Counter()

    def add(self, values: dict[str, Tensor], items: int) -> None:
        """Add the means of one batch of `items` images."""
        for name, value in values.items():
            weighted = value.detach().float() * items
            self.sums[name] = self.sums[name] + weighted if name in self.sums else weighted
            self.items[name] += items

    def close(self) -> dict[str, float]:
        """Return the means since the last call, over the batches of all processes."""
        if not self.sums:
            return {}
        totals = torch.stack([*self.sums.values()])
        items = totals.new_tensor([self.items[name] for name in self.sums])
        totals, items = summed(torch.stack([totals, items]))
        means = {name: float(totals[i]) / float(items[i]) for i, name in enumerate(self.sums)}
        self.sums, self.items = {}, Counter()
        return means


class Optimized(NamedTuple):
    """An optimizer and its learning-rate schedule, which advances once per step."""

    optimizer: torch.optim.Optimizer
    schedule: Scheduler


class Task(nn.Module):
    """A network and how to train it. A family's subclass defines the loss on a batch.

    The training loop sets the following before each training batch: `step` (batches done) out of `steps`; `draws`, a CPU
    generator seeded afresh for every batch; `followed`, whether this batch's scalars are recorded by step, so that costly
    ones such as gradient norms are computed only then; `weight`, the loss weight where several processes share the batch.
    `latest` holds the scalars of the most recent training batch; `diagnostics` measures the layers of this one, if it is one
    of the steps that `training.diagnostics` asks for.
    """

    manual = False
    """Whether `training_step` moves the optimizers itself."""

    def __init__(self, network: nn.Module, training: Training) -> None:
        super().__init__()
        self.network = network
        self.settings = training
        self.train_totals, self.val_totals = Totals(), Totals()
        self.draws = torch.Generator()
        self.latest: dict[str, Tensor] = {}
        self.followed = False
        self.weight = 1.0
        self.step, self.steps = 0, 1
        self.optimized: list[Optimized] = []
        self.diagnostics: Diagnostics | None = None

    @property
    def trained(self) -> nn.Module:
        """The module that the optimizer updates: the network, unless a family keeps an average of its weights there."""
        return self.network

    @property
    def validated(self) -> nn.Module:
        """The module that `measures` measures and whose weights are kept: the network, unless a task averages its weights."""
        return self.network

    def losses(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the scalars of one batch: `loss`, which is minimized, and any parts worth recording.

        Images are floats (B, C, H, W) in [0, 1], labels integers (B,), or floats (B, K) for several labels or numbers.
        """
        raise NotImplementedError

    def measures(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Return the scalars of one validation batch; by default the losses."""
        return self.losses(images, labels)

    def training_step(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return the loss to backpropagate; a `manual` task makes its updates here."""
        values = self.losses(images, labels)
        self.note(values, len(labels))
        return values["loss"] * self.weight

    def updated(self) -> None:
        """Called after each training batch, when `step` counts it; for averages of the weights."""

    def complete_gradients(self, network: nn.Module) -> Tensor | None:
        """Add the L1 penalty to the gradients of a network whose optimizer steps next, and clip them.

        Returns their norm before clipping if this step is followed.
        """
        settings = self.settings
        if settings.l1:
            for weight in decayed(network):
                if weight.grad is not None:
                    weight.grad.add_(weight.detach().sign(), alpha=settings.l1)
        norm = gradient_norm(network) if self.followed else None
        if self.diagnostics is not None:
            self.diagnostics.gradients(network)
        if settings.clip_value is not None:
            nn.utils.clip_grad_value_(network.parameters(), settings.clip_value)
        if settings.clip is not None:
            nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        return norm

    def note(self, values: dict[str, Tensor], items: int) -> None:
        """Record the scalars of a training batch of `items` images, for the epoch's means and by step."""
        self.train_totals.add(values, items)
        self.latest = {name: value.detach() for name, value in values.items()}

    def optimizers(self) -> list[Optimized]:
        """Build the optimizers and their schedules over `steps` steps; the loop keeps them in `optimized`."""
        return [self.scheduled(self.trained, self.steps)]

    def scheduled(
        self, network: nn.Module, steps: int, *, rate: float = 1.0, rates: Mapping[str, float] | None = None
    ) -> Optimized:
        """Build the optimizer of a network, scheduled over `steps` steps.

        Its learning rate is multiplied by `rate`, and that of single parameters by `rates`, which maps their names. Several
        optimizers take turns over those steps.
        """
        chosen: Any = self.settings.optimizer
        if isinstance(chosen, tuple):
            turns = [registry.build(one, network, rates) for one in chosen]
            optimizer: torch.optim.Optimizer = Switched(turns, [start(one) for one in chosen])
        else:
            optimizer = registry.build(chosen, network, rates)
        for group in optimizer.param_groups:
            group["lr"] *= rate
        hold = 1 - (self.settings.swa or 0)
        return Optimized(optimizer, Scheduler(optimizer, registry.build(self.settings.schedule), steps, hold=hold))


class Observer(Protocol):
    """Watches a training at the end of each epoch. Its state is part of the checkpoints."""

    def epoch_ended(self, task: Task, epochs: int) -> None:
        """Look at the task after `epochs` epochs; the network is in training mode and must stay so."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None: ...


def gradient_norm(network: nn.Module) -> Tensor:
    """Return the Euclidean norm of the gradients of all parameters that have one."""
    return torch.nn.utils.get_total_norm([p.grad for p in network.parameters() if p.grad is not None])
