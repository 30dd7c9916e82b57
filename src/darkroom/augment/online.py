"""The online part of a policy: batch transforms in order, with independent random numbers for every image.

Random numbers come from the caller's generator; because it is reseeded for each epoch and batch, a resumed run draws the
same ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from darkroom import registry
from darkroom.augment.batch.warp import Move, Mover
from darkroom.augment.classes import resolve
from darkroom.augment.config import MIXING, OnlineSpec
from darkroom.settings import Section


class OnlinePipeline:
    """Batch transforms in order; `strengths` maps each transform's name to its strength per class (K,).

    `consistency` is the weight of AugMix's Jensen-Shannon loss, 0 for none. Raises ValueError if there is no transform,
    strengths are missing, or the numbers of classes differ.
    """

    def __init__(self, steps: Sequence[Section], strengths: Mapping[str, Tensor]) -> None:
        names: list[str] = [options.name for options in steps]  # type: ignore[attr-defined]
        if missing := sorted(set(names) - strengths.keys()):
            raise ValueError(f"strengths are missing for {', '.join(missing)}; got {', '.join(strengths)}")
        tables = [strengths[name].float().cpu() for name in names]
        sizes = {tuple(table.shape) for table in tables}
        if len(sizes) != 1 or len(shape := sizes.pop()) != 1:
            raise ValueError(
                f"strengths must be one number per class for each of {', '.join(names) or 'no transforms'}"
            )
        self.classes = shape[0]
        weights = [float(getattr(options, "consistency", 0.0)) for options in steps]
        self.consistency = max(weights)
        self._steps = [
            (registry.build(options), table, weight > 0)
            for options, table, weight in zip(steps, tables, weights, strict=True)
        ]

    def __call__(self, images: Tensor, labels: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Transform a batch: images float (B, C, H, W) in [0, 1] on any device, labels (B,) from 0 to K - 1.

        Returns images and class probabilities (B, K) on the same device; `draws` is a CPU generator. Labels or numbers
        (B, K) of images that have no class, floats, are mixed and returned in place of class probabilities.
        """
        (changed,), targets = self._applied(images, labels, draws, several=False)
        return changed, targets

    def views(self, images: Tensor, labels: Tensor, draws: torch.Generator) -> tuple[list[Tensor], Tensor]:
        """Transform a batch into the views that the loss compares, and their class probabilities (B, K).

        Without a consistency loss there is one view. With it there are three: all other transforms act identically on each
        view, and AugMix acts on the second and third only, independently.
        """
        return self._applied(images, labels, draws, several=self.consistency > 0)

    def _applied(
        self, images: Tensor, labels: Tensor, draws: torch.Generator, *, several: bool
    ) -> tuple[list[Tensor], Tensor]:
        if labels.is_floating_point():
            known, targets = torch.zeros(len(labels), dtype=torch.int64), labels
        else:
            known = labels.cpu()
            targets = functional.one_hot(known, self.classes).float().to(images.device)
        height, width = images.shape[-2:]
        views = [images]
        waiting: Move | None = None
        for transform, table, consistent in self._steps:
            strength = table[known]
            if isinstance(transform, Mover):
                move = transform.move(strength, (height, width), draws)
                both = waiting.then(move) if waiting else move
                if waiting and not both:
                    views = [waiting.apply(view) for view in views]
                waiting = both or move
                continue
            views, waiting = [waiting.apply(view) for view in views] if waiting else views, None
            if several and consistent:
                base, first, second = views if len(views) == 3 else views * 3
                views = [base, *(transform(view, targets, strength, draws)[0] for view in (first, second))]
            else:
                start = draws.get_state()
                changed = []
                for view in views:
                    draws.set_state(start)  # the same random numbers for every view
                    changed.append(transform(view, targets, strength, draws))
                views, targets = [view for view, _ in changed], changed[0][1]
        return [waiting.apply(view) for view in views] if waiting else views, targets


def from_policy(
    policy: OnlineSpec, classes: tuple[str, ...], counts: NDArray[np.int64], *, mixing: bool = True
) -> OnlinePipeline | None:
    """Return a policy's online part for classes with `counts` (K,) training images; None if it changes nothing.

    Without `mixing`, transforms that mix images are left out.
    """
    steps = [step for step in policy.online if mixing or step.name not in MIXING]  # type: ignore[attr-defined]
    if not steps:
        return None
    own = resolve(copies=0, own=policy.classes, balance=policy.balance, classes=classes, counts=counts)
    names = {step.name for step in steps}  # type: ignore[attr-defined]
    return OnlinePipeline(steps, {name: torch.from_numpy(own.table(name)) for name in names})
