import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from darkroom import files
from darkroom.augment import apply, sheet
from darkroom.augment.config import Policy, SheetSpec
from darkroom.augment.makers import processes as maker
from darkroom.data.store import describe_store, open_store
from darkroom.data.target import Target
from darkroom.log import silent

EVERYTHING = ["hflip", "affine", "crop", "elastic", "brightness_contrast", "gauss_noise", "cutout"]


def applied(data, out, *, workers=1, **policy):
    apply.run(Policy(**policy).apply_spec, data=data, out=out, log=silent, workers=workers)
    return open_store(out)


@pytest.mark.parametrize("shape", [(20, 24, 1), (16, 16, 3)])
def test_bytes_do_not_depend_on_workers_or_chunks(tmp_path, make, monkeypatch, shape):
    data = make(tmp_path / "data", shape=shape, masked=6)
    one = applied(data, tmp_path / "one", copies=5, offline=EVERYTHING)
    applied(data, tmp_path / "two", copies=5, offline=EVERYTHING, workers=2)
    monkeypatch.setattr(maker, "CHUNK", 1)
    applied(data, tmp_path / "single", copies=5, offline=EVERYTHING)
    assert one.samples.shape == (5 * 8, *shape)
    assert one.samples.dtype == np.uint8
    assert (
        files.read_manifest(tmp_path / "one")
        == files.read_manifest(tmp_path / "two")
        == files.read_manifest(tmp_path / "single")
    )


def test_another_seed_draws_otherwise(tmp_path, data):
    first = applied(data, tmp_path / "first", copies=3, seed=1)
    again = applied(data, tmp_path / "again", copies=3, seed=1)
    other = applied(data, tmp_path / "other", copies=3, seed=2)
    assert np.array_equal(first.samples, again.samples)
    assert not any(np.array_equal(a, b) for a, b in zip(first.samples, other.samples, strict=True))


def test_more_copies_keep_the_first_ones(tmp_path, data):
    few = applied(data, tmp_path / "few", copies=2)
    many = applied(data, tmp_path / "many", copies=4)
    assert np.array_equal(few.samples, many.samples[: len(few.samples)])


def test_no_two_copies_of_an_image_are_alike(tmp_path, data):
    store = applied(data, tmp_path / "out", copies=6)
    assert len({image.tobytes() for image in store.samples}) == len(store.samples)


def test_no_two_workers_draw_alike(tmp_path, make, monkeypatch):
    """All images are one image, so that only what is drawn tells copies apart."""
    data = make(tmp_path / "data")
    images = np.load(data / "samples.npy")
    np.save(data / "samples.npy", np.repeat(images[:1], len(images), axis=0))
    monkeypatch.setattr(maker, "CHUNK", 1)  # so that both workers have images to change
    store = applied(data, tmp_path / "out", copies=6, workers=2)
    assert len({image.tobytes() for image in store.samples}) == len(store.samples) == 6 * 8


def test_every_row_names_its_parent_and_what_was_done(tmp_path, data):
    parents = open_store(data).items.set_index("id")
    store = applied(data, tmp_path / "out", copies=3, offline=["affine", {"name": "hflip", "p": 0.5}])
    items = store.items
    assert list(items) == ["id", "label", "split", "group", "mask", "parent", "copy", "transforms"]
    assert items["id"].is_unique
    assert set(items["split"]) == {"train"}
    assert (parents.loc[items["parent"], "split"] == "train").all()
    for column in ("label", "group"):
        assert items[column].tolist() == parents.loc[items["parent"], column].tolist()
    names = [[step["name"] for step in json.loads(text)] for text in items["transforms"]]
    assert {tuple(n) for n in names} == {("affine",), ("affine", "hflip")}
    assert (items.groupby("parent").size() == 3).all()


