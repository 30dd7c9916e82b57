"""Predict images that are not part of a data set with a trained model, batch by batch, in all threads."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import threadpoolctl
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.classify.answers import ClassAnswers, LabelAnswers, NumberAnswers
from darkroom.classify.evaluation.out_of_distribution import OutOfDistribution
from darkroom.classify.trained import Trained
from darkroom.classify.tta import PLAIN
from darkroom.data import incoming, new_rows
from darkroom.data.incoming import Prepares, Rows
from darkroom.data.place import Listing
from darkroom.data.table import Columns
from darkroom.fit.batches import as_tensor
from darkroom.fit.model import in_threads
from darkroom.nets.penultimate import outputs_and_features

BATCH, VALUES = 32, 8_000_000
"""Most images per batch, and most values of their arrays."""


@dataclass(frozen=True, eq=False)
class Predictor:
    """A trained model with the view, thresholds and limits to predict by; makes the rows of a table."""

    trained: Trained
    view: str
    answers: ClassAnswers | LabelAnswers | NumberAnswers
    looks: Callable[[Tensor], list[Tensor]]
    unlike: OutOfDistribution | None

    @classmethod
    def of(cls, trained: Trained, *, view: str = PLAIN, risk: float | None = None) -> Predictor:
        """Return the predictor of a model. Raises ValueError without an evaluation by this version, or for another risk."""
        if "weights" not in trained.metrics:
            reason = "was written by an earlier version" if trained.metrics else "is missing or did not finish"
            raise ValueError(
                f"the evaluation {trained.evaluation}, which has the thresholds, {reason}; run classify evaluate, or copy it "
                "together with the model"
            )
        return cls(trained, view, trained.answers(view, risk), trained.looks(view), trained.unlike())

    @property
    def columns(self) -> Columns:
        """The columns of a row: the file, the answers, the scores, and the note."""
        scores: Columns = dict.fromkeys(self._limits, "number")
        return {"file": "text", **self.answers.columns, **scores, "out_of_distribution": "flag", "note": "text"}

    @property
    def about(self) -> dict[str, Any]:
        """What the answers belong to, for a summary."""
        confidence = getattr(self.answers, "least_confidence", None)
        limits = {name: limit if np.isfinite(limit) else None for name, limit in self._limits.items()}
        sure = {"least_confidence": confidence} if isinstance(self.answers, ClassAnswers) else {}
        return {"view": self.view, "weights": self.trained.metrics["weights"], "limits": limits} | sure

    def listed(self, listing: Listing, *, workers: int) -> Iterator[list[Any]]:
        """Yield the row of each sample in these files, in order, and one of each file that could not be read."""
        kind = self.trained.about.samples
        if kind in new_rows.KINDS:
            yield from self._rows(new_rows.batches(kind, self.trained.folder, listing), workers=workers)
        else:
            yield from self._files([(name, listing.path(name)) for name in listing.names], workers=workers)
            yield from (self.unread(each.origin, each.reason) for each in listing.unused)

    def _files(self, named: Sequence[tuple[str, Path]], *, workers: int) -> Iterator[list[Any]]:
        """Yield the row of each named file, in order; a few batches are in memory at a time."""
        about = self.trained.about
        values = math.prod(about.shape) if about.samples == "image" else about.shape[0]
        size = max(1, min(BATCH, VALUES // values))
        groups = (named[start : start + size] for start in range(0, len(named), size))
        preparation = self.trained.preparation
        with incoming.quiet(), _one_blas_thread():
            for rows in in_threads(lambda group: self._group(group, preparation), groups, workers=workers):
                yield from rows

    def arrays(self, batches: Iterable[NDArray[Any]]) -> Iterator[list[Any]]:
        """Yield the row of each sample of prepared batches (B, ...); its file is empty, and so is its note if it has an
        answer."""
        with _one_blas_thread():
            for batch in batches:
                yield from (["", *cells] for cells in self._cells(batch))

    def unread(self, file: str, reason: str) -> list[Any]:
        """Return the row of a file without an answer."""
        return [file, *[None] * (len(self.columns) - 2), reason]

    @property
    def _limits(self) -> dict[str, float]:
        return dict(self.unlike.limits) if self.unlike else {}

    def _rows(self, batches: Iterable[Rows], *, workers: int) -> Iterator[list[Any]]:
        def made(batch: Rows) -> list[list[Any]]:
            if batch.samples is None:
                return [self.unread(batch.names[0], batch.note)]
            return [[name, *cells] for name, cells in zip(batch.names, self._cells(batch.samples), strict=True)]

        with _one_blas_thread():
            for rows in in_threads(made, batches, workers=workers):
                yield from rows

    def _group(self, group: Sequence[tuple[str, Path]], preparation: Prepares) -> list[list[Any]]:
        """Return the rows of some files; an image is brought to its final size at once, so that large ones need no memory."""
        read, prepared = [], []
        for name, path in group:
            one = incoming.read(name, path, preparation)
            read.append((one.file, one.note, one.image is not None))
            if one.image is not None:
                prepared.append(preparation.apply(one.image))
        cells = iter(self._cells(np.stack(prepared)) if prepared else ())
        rows = []
        for file, note, whole in read:
            if not whole:
                rows.append(self.unread(file, note))
                continue
            *answer, problem = next(cells)
            rows.append([file, *answer, problem or note])
        return rows

    @torch.inference_mode()
    def _cells(self, batch: NDArray[Any]) -> list[list[Any]]:
        """Return all cells but the file of each image (B, H, W, C); the note is empty, or why there is no answer."""
        plain = as_tensor(batch)
        first, seen = outputs_and_features(self.trained.network, plain)
        others = [self.trained.network(look) for look in self.looks(plain)]
        outputs = torch.stack([each.float() for each in (first, *others)], 1).numpy()  # (B, V, K)
        features = None if seen is None or self.unlike is None else seen.float().flatten(1).numpy()
        whole = np.isfinite(outputs).all((1, 2))
        if features is not None:
            whole &= np.isfinite(features).all(1)
        answered = iter(self._answered(outputs[whole], None if features is None else features[whole]))
        empty = self.unread("", "the network's outputs for it are not finite")[1:]
        return [[*next(answered), ""] if fine else empty for fine in whole]

    def _answered(self, outputs: NDArray[np.float32], features: NDArray[np.float32] | None) -> Iterator[list[Any]]:
        """Yield the cells of answers and scores for finite outputs (B, V, K) and features (B, D)."""
        rows = self.answers.rows(outputs)
        if self.unlike is None:
            yield from ([*row, None] for row in rows)
            return
        scores = self.unlike.scores(outputs[:, 0], features)
        flagged = self.unlike.flagged(scores).tolist()
        for row, *values, flag in zip(rows, *(each.tolist() for each in scores.values()), flagged, strict=True):
            yield [*row, *values, flag]


def _one_blas_thread() -> Any:
    """Keep NumPy's matrix products to the thread that computes them: its other threads would wait busily beside torch's."""
    return threadpoolctl.threadpool_limits(1, user_api="blas")
