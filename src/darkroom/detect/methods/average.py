"""The average of several detectors: one may see what another misses.

Detectors score in different units. Scores are therefore standardized by their mean and standard deviation over held-out normal
images, and maps are divided by their standard deviation; a map's mean is kept, since it shifts all pixels alike. The threshold
is set on the same held-out images, from which each detector has then already taken two numbers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from darkroom.detect.detector import Detector, FitInputs, Scored, build
from darkroom.detect.methods.feature_detector import FeatureDetector, input_key, score_together
from darkroom.fit.model import Fitted, chunks
from darkroom.log import Log
from darkroom.registry import Plugin, register
from darkroom.settings import Section, unique

BATCH = 64
"""Held-out images scored at a time."""


@register("detector", "average")
class Average(Detector):
    """Mean of the standardized scores and maps of several detectors, all fitted on the same images."""

    mean: Tensor  # (M,), of each detector's scores for held-out normal images
    std: Tensor  # (M,)
    map_std: Tensor  # (M,), of their pixels; meaningless for a detector without maps

    def __init__(
        self,
        shape: tuple[int, int, int],
        trained: Path | None = None,
        *,
        of: Annotated[
            tuple[Annotated[Section, Plugin("detector", without=("average",))], ...],
            Field(
                min_length=2,
                description="two or more detectors; those on the same frozen network share one forward pass",
            ),
            AfterValidator(unique),
        ],
    ) -> None:
        super().__init__()
        self.names = [f"{number}-{options.name}" for number, options in enumerate(of)]  # type: ignore[attr-defined]
        self.members = nn.ModuleList([build(part, shape, trained=trained) for part in of])
        for name in ("mean", "std", "map_std"):
            self.register_buffer(name, torch.zeros(len(of)))

    def fit(self, inputs: FitInputs) -> Fitted | None:
        """Fit one detector after the other with the same seed; metrics and checkpoints carry their numbers and names.

        Raises ValueError if a detector gives all held-out images the same score.
        """
        fitted: dict[str, Fitted] = {}
        seconds = 0.0
        for name, member in zip(self.names, self._detectors, strict=True):
            started = time.monotonic()
            folder = None if inputs.checkpoints is None else inputs.checkpoints / name
            found = member.fit(replace(inputs, log=_prefixed(name, inputs.log), checkpoints=folder))
            seconds += time.monotonic() - started if found is None else found.seconds
            if found is not None:
                fitted[name] = found
        self.eval()
        self._standardize(inputs.images, inputs.val)
        return _joined(fitted, seconds) if fitted else None

    def take_in(self, images: NDArray[np.uint8], inputs: FitInputs) -> None:
        """Let every detector take more images in, then standardize anew. Raises ValueError if one of them cannot."""
        for member in self._detectors:
            member.take_in(images, inputs)
        self._standardize(inputs.images, inputs.val)

    def score(self, images: Tensor) -> Scored:
        """Return the mean of the standardized scores, and of the maps of those detectors that have any."""
        found = self._each(images)
        scores = torch.stack([each.scores for each in found])
        maps = [each.maps / std for each, std in zip(found, self.map_std, strict=True) if each.maps is not None]
        standardized = (scores - self.mean[:, None]) / self.std[:, None]
        return Scored(standardized.mean(0), torch.stack(maps).mean(0) if maps else None)

    @property
    def _detectors(self) -> list[Detector]:
        return list(self.members)  # type: ignore[arg-type]

    def _each(self, images: Tensor) -> list[Scored]:
        """Return each detector's scores and maps in its own units."""
        found: dict[int, Scored] = {}
        sharing: dict[tuple[str, int], dict[int, FeatureDetector]] = {}
        for number, member in enumerate(self._detectors):
            if isinstance(member, FeatureDetector):
                sharing.setdefault(input_key(member), {})[number] = member
            else:
                found[number] = member.score(images)
        for group in sharing.values():
            found |= zip(group, score_together(list(group.values()), images), strict=True)
        return [found[number] for number in range(len(found))]

    @torch.no_grad()
    def _standardize(self, images: NDArray[np.uint8], rows: NDArray[np.int64]) -> None:
        """Set means and standard deviations from these rows of normal images."""
        if len(rows) < 2:
            raise ValueError(
                "the detector average standardizes scores by normal validation images and needs two or more; "
                f"got {len(rows)}: increase data.split.val"
            )
        batches = [[_moments(each) for each in self._each(batch)] for batch in chunks(images, rows, batch_size=BATCH)]
        for number, name in enumerate(self.names):
            scores, means, squares = zip(*(batch[number] for batch in batches), strict=True)
            of_scores = torch.cat(scores)
            self.mean[number], self.std[number] = of_scores.mean(), of_scores.std()
            if self.std[number] == 0:
                raise ValueError(
                    f"the detector average cannot standardize the scores of {name}: they are the same for all normal "
                    "validation images; increase data.split.val, or remove that detector from `of`"
                )
            of_maps = torch.cat(squares).mean() - torch.cat(means).mean().square()
            self.map_std[number] = of_maps.clamp_min(1e-12).sqrt()


def _moments(found: Scored) -> tuple[Tensor, Tensor, Tensor]:
    """Return scores (B,), and the mean and mean square (B,) of each map; zeros without maps."""
    scores = found.scores.double()
    if found.maps is None:
        return scores, torch.zeros_like(scores), torch.zeros_like(scores)
    maps = found.maps.double()
    return scores, maps.mean((1, 2)), maps.square().mean((1, 2))


def _prefixed(name: str, log: Log) -> Log:
    """Return a log that puts a detector's name into metric names: `train/loss` becomes `train/0-vae/loss`."""

    def forward(values: Mapping[str, float], step: int | None = None) -> None:
        log({key.replace("/", f"/{name}/", 1): value for key, value in values.items()}, step)

    return forward


def _joined(fitted: Mapping[str, Fitted], seconds: float) -> Fitted:
    """Merge the records of all trainings; a column says which detector a row belongs to."""
    parts = list(fitted.values())
    history, steps = (
        pd.concat([getattr(part, table).assign(detector=name) for name, part in fitted.items()])
        for table in ("history", "steps")
    )
    rate = sum(part.images_per_second * part.seconds for part in parts) / sum(part.seconds for part in parts)
    return Fitted(history, steps, seconds, rate, parts[0].precision, any(part.channels_last for part in parts))
