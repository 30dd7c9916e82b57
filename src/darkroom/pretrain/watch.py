"""Watch a pretraining: whether its embeddings collapse and, if there are labels, how well its features classify."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.data.store import Store
from darkroom.fit.model import chunks
from darkroom.fit.precision import autocast, resolve
from darkroom.fit.task import Task
from darkroom.log import Log
from darkroom.measure.spread import effective_rank, relative_std
from darkroom.pretrain.neighbors import Measured, accuracy, predictions
from darkroom.pretrain.objective import Objective

MOST_TIMES = 20
"""Maximum number of measurements, evenly spaced over the epochs, besides the one before the first."""
COLLAPSED_STD, COLLAPSED_RANK = 0.1, 2.0
"""Embeddings that spread less than this have collapsed. Directions that spread as little before training have not: biases,
which are the same for all images, outweigh the differences between them."""


class Watch:
    """Measures an objective before training and after some epochs; `rows` has one row per measurement."""

    def __init__(self, store: Store, *, epochs: int, batches: int, log: Log) -> None:
        self.store, self.measured, self.log, self.batches = store, Measured.of(store), log, batches
        every = -(-epochs // MOST_TIMES)
        self.due = {*range(every, epochs + 1, every), epochs}
        self.rows: list[dict[str, float]] = []
        self.predicted: dict[str, Tensor] = {}
        """Predicted labels of the measured validation images, of random features and of the trained ones."""

    def measure(self, objective: Objective, epoch: int, precision: str) -> None:
        """Measure the objective after this many epochs; its mode stays as it is."""
        training, device = objective.training, next(objective.parameters()).device
        objective.eval()

        def seen(rows: NDArray[np.int64]) -> Tensor:
            batches = chunks(self.store.samples, rows)
            return torch.cat([objective.network(batch.to(device)).float() for batch in batches])

        with torch.no_grad(), autocast(device, precision):
            bank = seen(self.measured.train)
            embedded = objective.embed(bank).float().cpu()
            queries = seen(self.measured.val).cpu() if len(self.measured.val) else None
        objective.train(training)
        bank = bank.cpu()
        row = {
            "feature_std": relative_std(bank),
            "feature_rank": effective_rank(bank),
            "embedding_std": relative_std(embedded) if objective.directions else float(embedded.std(0).mean()),
            "embedding_rank": effective_rank(embedded),
        }
        if queries is not None:
            found = predictions(self.store, self.measured, bank, queries)
            self.predicted["trained" if epoch else "random"] = torch.from_numpy(found)
            row["knn_accuracy"] = float(accuracy(self.store, self.measured, found)["value"])
        self.rows.append({"epoch": epoch, **row})
        self.log({f"features/{name}": value for name, value in row.items()}, epoch * self.batches)

    def epoch_ended(self, task: Task, epochs: int) -> None:
        """Measure the features if they are due."""
        if epochs in self.due:
            assert isinstance(task.network, Objective)
            self.measure(task.network, epochs, resolve(task.settings.precision))

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows, "predicted": self.predicted}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self.rows, self.predicted = state_dict["rows"], state_dict["predicted"]


def collapsed(first: Mapping[str, float], last: Mapping[str, float], *, directions: bool = True) -> str | None:
    """Return how embeddings have collapsed between two rows of `Watch`; None if they have not."""
    std, rank = last["embedding_std"], last["embedding_rank"]
    if std < (min(COLLAPSED_STD, first["embedding_std"] / 2) if directions else COLLAPSED_STD):
        return f"all images have nearly the same embedding; its standard deviation is {std:.3f}"
    if rank < min(COLLAPSED_RANK, first["embedding_rank"] / 2):
        return f"the embeddings vary along one direction only; their effective rank is {rank:.2f}"
    return None
