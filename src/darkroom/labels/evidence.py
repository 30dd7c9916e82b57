"""Collect evidence for each class of each image: judges that have not seen the image, and the votes of its neighbors.

A training image is judged by the judge of its fold, validation and test images by all judges; probabilities and votes of
several judges are averaged. An image's neighbors are among the images that the same judge holds out, without the image's own
group, by cosine similarity of the judge's features: a judge places images that it was trained on by their labels, so these
would not vote independently of the errors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from darkroom import files
from darkroom.audit.config import Judged
from darkroom.audit.folds import HELD_OUT, fingerprint, folds
from darkroom.audit.judge import watched
from darkroom.classify.calibration import log_softmax
from darkroom.data.store import Store, labeled
from darkroom.fit.model import predict, read_about, rebuild
from darkroom.labels.confident import Floats, Labels, actual
from darkroom.labels.config import FindSpec

Look = Callable[[int, Labels, Labels], tuple[Floats, NDArray[np.float32]]]
"""Maps a fold, rows of the store and those among them that the fold's judge holds out to its logits (N, K) and features
(N, D) of the rows."""

NEIGHBORS = 10
"""Nearest images that vote, one vote each."""
DOUBT = 0.2
"""Share of votes that each class gets in addition, that of two neighbors: none among ten does not exclude a class."""


@dataclass(frozen=True)
class Evidence:
    """Labeled images, by their rows (N,) in the store.

    `judged` and `voted` are probabilities and shares of votes (N, K); `nearest` holds the row of the most similar image of each
    class, -1 if there is none.
    """

    rows: Labels
    labels: Labels
    judged: Floats
    voted: Floats
    nearest: NDArray[np.int64]  # (N, K)

    @property
    def independent(self) -> Floats:
        """The product of the judges' probabilities and the neighbors' votes, as of independent witnesses (N, K)."""
        product = self.judged * (self.voted + DOUBT)
        shares: Floats = product / np.maximum(product.sum(1, keepdims=True), 1e-300)
        return shares

    def actual(self) -> Floats:
        """Return the probabilities (N, K) of the actual classes, which take the labels into account."""
        return actual(self.independent, self.labels)


def collect(spec: FindSpec, store: Store, models: Path) -> Evidence:
    """Return the evidence on all labeled images, by the judges `models`/fold-F. Raises ValueError if one has seen its images."""
    return gather(spec, store, lambda number, rows, bank: _outputs(models / f"fold-{number}", store, rows, bank))


def gather(spec: Judged, store: Store, look: Look) -> Evidence:
    """Return the evidence on all labeled images, by the judges that `look` asks."""
    train, fold = folds(store, spec)
    outside = np.concatenate([labeled(store, "val"), labeled(store, "test")])
    rows = np.concatenate([train, outside])
    classes = len(store.classes)
    judged, voted, times = np.zeros((len(rows), classes)), np.zeros((len(rows), classes)), np.zeros((len(rows), 1))
    best = np.full((len(rows), classes), -2.0)
    nearest = np.full((len(rows), classes), -1)
    for number in range(spec.folds):
        places = np.concatenate([np.flatnonzero(fold == number), np.arange(len(train), len(rows))])
        bank = train[fold == number]
        logits, features = look(number, rows[places], bank)
        judged[places] += np.exp(log_softmax(logits))
        votes, similarity, row = _neighbors(store, features, rows[places], bank)
        voted[places] += votes
        times[places] += 1
        closer = similarity > best[places]
        best[places] = np.where(closer, similarity, best[places])
        nearest[places] = np.where(closer, row, nearest[places])
    return Evidence(rows, store.labels[rows], judged / times, voted / times, nearest)


def _outputs(folder: Path, store: Store, rows: Labels, held_out: Labels) -> tuple[Floats, NDArray[np.float32]]:
    """Return a judge's logits and features of these rows. Raises ValueError if it was trained on what it should hold out."""
    about = read_about(folder)
    if files.read_json(folder / HELD_OUT) != fingerprint(store, held_out):
        raise ValueError(f"{folder} was trained on a different split than this search uses; retrain it")
    network = rebuild("network", folder, about.shape, len(about.classes))
    look = watched(network)
    both = predict(lambda images: torch.from_numpy(np.concatenate(look(images), axis=1)), store.samples, rows)
    return both[:, : len(about.classes)].astype(np.float64), both[:, len(about.classes) :]


def _neighbors(
    store: Store, features: NDArray[np.float32], rows: Labels, bank: Labels
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Return the shares of votes (N, K), and the similarity and the row of the most similar image of each class (N, K).

    `bank` holds the rows that vote, which are the first of `rows`.
    """
    unit = F.normalize(torch.from_numpy(features))
    groups = torch.tensor(store.items["group"].to_numpy(dtype=np.int64))
    labels = torch.from_numpy(store.labels[bank])
    votes, similarity, row = [], [], []
    for start in range(0, len(rows), 512):
        part = unit[start : start + 512]
        similar = part @ unit[: len(bank)].T
        own = groups[torch.from_numpy(rows[start : start + 512])][:, None] == groups[torch.from_numpy(bank)]
        similar[own] = -2
        near = similar.topk(min(NEIGHBORS, len(bank)))
        shares = torch.zeros(len(part), len(store.classes), dtype=torch.float64)
        shares.scatter_add_(1, labels[near.indices], (near.values > -2).double())
        total = shares.sum(1, keepdim=True)
        votes.append(torch.where(total > 0, shares / total.clamp(min=1), 1 / len(store.classes)).numpy())
        by_class = [_most_similar(similar, labels == label) for label in range(len(store.classes))]
        similarity.append(np.stack([value for value, _ in by_class], axis=1))
        row.append(np.stack([np.where(value > -2, bank[place], -1) for value, place in by_class], axis=1))
    return np.concatenate(votes), np.concatenate(similarity), np.concatenate(row)


def _most_similar(similar: torch.Tensor, chosen: torch.Tensor) -> tuple[Floats, NDArray[np.int64]]:
    value, place = torch.where(chosen, similar, -2).max(1)
    return value.double().numpy(), place.numpy()


def conflicts(store: Store, data: Path) -> dict[str, list[str]]:
    """Map each image with a copy or near-duplicate of another label to the ids of these images."""
    labels = dict(zip(store.items["id"], store.labels.tolist(), strict=True))
    found: dict[str, list[str]] = {}
    for name in ("duplicates.csv", "near_duplicates.csv"):
        table = pd.read_csv(data / name, dtype=str, keep_default_na=False)
        for one, other in zip(table.iloc[:, 0], table.iloc[:, 1], strict=True):
            known = labels.get(one, -1), labels.get(other, -1)
            if min(known) >= 0 and known[0] != known[1]:
                found.setdefault(one, []).append(other)
                found.setdefault(other, []).append(one)
    return found
