"""Batches straight from stores: samples keep their type on disk, are picked by row number, and become tensors last.

A training epoch takes one variant of every item, the original or one of its augmented copies, so that policies are
compared at equal numbers of steps. An epoch's draws depend only on the seed and the epoch's number, so a resumed run
continues as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from darkroom.data.store import Store
from darkroom.fit.sampling import SAMPLINGS, Sampling
from darkroom.randomness import derive


class Pool:
    """Several arrays of samples (N, ...) indexed as one; rows are copied only when taken."""

    def __init__(self, parts: Sequence[NDArray[Any]]) -> None:
        self.parts = parts
        self.starts = np.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def take(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Return the samples of these rows, in order."""
        if len(self.parts) == 1:
            return np.asarray(self.parts[0][rows])
        taken = np.empty((len(rows), *self.parts[0].shape[1:]), self.parts[0].dtype)
        for part, start in zip(self.parts, self.starts, strict=False):
            inside = (rows >= start) & (rows < start + len(part))
            taken[inside] = part[rows[inside] - start]
        return taken


class Batches:
    """Iterates over (samples, labels (B,)), drawn afresh each epoch; images are floats (B, C, H, W) in [0, 1].

    Samples with several labels or with numbers have floats (B, K) in place of class labels.

    `variants[i]` are the rows of `pool` that show item i. Without a seed, as for validation, items come in order, each as
    its first variant. The last batch may be smaller; if it has one image, too few for batch statistics, or fewer than there
    are processes, it joins the batch before it.
    """

    def __init__(
        self,
        pool: Pool,
        variants: Sequence[NDArray[np.int64]] | NDArray[np.int64],
        labels: NDArray[np.int64] | NDArray[np.float32],
        *,
        batch_size: int,
        seed: int | None = None,
        sampling: Sampling = "shuffled",
    ) -> None:
        if not len(variants):
            raise ValueError("there are no images to draw batches from")
        if len(variants) != len(labels):
            raise ValueError(f"{len(variants)} items but {len(labels)} labels")
        self.pool = pool
        self.labels: NDArray[Any] = np.asarray(labels, np.int64 if labels.ndim == 1 else np.float32)
        self.counts = np.array([len(rows) for rows in variants], np.int64)
        self.firsts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        self.rows = np.concatenate(variants)
        self.seed, self.sampling = seed, SAMPLINGS[sampling]
        self.epoch = 0
        self.batch_size = batch_size
        self.share(0, 1)

    def share(self, process: int, processes: int) -> None:
        """Restrict this process to its part of every batch; together, all processes see each image once.

        Raises ValueError if there are fewer images than processes.
        """
        if self.items < processes:
            raise ValueError(
                f"{self.items} images cannot be shared by {processes} processes; lower training.devices or training.nodes"
            )
        self.process, self.processes = process, processes
        edges = list(range(0, self.items, self.batch_size))
        if len(edges) > 1 and self.items - edges[-1] < max(2, processes):
            edges.pop()
        self.edges = [*edges, self.items]

    def part(self, index: int) -> tuple[int, int]:
        """Return start and end of this process's part of a batch, counted from the epoch's first image."""
        start, stop = self.edges[index : index + 2]
        first, end = (start + (stop - start) * k // self.processes for k in (self.process, self.process + 1))
        return first, end

    def weight(self, index: int) -> float:
        """Return the size of this process's part relative to an even share: means over parts, weighted by it, average to
        the mean over the batch."""
        first, end = self.part(index)
        return (end - first) * self.processes / (self.edges[index + 1] - self.edges[index])

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def items(self) -> int:
        """Images per epoch."""
        return len(self.labels)

    def draw(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Draw this epoch's items, in order, and the row of the pool that shows each."""
        if self.seed is None:
            return np.arange(self.items), self.rows[self.firsts]
        generator = np.random.default_rng(derive(self.seed, "epoch", self.epoch))
        order = self.sampling(self.labels, generator)
        variant = generator.integers(0, self.counts[order])
        return order, self.rows[self.firsts[order] + variant]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order, rows = self.draw()
        for start, stop in map(self.part, range(len(self))):
            yield as_tensor(self.pool.take(rows[start:stop])), torch.from_numpy(self.labels[order[start:stop]])


def as_tensor(samples: NDArray[Any]) -> Tensor:
    """Convert samples to what networks take, by their type; see `data.kind`.

    Images, bytes (B, H, W, C), become floats (B, C, H, W) in [0, 1], in channels-last memory.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(samples))
    match tensor.dtype:
        case torch.uint8:
            return tensor.permute(0, 3, 1, 2).float().div_(255)
        case torch.int16:
            return tensor.float().div_(2**15)
        case torch.int32:
            return tensor.long()
        case _:
            return tensor


def as_samples(tensor: Tensor, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Convert what networks take to samples of a store's type: the inverse of `as_tensor`, with rounding."""
    if dtype == np.uint8:
        return as_bytes(tensor)
    if dtype == np.int16:
        tensor = (tensor * 2**15).round().clamp(-(2**15), 2**15 - 1)
    return tensor.numpy().astype(dtype)


def as_bytes(images: Tensor) -> NDArray[np.uint8]:
    """Convert floats (N, C, H, W) in [0, 1] to bytes (N, H, W, C)."""
    found: NDArray[np.uint8] = (images * 255).round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()
    return found


def training_batches(
    store: Store,
    rows: NDArray[np.int64],
    copies: Store | None,
    *,
    batch_size: int,
    seed: int,
    sampling: Sampling = "shuffled",
) -> Batches:
    """Make training batches of these rows of a prepared store and the augmented copies whose parents they are."""
    how: dict[str, Any] = {"batch_size": batch_size, "seed": seed, "sampling": sampling}
    if copies is None:
        return Batches(Pool([store.samples]), rows[:, None], store.targets[rows], **how)
    position = {item: index for index, item in enumerate(store.items["id"].to_numpy()[rows])}
    variants = [[int(row)] for row in rows]
    for row, parent in enumerate(copies.items["parent"]):
        if (index := position.get(parent)) is not None:
            variants[index].append(len(store.samples) + row)
    pool = Pool([store.samples, copies.samples])
    return Batches(pool, [np.array(v) for v in variants], store.targets[rows], **how)


def plain_batches(store: Store, rows: NDArray[np.int64], *, batch_size: int) -> Batches:
    """Make batches of these rows in order, for validation and inference."""
    return Batches(Pool([store.samples]), rows[:, None], store.targets[rows], batch_size=batch_size)
