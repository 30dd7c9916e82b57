from collections import Counter
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.data import split
from darkroom.data.inspect import find_copies, group_numbers

SHARES = {"val": 0.1, "test": 0.2}
labels_of = st.lists(st.integers(0, 4), min_size=1, max_size=120)


def assign(
    labels: list[int],
    groups: list[int] | None = None,
    given: list[str | None] | None = None,
    seed: int = 0,
    **shares: float,
) -> list[str]:
    groups = list(range(len(labels))) if groups is None else groups
    return split.assign(
        [f"item-{n}" for n in range(len(labels))],
        np.array(labels, dtype=np.int64),
        np.array(groups, dtype=np.int64),
        given or [None] * len(labels),
        **{**SHARES, **shares},
        seed=seed,
    )


@st.composite
def grouped(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    labels = draw(labels_of)
    groups = [draw(st.integers(0, len(labels))) for _ in labels]
    return labels, groups


@st.composite
def grouped_and_given(draw: st.DrawFn) -> tuple[list[int], list[int], list[str | None]]:
    labels, groups = draw(grouped())
    return labels, groups, [draw(st.sampled_from([None, "train", "val", "test"])) for _ in labels]


@given(grouped_and_given(), st.integers(0, 5))
@settings(max_examples=200)
def test_regrouped_splits_tear_nothing_and_keep_their_sizes(
    made: tuple[list[int], list[int], list[str | None]], seed: int
) -> None:
    labels, groups, given_ = made
    ids = [f"item-{n}" for n in range(len(labels))]
    moved = split.regroup(ids, np.array(labels), np.array(groups), given_, seed=seed)
    assert [part is None for part in moved] == [part is None for part in given_]
    held: dict[int, set[str]] = {}
    before: dict[int, set[str]] = {}
    for group, part, was in zip(groups, moved, given_, strict=True):
        if part is not None and was is not None:
            held.setdefault(group, set()).add(part)
            before.setdefault(group, set()).add(was)
    assert all(len(parts) == 1 for parts in held.values())
    assert all(held[group] == before[group] for group in held if len(before[group]) == 1)


def test_regrouped_splits_keep_their_sizes_and_defects_stay_in_test() -> None:
    labels = np.array([0] * 100 + [1] * 20)
    given_ = ["train"] * 60 + ["test"] * 40 + ["test"] * 20
    groups = np.array([number % 50 for number in range(100)] + [100 + number // 2 for number in range(20)])
    groups[110] = 0  # a defect of an object that is normal elsewhere
    moved = split.regroup([str(n) for n in range(120)], labels, groups, given_, seed=0)
    assert abs(moved[:100].count("train") - 60) <= 4
    assert moved[100:] == ["test"] * 20
    assert moved[0] == moved[50] == "test"


@given(labels_of, st.integers(0, 5))
def test_each_class_is_divided_by_the_shares(labels: list[int], seed: int) -> None:
    parts = assign(labels, seed=seed)
    for label, total in Counter(labels).items():
        counts = Counter(part for part, other in zip(parts, labels, strict=True) if other == label)
        assert counts["train"] >= 1
        assert (counts["test"] >= 1) == (total >= 2)
        assert (counts["val"] >= 1) == (total >= 3)
        if total >= 10:
            assert abs(counts["test"] - 0.2 * total) <= 0.5
            assert abs(counts["val"] - 0.1 * total) <= 0.5


@given(grouped(), st.integers(0, 5))
@settings(max_examples=200)
def test_no_group_stands_in_two_splits(made: tuple[list[int], list[int]], seed: int) -> None:
    labels, groups = made
    parts = assign(labels, groups, seed=seed)
    assert set(parts) <= {"train", "val", "test"}
    assert split.torn(np.array(groups), parts) == 0
    assert "train" in parts


@given(grouped(), st.data())
@settings(max_examples=200)
def test_given_splits_are_kept_and_only_they_tear(made: tuple[list[int], list[int]], data: st.DataObject) -> None:
    labels, groups = made
    options = st.sampled_from([None, "train", "val", "test"])
    wished = [data.draw(options) for _ in labels]
    parts = assign(labels, groups, wished)
    drawn_from_train = None not in wished
    for wish, part in zip(wished, parts, strict=True):
        if wish in ("val", "test"):
            assert part == wish
        if wish == "train":
            assert part == "train" or (drawn_from_train and part not in wished)
    torn_by_source = {
        group
        for group in groups
        if len({w for w, g in zip(wished, groups, strict=True) if g == group and w is not None}) > 1
    }
    torn = {group for group in groups if len({p for p, g in zip(parts, groups, strict=True) if g == group}) > 1}
    assert torn <= torn_by_source


@given(labels_of, st.integers(0, 5))
def test_a_seed_repeats_and_the_order_does_not_matter(labels: list[int], seed: int) -> None:
    parts = assign(labels, seed=seed)
    assert parts == assign(labels, seed=seed)
    turned = split.assign(
        [f"item-{n}" for n in range(len(labels))][::-1],
        np.array(labels[::-1]),
        np.arange(len(labels)),
        [None] * len(labels),
        **SHARES,
        seed=seed,
    )
    assert turned[::-1] == parts


def test_another_seed_draws_others() -> None:
    assert assign([0] * 50, seed=1) != assign([0] * 50, seed=2)


def test_an_added_image_moves_few_others() -> None:
    before, after = assign([0] * 200), assign([0] * 201)
    assert sum(a != b for a, b in zip(before, after, strict=False)) <= 4


def test_val_is_drawn_from_train_when_only_train_and_test_are_given() -> None:
    parts = assign([0] * 100, given=["train"] * 80 + ["test"] * 20)
    assert Counter(parts) == {"train": 72, "val": 8, "test": 20}
    assert parts[80:] == ["test"] * 20


def test_items_without_a_split_supply_what_is_missing() -> None:
    parts = assign([0] * 100, given=["train"] * 50 + [None] * 50)
    assert parts[:50] == ["train"] * 50
    assert Counter(parts[50:]) == {"train": 35, "val": 5, "test": 10}


def test_shares_of_zero_draw_nothing() -> None:
    assert set(assign([0] * 30, val=0, test=0)) == {"train"}
    assert set(assign([0] * 30, val=0)) == {"train", "test"}


def test_copies_of_a_test_image_follow_it() -> None:
    assert assign([0, 0, 0, 0], [7, 7, 1, 2], ["test", None, None, None])[1] == "test"


def test_torn_groups_are_counted() -> None:
    assert split.torn(np.array([0, 0, 1, 1, 2]), ["train", "test", "val", "val", "test"]) == 1
    assert split.torn(np.array([], dtype=np.int64), []) == 0


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 2)), max_size=40))
def test_copies_are_found_and_conflicts_told(rows: list[tuple[str, int]]) -> None:
    prints, labels = [row[0] for row in rows], [row[1] for row in rows]
    copies = find_copies(prints, labels)
    assert len(copies.first) == len(prints) - len(set(prints))
    assert all(prints[row] == prints[first] and first < row for row, first in copies.first.items())
    told = {prints[row] for row in copies.conflicting}
    assert told == {p for p in prints if len({lab for q, lab in rows if q == p}) > 1}


