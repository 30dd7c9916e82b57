"""`darkroom init` writes a config that passes the checks and fits what it saw, or one line and no config."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from darkroom import __main__ as command_line
from darkroom.config import load, photographs
from darkroom.config.model import Config
from darkroom.init import choose, sample, symmetry
from darkroom.nets import pretrained

Draw = Callable[[np.random.Generator], np.ndarray]


def upright(rng: np.random.Generator) -> np.ndarray:
    """A bright sky over a dark ground, in color and with noise."""
    sky = np.linspace(220, 60, 40)[:, None, None] * np.array([0.8, 0.9, 1.0])
    return np.clip(sky + rng.normal(0, 30, (40, 40, 3)), 0, 255).astype(np.uint8)


def texture(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (24, 24)).astype(np.uint8)


def folder(root: Path, counts: dict[str, int], draw: Draw = upright) -> Path:
    """Class folders with this number of images each."""
    rng = np.random.default_rng(0)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(draw(rng)).save(root / name / f"{number}.png")
    return root


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    """Runs the command in a folder of its own and returns the config that it wrote."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)

    def run(path: Path, *more: str, name: str = "flowers") -> Config:
        assert command_line.main(["init", str(path), "--name", name, *more]) == 0
        return load.read(Path("config", f"{name}.yaml"))

    return run