def test_record_is_true(tmp_path, data):
    store = applied(data, tmp_path / "out", copies=4, offline=[{"name": "hflip", "p": 0.5}])
    source = open_store(data)
    by_id = dict(zip(source.items["id"], source.samples, strict=True))
    for image, row in zip(store.samples, store.items.itertuples(), strict=True):
        original = by_id[row.parent]
        expected = original[:, ::-1] if json.loads(row.transforms) else original
        assert np.array_equal(image, expected)


def test_masks_come_along_for_the_items_that_have_one(tmp_path, make):
    data = make(tmp_path / "data", masked=5)
    store = applied(data, tmp_path / "out", copies=3, offline=[{"name": "affine", "rotate": 40}])
    with_mask = store.items["mask"].to_numpy() >= 0
    assert store.masks is not None
    assert store.masks.shape == (with_mask.sum(), 20, 24)
    assert sorted(store.items["mask"][with_mask]) == list(range(with_mask.sum()))
    for image, index in zip(store.samples[with_mask], store.items["mask"][with_mask], strict=True):
        assert np.array_equal(np.where(image[..., 0] > 128, 255, 0), store.masks[index])


def test_a_store_without_masks_gets_none(tmp_path, data):
    assert applied(data, tmp_path / "out", copies=1).masks is None


def test_the_folder_holds_what_is_promised(tmp_path, data):
    applied(data, tmp_path / "out", copies=1)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("samples.npy", "items.parquet", "store.json", "timing.json", "manifest.json")
    }
    assert files.read_json(tmp_path / "out" / "timing.json").keys() == {"seconds", "images_per_second", "workers"}


def test_one_image_of_one_class_is_enough(tmp_path, make):
    data = make(tmp_path / "data", count=1)
    assert len(applied(data, tmp_path / "out", copies=2, workers=2).samples) == 2


def test_no_training_images_is_an_error_that_leaves_nothing(tmp_path, make):
    data = make(tmp_path / "data", split=["test"] * 12)
    with pytest.raises(ValueError, match=r"made has no training images.*data\.split"):
        applied(data, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_workers_end_with_a_stage_that_is_killed(tmp_path, make):
    data = make(tmp_path / "data")
    spec = Policy(copies=2000, offline=["affine"]).apply_spec.model_dump_json()
    words = ("-m", "darkroom", "augment", "apply", "--spec", spec, "--data", data, "--out", "out", "--workers", "2")
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    stage = subprocess.Popen([sys.executable, *map(str, words)], cwd=tmp_path, env=environment)
    while not (workers := [pid for parent in children(stage.pid) for pid in children(parent)]):
        assert stage.poll() is None
        time.sleep(0.02)
    stage.kill()
    stage.wait()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children(pid):
    """The processes that a process started; workers are those of the server that it forks them from."""
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def test_workers_must_be_at_least_one(tmp_path, data):
    with pytest.raises(ValueError, match="must be at least 1"):
        applied(data, tmp_path / "out", workers=0)


@pytest.mark.parametrize("kind", ["labels", "numbers"])
def test_copies_keep_their_parents_target(tmp_path, make, kind):
    plain, target = open_store(make(tmp_path / "plain")), Target(kind, ("x", "y/z"))
    values = np.array([[n % 2, 1.0] for n in range(12)], np.float32)
    values[3] = np.nan
    with files.folder(tmp_path / "data") as fresh:
        np.save(fresh / "samples.npy", plain.samples)
        items = plain.items.assign(label=-1, **dict(zip(target.columns, values.T, strict=True)))
        describe_store(fresh, name="made", classes=(), items=items, target=target)
    copies = applied(tmp_path / "data", tmp_path / "copies", copies=2, offline=["hflip"])
    row = {id_: row for row, id_ in enumerate(items["id"])}
    parents = copies.items["parent"].map(row).to_numpy()
    assert copies.target == target
    assert np.array_equal(copies.targets, values[parents], equal_nan=True)
    sheet.run(SheetSpec(), data=tmp_path / "data", copies=tmp_path / "copies", out=tmp_path / "sheet", log=silent)