def test_groups_join_through_copies() -> None:
    numbers = group_numbers(["a", "a", None, "b", None], {3: 1, 4: 2})
    assert numbers.tolist() == [0, 0, 1, 0, 1]


@given(grouped(), st.integers(2, 6), st.integers(0, 3), st.randoms())
@settings(max_examples=200)
def test_folds_hold_groups_whole_in_any_order_of_the_rows(
    made: tuple[list[int], list[int]], count: int, seed: int, random: Random
) -> None:
    labels, groups = np.array(made[0]), np.array(made[1])
    ids = [f"item-{n}" for n in range(len(labels))]
    found = split.folds(ids, labels, groups, count=count, seed=seed)
    assert found.min() >= 0
    assert found.max() < count
    assert all(len(set(found[groups == group].tolist())) == 1 for group in groups)
    turn = random.sample(range(len(labels)), len(labels))
    turned = split.folds([ids[n] for n in turn], labels[turn], groups[turn] + 7, count=count, seed=seed)
    assert turned.tolist() == found[turn].tolist()


@given(labels_of, st.integers(2, 6))
def test_folds_have_the_same_share_of_every_class(labels: list[int], count: int) -> None:
    found = split.folds(
        [str(n) for n in range(len(labels))], np.array(labels), np.arange(len(labels)), count=count, seed=0
    )
    for label in set(labels):
        sizes = np.bincount(found[np.array(labels) == label], minlength=count)
        assert sizes.max() - sizes.min() <= 1
    sizes = np.bincount(found, minlength=count)
    assert sizes.max() - sizes.min() <= len(set(labels))


def test_another_seed_draws_other_folds() -> None:
    one, two = (
        split.folds([str(n) for n in range(60)], np.zeros(60, int), np.arange(60), count=5, seed=seed)
        for seed in (0, 1)
    )
    assert one.tolist() != two.tolist()