@pytest.fixture
def refused(init: Any, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs the command, which must write nothing, and returns the line that it prints."""

    def run(*words: str) -> str:
        before = sorted(Path("config").glob("*")) if Path("config").exists() else []
        assert command_line.main(["init", *words]) == 1
        assert (sorted(Path("config").glob("*")) if Path("config").exists() else []) == before
        error = capsys.readouterr().err
        assert error.startswith("darkroom init: ")
        assert error.count("\n") == 1
        return error

    return run


def options(policy: Any) -> list[str]:
    return [step.name for step in policy.online]


def test_upright_images_are_mirrored_but_never_flipped_upside_down(init: Any, tmp_path: Path) -> None:
    found = init(folder(tmp_path / "set", {"rose": 60, "tulip": 60}))
    assert "hflip" in options(found.augment["standard"])
    assert "vflip" not in options(found.augment["standard"])
    assert found.data.label_preserving == {"vflip": False}
    assert [view.name for view in found.classify.tta] == ["hflip"]


def test_textures_are_flipped_both_ways(init: Any, tmp_path: Path) -> None:
    found = init(folder(tmp_path / "set", {"cork": 150, "felt": 150}, texture))
    assert {"hflip", "vflip"} <= {*options(found.augment["standard"])}
    assert [view.name for view in found.classify.tta] == ["hflip", "vflip"]


@pytest.mark.parametrize("names", [("0", "1", "2"), ("turn left", "turn right")])
def test_digits_and_directions_are_not_flipped(init: Any, tmp_path: Path, names: tuple[str, ...]) -> None:
    found = init(folder(tmp_path / "set", dict.fromkeys(names, 20), texture))
    assert not {"hflip", "vflip"} & {*options(found.augment["standard"])}
    assert found.data.label_preserving["hflip"] is False


def test_small_and_unbalanced_classes_get_larger_test_splits_and_more_draws(init: Any, tmp_path: Path) -> None:
    found = init(folder(tmp_path / "set", {"common": 60, "rare": 6}))
    assert (found.data.split.val, found.data.split.test) == (0.2, 0.2)
    assert found.augment["standard"].imbalance.name == "oversampling"


@pytest.mark.parametrize(
    ("installed", "patience", "models"),
    [
        (True, 30.0, ["probe", "fine_tune"]),
        (True, 0.0, ["probe"]),
        (False, 30.0, ["resnet"]),
    ],
)
def test_photographs_start_from_a_pretrained_network(
    init: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    installed: bool,
    patience: float,
    models: list[str],
) -> None:
    monkeypatch.setattr(pretrained, "installed", lambda: "weights==1" if installed else None)
    monkeypatch.setattr(choose, "PATIENCE", patience)
    found = init(folder(tmp_path / "set", {"rose": 20, "tulip": 20}))
    assert list(found.classify.models) == models
    assert found.data.size is None  # they have 40 pixels, which the network enlarges
    assert ("uv run darkroom ladder config/flowers.yaml" in capsys.readouterr().out) == installed


@pytest.mark.parametrize(("steps", "epochs"), [(400, 60), (20, 20), (1, 15)])
def test_drawings_are_learned_from_scratch_for_more_epochs_where_they_are_few(
    init: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int, epochs: int
) -> None:
    monkeypatch.setattr(choose, "FEWEST_STEPS", steps)
    drawing = np.full((40, 40), 255, np.uint8)
    drawing[10:20, 15:25] = 0
    found = init(folder(tmp_path / "set", {"a": 20, "b": 20}, lambda rng: np.roll(drawing, rng.integers(9), axis=0)))
    assert list(found.classify.models) == ["resnet"]
    assert found.classify.models["resnet"].training.epochs == epochs


@pytest.mark.parametrize(("part", "chosen"), [("validation", {"held_out", "val"}), ("testing", {"val"})])
def test_the_one_part_held_out_is_tested_on_and_only_the_other_is_drawn(
    init: Any, tmp_path: Path, part: str, chosen: set[str]
) -> None:
    for name in ("seg_train", part):
        folder(tmp_path / "set" / name, {"rose": 30, "tulip": 30})
    assert init(tmp_path / "set").data.split.model_fields_set == chosen


def test_a_class_too_small_to_be_split_is_named(init: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    init(folder(tmp_path / "set", {"rose": 30, "tulip": 30, "lily": 1}))
    assert "Too few images to train on and to be in every split: lily (1)." in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("normal", ["good", "intact"])
def test_an_anomaly_set_gets_detectors_for_its_normal_class(
    init: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, normal: str
) -> None:
    monkeypatch.setattr(pretrained, "installed", lambda: "weights==1")
    folder(tmp_path / "set" / "train", {normal: 20}, lambda rng: upright(rng).repeat(4, axis=0).repeat(4, axis=1))
    folder(tmp_path / "set" / "test", {normal: 5, "crack": 5}, lambda rng: upright(rng).repeat(4, axis=0))
    found = init(tmp_path / "set")
    assert found.detect.normal == ((normal,),)
    assert tuple(found.detect.detectors) == photographs.DETECTORS
    assert found.classify is None


def test_a_table_beside_the_images_is_read_with_its_groups(
    init: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folder(tmp_path / "set", {"pictures": 40})
    rows = "".join(f"pictures/{n}.png,{'ab'[n % 2]},camera {n % 4}\n" for n in range(40))
    (root / "labels.csv").write_text(f"path,label,group\n{rows}")
    found = init(root)
    assert found.data.source.name == "manifest"
    assert "groups      4;" in capsys.readouterr().out


def test_a_table_that_names_other_files_leaves_the_class_folders(
    init: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = folder(tmp_path / "set", {"rose": 20, "tulip": 20})
    (root / "labels.csv").write_text("path,label\nx.png,rose\n")
    assert init(root).data.source.name == "folder"
    assert "labels.csv is not used: 0 of the 1 images it names exist" in capsys.readouterr().out


@pytest.mark.parametrize("name", ['d\'été "1" #2', "a: b", "no", "1e3", "a\u2028b\nc\x1b[31m"])
def test_any_folder_name_survives_the_way_into_the_config(init: Any, tmp_path: Path, name: str) -> None:
    root = folder(tmp_path / name, {f"{name} x": 20, "other": 20})
    found = init(root)
    assert found.data.source.path == str(root)


def test_one_class_is_generated(init: Any, tmp_path: Path) -> None:
    found = init(folder(tmp_path / "set", {"rose": 20}))
    assert found.classify is None
    assert list(found.generate.models) == ["vae"]


def test_repeats_and_broken_files_are_reported(init: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = folder(tmp_path / "set", {"rose": 20, "tulip": 20})
    (root / "rose" / "copy.png").write_bytes((root / "rose" / "1.png").read_bytes())
    (root / "rose" / "cut.png").write_bytes((root / "rose" / "2.png").read_bytes()[:400])
    (root / "rose" / "notes.txt").write_text("no image")
    init(root)
    printed = capsys.readouterr().out
    assert "1 exact copy" in printed
    assert "unreadable  1 of these: rose/cut.png" in printed
    assert "rose/notes.txt" in printed


def test_nothing_is_overwritten(init: Any, refused: Any, tmp_path: Path) -> None:
    root = folder(tmp_path / "set", {"rose": 20, "tulip": 20})
    init(root, name="set")
    Path("config", "set.yaml").write_text("name: mine\n")
    assert "config/set.yaml exists" in refused(str(root))
    assert Path("config", "set.yaml").read_text() == "name: mine\n"
    assert "config/set.yaml has the name mine" in refused(str(root), "--name", "mine")


def test_images_without_any_class_folder_are_explored(init: Any, tmp_path: Path) -> None:
    config = init(folder(tmp_path / "flat", {".": 5}))
    assert config.explore is not None
    assert config.classify is None


def test_what_holds_no_images_is_refused_in_one_line(refused: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no files" in refused(str(tmp_path / "empty"))
    (tmp_path / "texts" / "a").mkdir(parents=True)
    (tmp_path / "texts" / "a" / "b.txt").write_text("text")
    assert "none of its 1 files is an image (.txt)" in refused(str(tmp_path / "texts"))
    (tmp_path / "texts" / "a" / "c.txt").write_text("another text")
    assert "2 texts in 1 class; expected two or more" in refused(str(tmp_path / "texts"))
    (tmp_path / "prices.csv").write_text("area,price\n" + "".join(f"{n},x{n}\n" for n in range(30)))
    assert "its columns are area, price; none looks like a class" in refused(str(tmp_path / "prices.csv"))
    assert "there is no file or folder" in refused(str(tmp_path / "nowhere"))
    assert "is a URL" in refused("https://example.org/set.zip")
    assert "expected letters" in refused(str(tmp_path), "--name", "a/b")


def test_a_sample_is_bounded_and_spread_over_all_images() -> None:
    rows = sample._rows(100_000)
    assert len(set(rows)) == sample.IMAGES
    assert np.histogram(rows, 10, (0, 100_000))[0].tolist() == [sample.IMAGES / 10] * 10
    assert sorted(sample._rows(7)) == [*range(7)]


def test_a_direction_is_found_and_chance_is_not() -> None:
    rng = np.random.default_rng(0)
    images = np.stack([upright(rng)[:32, :32] for _ in range(200)])
    assert symmetry.is_directed(symmetry.mirror_accuracy(images, axis=1)) is True
    assert symmetry.is_directed(symmetry.mirror_accuracy(images, axis=2)) is not True
    few = symmetry.mirror_accuracy(images[:12, ..., :1], axis=2)
    assert symmetry.is_directed(few) is None
