"""The gallery: a picture of every technique, and what `gallery.json` says of it."""

import numpy as np
import pytest
from PIL import Image

from darkroom import files, registry
from darkroom.augment import gallery
from darkroom.augment.config import GallerySpec
from darkroom.data.store import open_store
from darkroom.log import silent

OFFLINE, ONLINE = (list(registry.taking(kind, "image")) for kind in ("transform", "batch transform"))


def shown(data, out, offline=(), online=()):
    gallery.run(GallerySpec(offline=list(offline), online=list(online)), data=data, out=out, log=silent)
    return {(entry["kind"], entry["name"]): entry for entry in files.read_json(out / "gallery.json")["techniques"]}


def pixels(path):
    return np.asarray(Image.open(path))


@pytest.mark.parametrize("shape", [(8, 8, 1), (28, 20, 3)])
def test_every_technique_has_its_pictures(tmp_path, make, shape):
    entries = shown(make(tmp_path / "data", shape=shape), tmp_path / "out", OFFLINE, ONLINE)
    assert set(entries) == {*(("offline", name) for name in OFFLINE), *(("online", name) for name in ONLINE)}
    files_named = [picture["file"] for entry in entries.values() for picture in entry["pictures"]]
    found = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert sorted(files_named) == sorted(found)
    for entry in entries.values():
        assert entry["pictures"]
        assert entry["summary"]
        assert entry["amounts"]
        assert entry["family"] in {"geometric", "photometric", "noise and blur", "occlusion", "mixing", "policies"}
        registry.options("transform" if entry["kind"] == "offline" else "batch transform", entry["name"])(
            **entry["options"]
        )


def test_the_same_data_gives_the_same_bytes(tmp_path, data):
    shown(data, tmp_path / "one", OFFLINE, ONLINE)
    shown(data, tmp_path / "two", OFFLINE, ONLINE)
    assert files.read_manifest(tmp_path / "one") == files.read_manifest(tmp_path / "two")


def test_strength_has_columns_where_there_are_amounts(tmp_path, data):
    entries = shown(data, tmp_path / "out", ["rotate", "hflip"], ["affine", "vflip"])
    assert entries["offline", "rotate"]["strengths"] == entries["online", "affine"]["strengths"] == [0.5, 1, 2]
    assert entries["offline", "hflip"]["strengths"] == entries["online", "vflip"]["strengths"] == [1]
    wide, narrow = (pixels(tmp_path / "out" / f"offline-{name}.png") for name in ("rotate", "hflip"))
    assert wide.shape[1] > 2 * narrow.shape[1]  # a mirror image is always the same, and shown once
    assert wide.shape[0] == narrow.shape[0]


def test_mixed_pairs_carry_their_label(tmp_path, make):
    data = make(tmp_path / "data", count=30)
    entries = shown(data, tmp_path / "out", online=["mixup", "cutmix"])
    for entry in entries.values():
        assert 2 <= len(entry["pictures"]) <= 8
        for picture in entry["pictures"]:
            shares = [float(part.split(" ")[0]) for part in picture["caption"].split(" + ")]
            names = {part.split(" ")[1] for part in picture["caption"].split(" + ")}
            assert sum(shares) == pytest.approx(1, abs=0.011)
            assert min(shares) >= 0.1
            assert len(names) == 2
            assert names < {"a", "b", "c"}


def test_one_image_is_enough(tmp_path, make):
    entries = shown(make(tmp_path / "data", count=1), tmp_path / "out", ["rotate"], ["mixup", "elastic"])
    assert [len(entry["pictures"]) for entry in entries.values()] == [1, 1, 1]


def test_classes_are_spread_and_take_turns(tmp_path, make):
    few = gallery._examples(open_store(make(tmp_path / "few", count=24, split=["train"] * 24)))
    assert few.labels.tolist() == [0, 1, 2, 0]
    assert len({image.tobytes() for image in few.images}) == 4


def test_no_training_images_is_an_error_that_leaves_nothing(tmp_path, make):
    data = make(tmp_path / "data", split=["test"] * 12)
    with pytest.raises(ValueError, match=r"made has no training images to show.*data\.split"):
        shown(data, tmp_path / "out", ["rotate"])
    assert not (tmp_path / "out").exists()
