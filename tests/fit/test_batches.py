"""Batches: every item once an epoch, one of its variants at random, nothing but seed and epoch deciding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.fit.batches import Batches, Pool, as_tensor


def batches(items: int, copies: int, *, seed: int | None, batch_size: int = 4) -> Batches:
    originals = np.arange(items, dtype=np.uint8).reshape(-1, 1, 1, 1)
    more = np.repeat(np.arange(items, dtype=np.uint8), copies).reshape(-1, 1, 1, 1)
    variants = [np.array([i, *range(items + i * copies, items + (i + 1) * copies)]) for i in range(items)]
    return Batches(Pool([originals, more]), variants, np.arange(items), batch_size=batch_size, seed=seed)


def seen(made: Batches) -> tuple[list[int], list[int]]:
    images, labels = zip(*((i.flatten() * 255, y) for i, y in made), strict=True)
    return torch.cat(images).round().int().tolist(), torch.cat(labels).tolist()


@given(items=st.integers(1, 40), copies=st.integers(0, 3), seed=st.integers(0, 9), batch_size=st.integers(1, 16))
@settings(max_examples=40, deadline=None)
def test_an_epoch_shows_every_item_once_under_its_own_label(
    items: int, copies: int, seed: int, batch_size: int
) -> None:
    images, labels = seen(batches(items, copies, seed=seed, batch_size=batch_size))
    assert sorted(labels) == list(range(items))
    assert images == labels


def test_no_batch_of_a_single_image_unless_it_is_the_only_one() -> None:
    assert [len(y) for _, y in batches(9, 0, seed=0)] == [4, 5]
    assert [len(y) for _, y in batches(1, 0, seed=0)] == [1]
    assert len(batches(9, 0, seed=0)) == 2


def test_epochs_differ_and_seed_and_epoch_alone_decide() -> None:
    first, again = batches(30, 2, seed=3), batches(30, 2, seed=3)
    one = first.draw()
    first.epoch = again.epoch = 1
    assert not np.array_equal(one[0], first.draw()[0])
    assert np.array_equal(first.draw()[1], again.draw()[1])


def test_every_variant_gets_its_turn() -> None:
    made = batches(1, 3, seed=0)
    rows = set()
    for made.epoch in range(60):
        rows.update(made.draw()[1].tolist())
    assert rows == {0, 1, 2, 3}


def test_without_a_seed_items_come_in_order_as_they_are() -> None:
    order, rows = batches(7, 2, seed=None).draw()
    assert order.tolist() == rows.tolist() == list(range(7))


def test_floats_are_bytes_over_255_with_channels_second() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 3), dtype=np.uint8)
    floats = as_tensor(images)
    assert floats.shape == (2, 3, 3, 5)
    assert torch.equal((floats * 255).round().byte().permute(0, 2, 3, 1), torch.from_numpy(images))


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="no images"):
        Batches(Pool([np.zeros((0, 1, 1, 1), np.uint8)]), [], np.zeros(0, np.int64), batch_size=2)


@given(items=st.integers(1, 60), seed=st.integers(0, 9), batch_size=st.integers(1, 16), processes=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_processes_share_every_batch_and_see_each_image_once(
    items: int, seed: int, batch_size: int, processes: int
) -> None:
    whole = batches(items, 1, seed=seed, batch_size=max(batch_size, processes))
    if items < processes:
        with pytest.raises(ValueError, match=rf"{items} images cannot be shared by {processes} processes"):
            whole.share(0, processes)
        return
    parts = [batches(items, 1, seed=seed, batch_size=max(batch_size, processes)) for _ in range(processes)]
    for process, part in enumerate(parts):
        part.share(process, processes)
    taken = [list(part) for part in parts]
    labels = torch.cat([y for together in zip(*taken, strict=True) for _, y in together])
    assert labels.tolist() == whole.draw()[0].tolist()  # in the order of one process
    for index, together in enumerate(zip(*taken, strict=True)):
        sizes = [len(y) for _, y in together]
        assert min(sizes) > 0
        assert max(sizes) - min(sizes) <= 1
        means = [float(i.mean()) * part.weight(index) for (i, _), part in zip(together, parts, strict=True)]
        assert np.mean(means) == pytest.approx(float(torch.cat([i for i, _ in together]).mean()))
