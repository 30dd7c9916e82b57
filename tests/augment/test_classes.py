"""Settings of single classes and balance: from the numbers that follow to the copies on disk."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.augment import apply
from darkroom.augment.classes import class_counts, resolve
from darkroom.augment.config import STRONGEST, ClassSettings, Policy
from darkroom.data.store import open_store
from darkroom.log import silent

TRAIN = {"a": 12, "b": 5, "c": 1}


def resolved(counts, *, copies=2, balance=False, **own):
    names = [str(n) for n in range(len(counts))]
    chosen = {name.removeprefix("_"): ClassSettings(**given) for name, given in own.items()}
    return resolve(copies=copies, own=chosen, balance=balance, classes=names, counts=np.array(counts))


@pytest.fixture
def uneven(tmp_path, make):
    """A store whose classes a, b and c have 12, 5 and 1 training images."""
    split = ["train" if n // 3 < TRAIN["abc"[n % 3]] else "test" for n in range(36)]
    return make(tmp_path / "uneven", count=36, split=split, masked=7)


def applied(data, out, *, workers=1, **policy):
    apply.run(Policy(**policy).apply_spec, data=data, out=out, log=silent, workers=workers)
    return open_store(out)


def per_class(store):
    return {name: int((store.items["label"] == label).sum()) for label, name in enumerate(store.classes)}


def done(store, name):
    """What was applied to each copy of a class: lists of transform names."""
    rows = store.items[store.items["label"] == store.label(name)]
    return [[step["name"] for step in json.loads(text)] for text in rows["transforms"]]


def test_without_settings_all_classes_are_alike():
    settings = resolved([7, 3, 0])
    assert settings.copies.tolist() == [2, 2, 2, 2]
    assert settings.table("hflip").tolist() == [1, 1, 1]


@settings(max_examples=200, deadline=None)
@given(counts=st.lists(st.integers(0, 300), min_size=1, max_size=6), copies=st.integers(0, 10))
def test_balance_evens_out_as_near_as_whole_copies_come(counts, copies):
    settings = resolved(counts, copies=copies, balance=True)
    target = max(counts) * (1 + copies)
    for count, number in zip(counts, settings.copies, strict=False):
        assert number >= copies
        if count:
            assert abs(count * (1 + number) - target) <= count / 2 + 1e-9
    strengths = settings.table("any")
    order = np.argsort(counts)
    assert (np.diff(strengths[order]) <= 1e-12).all()  # the rarer, the stronger
    assert strengths.max() <= STRONGEST
    assert strengths[int(np.argmax(counts))] == 1


def test_own_settings_win_over_balance():
    settings = resolved([80, 5], balance=True, _1={"copies": 3, "strength": {"rotate": 0.5, "vflip": 0}})
    assert settings.copies.tolist() == [2, 3, 2]
    assert settings.strength(1, "rotate") == pytest.approx(0.5 * 2)
    assert settings.strength(1, "hflip") == pytest.approx(2)
    assert settings.strength(1, "vflip") == 0
    assert settings.strength(-1, "rotate") == 1


def test_a_class_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match='name "01", which is not a class'):
        resolved([1, 1], _01={"copies": 1})


def test_images_without_a_class_are_not_counted():
    assert class_counts(np.array([2, -1, 0, 2, -1]), 4).tolist() == [1, 0, 2, 0]


def test_ragged_copies_keep_their_order_ids_and_masks(tmp_path, uneven):
    classes = {"a": {"copies": 0}, "b": {"copies": 1}, "c": {"copies": 4}}
    store = applied(uneven, tmp_path / "out", copies=2, classes=classes, offline=["affine"])
    assert per_class(store) == {"a": 0, "b": 5, "c": 4}
    items = store.items
    assert items["copy"].is_monotonic_increasing  # first all first copies
    assert (items["id"] == items["parent"] + "#" + items["copy"].astype(str)).all()
    assert items["id"].is_unique
    parents = open_store(uneven).items.set_index("id")
    assert ((items["mask"] >= 0).to_numpy() == (parents.loc[items["parent"], "mask"] >= 0).to_numpy()).all()
    for image, index in zip(store.samples, items["mask"], strict=True):
        if index >= 0:
            assert np.array_equal(np.where(image[..., 0] > 128, 255, 0), store.masks[index])


def test_ragged_copies_do_not_depend_on_workers(tmp_path, uneven):
    policy = {"copies": 1, "balance": True, "classes": {"b": {"strength": 0.5}}, "offline": ["affine", "hflip"]}
    one = applied(uneven, tmp_path / "one", **policy)
    two = applied(uneven, tmp_path / "two", workers=2, **policy)
    assert np.array_equal(one.samples, two.samples)
    assert one.items.equals(two.items)


def test_balance_gives_every_class_as_many_images(tmp_path, uneven):
    store = applied(uneven, tmp_path / "out", copies=2, balance=True, offline=["affine"])
    total = {name: made + TRAIN[name] for name, made in per_class(store).items()}
    assert total == {"a": 36, "b": 35, "c": 36}


def test_a_rare_class_is_transformed_more(tmp_path, uneven):
    store = applied(uneven, tmp_path / "out", copies=30, balance=True, offline=[{"name": "rotate", "degrees": 10}])
    furthest = {}
    for label, name in enumerate(store.classes):
        texts = store.items["transforms"][store.items["label"] == label]
        furthest[name] = max(abs(json.loads(text)[0]["rotate"]) for text in texts)
    assert furthest["a"] == pytest.approx(10, abs=0.5)
    assert furthest["b"] == pytest.approx(10 * (12 / 5) ** 0.25, abs=0.5)
    assert furthest["c"] == pytest.approx(10 * 12**0.25, abs=0.5)


def test_a_transform_is_switched_off_for_one_class_only(tmp_path, uneven):
    classes = {"b": {"strength": {"vflip": 0}}, "c": {"strength": 0}}
    store = applied(uneven, tmp_path / "out", copies=20, classes=classes, offline=["vflip", "gauss_noise"])
    assert {name for step in done(store, "a") for name in step} == {"vflip", "gauss_noise"}
    assert {name for step in done(store, "b") for name in step} == {"gauss_noise"}
    assert {name for step in done(store, "c") for name in step} == set()


def test_a_weaker_class_draws_the_same_but_smaller(tmp_path, uneven):
    step = {"name": "rotate", "degrees": 20}
    plain = applied(uneven, tmp_path / "plain", copies=3, offline=[step])
    weaker = applied(uneven, tmp_path / "weaker", copies=3, offline=[step], classes={"b": {"strength": 0.3}})
    for before, after in zip(plain.items.itertuples(), weaker.items.itertuples(), strict=True):
        angles = [json.loads(row.transforms)[0]["rotate"] for row in (before, after)]
        factor = 0.3 if before.label == 1 else 1
        assert angles[1] == pytest.approx(factor * angles[0], abs=1e-3)


def test_no_copies_at_all_is_an_error(tmp_path, uneven):
    classes = {"a": {"copies": 0}, "b": {"copies": 0}, "c": {"copies": 0}}
    with pytest.raises(ValueError, match="none of the training images of made gets a copy"):
        applied(uneven, tmp_path / "out", copies=1, classes=classes)


def test_an_unknown_class_is_an_error_that_leaves_nothing(tmp_path, uneven):
    with pytest.raises(ValueError, match=r'name "d".*There are: a, b, c'):
        applied(uneven, tmp_path / "out", classes={"d": {"copies": 1}})
    assert not (tmp_path / "out").exists()
