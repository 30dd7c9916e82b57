"""Batches straight from stores: whole images as bytes, drawn by row number, made float at the last moment.

A training epoch takes one variant of every item, the original or one of its augmented copies, so that policies are
compared at equal numbers of steps. What an epoch draws depends on the seed and the epoch's number alone, so a resumed
run goes on as if it had never stopped.
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
    """Several image arrays (N, H, W, C) uint8 seen as one; rows are copied out when taken, not before."""

    def __init__(self, parts: Sequence[NDArray[np.uint8]]) -> None:
        self.parts = parts
        self.starts = np.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images of these rows, in this order."""
        if len(self.parts) == 1:
            return np.asarray(self.parts[0][rows])
        taken = np.empty((len(rows), *self.parts[0].shape[1:]), np.uint8)
        for part, start in zip(self.parts, self.starts, strict=False):
            inside = (rows >= start) & (rows < start + len(part))
            taken[inside] = part[rows[inside] - start]
        return taken


class Batches:
    """An iterable of (images float (B, C, H, W) in [0, 1], labels (B,)), a new draw each epoch.

    `variants[i]` are the rows of `pool` that show item i. Without a seed the items come in order, each as its first
    variant: for validation. The last batch may be smaller; one of a single image, which batch statistics cannot use,
    or of fewer images than there are processes, joins the batch before it.
    """

    def __init__(
        self,
        pool: Pool,
        variants: Sequence[NDArray[np.int64]] | NDArray[np.int64],
        labels: NDArray[np.int64],
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
        self.labels = np.asarray(labels, np.int64)
        self.counts = np.array([len(rows) for rows in variants], np.int64)
        self.firsts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        self.rows = np.concatenate(variants)
        self.seed, self.sampling = seed, SAMPLINGS[sampling]
        self.epoch = 0
        self.batch_size = batch_size
        self.share(0, 1)

    def share(self, process: int, processes: int) -> None:
        """Give this process of several its part of every batch from now on; together they give each image once.

        Raises ValueError where there are fewer images than processes.
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
        """Where this process's part of a batch begins and ends, counted from the epoch's first image."""
        start, stop = self.edges[index : index + 2]
        first, end = (start + (stop - start) * k // self.processes for k in (self.process, self.process + 1))
        return first, end

    def weight(self, index: int) -> float:
        """The part's images as a multiple of an even share: means over parts, times this, have the mean of the batch as
        their mean."""
        first, end = self.part(index)
        return (end - first) * self.processes / (self.edges[index + 1] - self.edges[index])

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def items(self) -> int:
        """How many images an epoch has."""
        return len(self.labels)

    def draw(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The items of this epoch in their order, and the row of the pool that shows each."""
        if self.seed is None:
            return np.arange(self.items), self.rows[self.firsts]
        generator = np.random.default_rng(derive(self.seed, "epoch", self.epoch))
        order = self.sampling(self.labels, generator)
        variant = generator.integers(0, self.counts[order])
        return order, self.rows[self.firsts[order] + variant]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order, rows = self.draw()
        for start, stop in map(self.part, range(len(self))):
            yield as_float(self.pool.take(rows[start:stop])), torch.from_numpy(self.labels[order[start:stop]])


def as_float(images: NDArray[np.uint8]) -> Tensor:
    """Bytes (B, H, W, C) as floats (B, C, H, W) in [0, 1], laid out channels last."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div_(255)


def as_bytes(images: Tensor) -> NDArray[np.uint8]:
    """Floats (N, C, H, W) in [0, 1] as bytes (N, H, W, C)."""
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
    """Batches of these rows of a prepared store, with the augmented copies that name them as their parents."""
    how: dict[str, Any] = {"batch_size": batch_size, "seed": seed, "sampling": sampling}
    if copies is None:
        return Batches(Pool([store.images]), rows[:, None], store.labels[rows], **how)
    position = {item: index for index, item in enumerate(store.items["id"].to_numpy()[rows])}
    variants = [[int(row)] for row in rows]
    for row, parent in enumerate(copies.items["parent"]):
        if (index := position.get(parent)) is not None:
            variants[index].append(len(store.images) + row)
    pool = Pool([store.images, copies.images])
    return Batches(pool, [np.array(v) for v in variants], store.labels[rows], **how)


def plain_batches(store: Store, rows: NDArray[np.int64], *, batch_size: int) -> Batches:
    """Batches of these rows in their order, for validation and inference."""
    return Batches(Pool([store.images]), rows[:, None], store.labels[rows], batch_size=batch_size)
