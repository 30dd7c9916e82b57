"""The average of several detectors: what one overlooks, another may see.

Detectors score in units of their own. Each one's scores are told in standard deviations from the mean that held-out normal
images have with it, and its maps in standard deviations of theirs; the mean of a map is left in, as it lifts all pixels
alike. The threshold is set on the same held-out images: two numbers a detector are taken from them before.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from darkroom.detect.detector import Detector, Scored, build
from darkroom.detect.methods.feature_detector import FeatureDetector, eye, score_together
from darkroom.fit.config import Training
from darkroom.fit.model import Fitted, chunks
from darkroom.log import Log
from darkroom.registry import Plugin, register
from darkroom.settings import Section, unique

BATCH = 64
"""Held-out images scored at a time."""


@register("detector", "average")
class Average(Detector):
    """The mean of several detectors' standardised scores and maps, all fitted on the same images."""

    mean: Tensor  # (M,), of each detector's scores of held-out normal images
    std: Tensor  # (M,)
    map_std: Tensor  # (M,), of their pixels; of no meaning where a detector makes no maps

    def __init__(
        self,
        shape: tuple[int, int, int],
        training: Training | None = None,
        backbone: Path | None = None,
        *,
        of: Annotated[
            tuple[Annotated[Section, Plugin("detector", without=("average",))], ...],
            Field(min_length=2, description="two or more detectors; those on one frozen network look at an image once"),
            AfterValidator(unique),
        ],
    ) -> None:
        super().__init__()
        self.names = [f"{number}-{options.name}" for number, options in enumerate(of)]  # type: ignore[attr-defined]
        self.members = nn.ModuleList([build(part, shape, training=training, backbone=backbone) for part in of])
        for name in ("mean", "std", "map_std"):
            self.register_buffer(name, torch.zeros(len(of)))

    def fit(
        self,
        images: NDArray[np.uint8],
        train: NDArray[np.int64],
        val: NDArray[np.int64],
        *,
        labels: NDArray[np.int64] | None = None,
        seed: int,
        log: Log,
        checkpoints: Path | None = None,
    ) -> Fitted | None:
        """Fit one after the other, each with the same seed; metrics and checkpoints go under their numbers and names.

        Raises ValueError where the held-out images do not differ in a detector's eyes.
        """
        fitted: dict[str, Fitted] = {}
        seconds = 0.0
        for name, member in zip(self.names, self._detectors, strict=True):
            started = time.monotonic()
            found = member.fit(
                images,
                train,
                val,
                labels=labels,
                seed=seed,
                log=_under(name, log),
                checkpoints=None if checkpoints is None else checkpoints / name,
            )
            seconds += time.monotonic() - started if found is None else found.seconds
            if found is not None:
                fitted[name] = found
        self.eval()
        self._standardize(images, val)
        return _joined(fitted, seconds) if fitted else None

    def score(self, images: Tensor) -> Scored:
        """The mean of the standardised scores, and of the maps of those that make any."""
        found = self._each(images)
        scores = torch.stack([each.scores for each in found])
        maps = [each.maps / std for each, std in zip(found, self.map_std, strict=True) if each.maps is not None]
        standardised = (scores - self.mean[:, None]) / self.std[:, None]
        return Scored(standardised.mean(0), torch.stack(maps).mean(0) if maps else None)

    @property
    def _detectors(self) -> list[Detector]:
        return list(self.members)  # type: ignore[arg-type]

    def _each(self, images: Tensor) -> list[Scored]:
        """What each detector says in its own units."""
        found: dict[int, Scored] = {}
        sharing: dict[tuple[str, int], dict[int, FeatureDetector]] = {}
        for number, member in enumerate(self._detectors):
            if isinstance(member, FeatureDetector):
                sharing.setdefault(eye(member), {})[number] = member
            else:
                found[number] = member.score(images)
        for group in sharing.values():
            found |= zip(group, score_together(list(group.values()), images), strict=True)
        return [found[number] for number in range(len(found))]

    @torch.no_grad()
    def _standardize(self, images: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        """Set means and deviations from these rows of normal images."""
        if len(rows) < 2:
            raise ValueError(
                f"the detector average compares scores on normal validation images, of which it takes two; got {len(rows)}: "
                "set data.split.val higher"
            )
        batches = [[_moments(each) for each in self._each(batch)] for batch in chunks(images, rows, batch_size=BATCH)]
        for number, name in enumerate(self.names):
            scores, means, squares = zip(*(batch[number] for batch in batches), strict=True)
            of_scores = torch.cat(scores)
            self.mean[number], self.std[number] = of_scores.mean(), of_scores.std()
            if self.std[number] == 0:
                raise ValueError(
                    f"the detector average cannot compare the scores of {name}: all normal validation images have the "
                    "same; set data.split.val higher, or take it out of its `of`"
                )
            of_maps = torch.cat(squares).mean() - torch.cat(means).mean().square()
            self.map_std[number] = of_maps.clamp_min(1e-12).sqrt()


def _moments(found: Scored) -> tuple[Tensor, Tensor, Tensor]:
    """Scores (B,), and of each map the mean and the mean square (B,), zero where there is none."""
    scores = found.scores.double()
    if found.maps is None:
        return scores, torch.zeros_like(scores), torch.zeros_like(scores)
    maps = found.maps.double()
    return scores, maps.mean((1, 2)), maps.square().mean((1, 2))


def _under(name: str, log: Log) -> Log:
    """A log whose metrics go under a name: `train/loss` becomes `train/0-vae/loss`."""

    def told(values: Mapping[str, float], step: int | None = None) -> None:
        log({key.replace("/", f"/{name}/", 1): value for key, value in values.items()}, step)

    return told


def _joined(fitted: Mapping[str, Fitted], seconds: float) -> Fitted:
    """What all trainings left, in tables that say whose a row is."""
    parts = list(fitted.values())
    history, steps = (
        pd.concat([getattr(part, table).assign(detector=name) for name, part in fitted.items()])
        for table in ("history", "steps")
    )
    rate = sum(part.images_per_second * part.seconds for part in parts) / sum(part.seconds for part in parts)
    return Fitted(history, steps, seconds, rate, parts[0].precision, any(part.channels_last for part in parts))
