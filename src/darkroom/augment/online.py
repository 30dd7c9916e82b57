"""What a policy does to each batch while training: its batch transforms in order, each image with draws of its own.

Draws come from the generator that the caller hands in: one that starts anew for each epoch and batch gives every batch
draws of its own, and a resumed run those it would have had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from darkroom import registry
from darkroom.augment.batch.warp import Move, Mover
from darkroom.settings import Section


class OnlinePipeline:
    """Batch transforms in the given order; `strengths` has for each one's name how far it goes in each class (K,).

    `consistency` is the weight of AugMix's Jensen-Shannon loss, 0 for none. Raises ValueError when there is no
    transform, one has no strengths, or the numbers of classes differ.
    """

    def __init__(self, steps: Sequence[Section], strengths: Mapping[str, Tensor]) -> None:
        names: list[str] = [options.name for options in steps]  # type: ignore[attr-defined]
        if missing := sorted(set(names) - strengths.keys()):
            raise ValueError(f"no strengths for {', '.join(missing)}; there are some for {', '.join(strengths)}")
        tables = [strengths[name].float().cpu() for name in names]
        sizes = {tuple(table.shape) for table in tables}
        if len(sizes) != 1 or len(shape := sizes.pop()) != 1:
            raise ValueError(f"strengths must be one number a class for each of {', '.join(names) or 'no transforms'}")
        self.classes = shape[0]
        self.consistency = max(float(getattr(options, "consistency", 0.0)) for options in steps)
        self._steps = [(registry.build(options), table) for options, table in zip(steps, tables, strict=True)]

    def __call__(self, images: Tensor, labels: Tensor, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Change a batch: images float (B, C, H, W) in [0, 1] on any device, labels (B,) from 0 to K - 1.

        Gives new images and class probabilities (B, K), both on the images' device; `draws` is on the processor.
        """
        known = labels.cpu()
        targets = functional.one_hot(known, self.classes).float().to(images.device)
        height, width = images.shape[-2:]
        waiting: Move | None = None
        for transform, table in self._steps:
            strength = table[known]
            if isinstance(transform, Mover):
                move = transform.move(strength, (height, width), draws)
                both = waiting.then(move) if waiting else move
                if waiting and not both:
                    images = waiting.apply(images)
                waiting = both or move
                continue
            images, waiting = waiting.apply(images) if waiting else images, None
            images, targets = transform(images, targets, strength, draws)
        return waiting.apply(images) if waiting else images, targets
