"""Every registered plug-in is what its source says, and its options are checked without importing it."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import typing
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo

from darkroom import registry
from darkroom.registry import Plugin
from darkroom.settings import Section

ALL = [(kind, name) for kind in registry.kinds() for name in registry.entries(kind)]
EVERY = pytest.mark.parametrize(("kind", "name"), ALL, ids=[f"{kind}-{name}" for kind, name in ALL])


class Holder(Section):
    """Fields that take plug-ins in each way."""

    network: Annotated[Section, Plugin("network")]
    optimizer: Annotated[Section, Plugin("optimizer", default="adamw")] = None  # type: ignore[assignment]


def constructor(kind: str, name: str) -> Any:
    plugged = registry.load(kind, name)
    return plugged.__init__ if inspect.isclass(plugged) else plugged


def test_every_kind_that_is_used_has_plug_ins() -> None:
    marks = re.compile(r'\bPlugin\(\s*"([\w -]+)"')
    used = {kind for path in registry.ROOT.rglob("*.py") for kind in marks.findall(path.read_text(encoding="utf-8"))}
    assert {"network", "detector", "view"} <= used <= registry.kinds().keys()


@EVERY
def test_the_options_read_are_those_of_the_real_signature(kind: str, name: str) -> None:
    signature = inspect.signature(constructor(kind, name))
    real = {k: p.default for k, p in signature.parameters.items() if p.kind is p.KEYWORD_ONLY}
    fields = {k: f for k, f in registry.options(kind, name).model_fields.items() if k != "name"}
    assert list(fields) == list(real)
    for key, field in fields.items():
        assert (field.is_required() and real[key] is inspect.Parameter.empty) or field.default == real[key]


@EVERY
def test_types_mean_the_same_in_the_plug_ins_own_module(kind: str, name: str) -> None:
    hints = typing.get_type_hints(constructor(kind, name), include_extras=True)
    own: dict[str, Any] = {}
    read: dict[str, Any] = {}
    for key, field in registry.options(kind, name).model_fields.items():
        real = FieldInfo.from_annotation(hints[key]) if key != "name" else field
        if (real.annotation, real.metadata) != (field.annotation, field.metadata):  # equal types need no schema
            own[key], read[key] = (hints[key], ...), (Annotated[field.annotation, field], ...)

    def schema(fields: dict[str, Any]) -> Any:
        made = create_model("Options", __base__=Section, **fields).model_json_schema()["properties"] if fields else {}
        return {key: {k: v for k, v in value.items() if k != "default"} for key, value in made.items()}

    assert schema(read) == schema(own)


@EVERY
def test_defaults_are_valid_and_survive_json(kind: str, name: str) -> None:
    model = registry.options(kind, name)
    if any(field.is_required() for field in model.model_fields.values()):
        pytest.skip("has a required key")
    options = model.model_validate(model().model_dump())
    assert model.model_validate_json(options.model_dump_json()) == options


@EVERY
def test_names_and_options_are_described(kind: str, name: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    entry = registry.entry(kind, name)
    assert len(entry.summary) > 10, "the first docstring line is what the reference says"
    bare = [key for key, f in registry.options(kind, name).model_fields.items() if key != "name" and not f.description]
    assert not bare, f"options without Field(description=...): {bare}"


@EVERY
def test_a_plug_in_is_marked_as_it_is_registered(kind: str, name: str) -> None:
    assert registry.load(kind, name).plugin == (kind, name)


def test_every_registration_is_found_and_no_name_is_given_twice_in_a_kind() -> None:
    marks = re.compile(r'^@register\("([\w -]+)", "(\w+)"\)', re.MULTILINE)
    found = [m for p in registry.ROOT.rglob("*.py") for m in marks.findall(p.read_text(encoding="utf-8"))]
    assert sorted(found) == sorted(ALL)


def test_checking_options_imports_no_plug_in() -> None:
    program = (
        "import sys; from darkroom import registry; from darkroom.config import load, reference\n"
        "for kind in registry.kinds():\n"
        "    for name in registry.entries(kind): registry.options(kind, name)\n"
        "heavy = {'torch', 'torchvision', 'albumentations', 'pytorch_lightning', 'mlflow', 'sklearn', 'pandas', 'cv2'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    source = str(Path(registry.ROOT).parent)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=source)
    assert ran.stdout.strip() == "[]"


def test_short_and_long_forms_are_the_same() -> None:
    short = Holder.model_validate({"network": "mlp"})
    assert short == Holder.model_validate({"network": {"name": "mlp"}})
    assert short == Holder.model_validate({"network": registry.options("network", "mlp")()})
    assert short.network.plugin == ("network", "mlp")  # type: ignore[attr-defined]


def test_a_default_plug_in_takes_options_without_a_name() -> None:
    made = Holder.model_validate({"network": "mlp", "optimizer": {"lr": 0.5}}).optimizer
    assert made.model_dump()["name"] == "adamw"
    assert made.model_dump()["lr"] == 0.5


def test_dumping_keeps_the_options() -> None:
    holder = Holder.model_validate({"network": {"name": "mlp", "hidden": [3]}, "optimizer": "sgd"})
    dumped = holder.model_dump()
    assert dumped["network"]["hidden"] == [3]
    assert Holder.model_validate_json(holder.model_dump_json()) == holder


@pytest.mark.parametrize("value", ["mlpp", {"name": "mlpp"}, {}, {"name": 3}, None, 3, [], ["mlp"], {"nam": "mlp"}])
def test_what_names_no_plug_in_is_reported_the_names_there_are(value: Any) -> None:
    with pytest.raises(ValidationError, match=r"There are: .*mlp"):
        Holder.model_validate({"network": value})


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(ValueError, match=r'no network "ResNett"\. Did you mean "resnet"'):
        registry.entry("network", "ResNett")


def test_errors_in_options_carry_the_keys_alone() -> None:
    with pytest.raises(ValidationError) as caught:
        Holder.model_validate({"network": {"name": "mlp", "hidden": [0], "x": 1}})
    assert sorted(problem["loc"] for problem in caught.value.errors()) == [("network", "hidden", 0), ("network", "x")]


def test_the_plug_ins_used_are_those_named() -> None:
    holder = Holder.model_validate({"network": "mlp", "optimizer": {}})
    used = {plugin.definition for plugin in registry.used(holder)}
    assert used == {"darkroom.nets.mlp.MLP", "darkroom.fit.optimizers.adamw"}
    assert [plugin.module for plugin in registry.used({"a": [holder.network]})] == ["darkroom.nets.mlp"]


def test_a_kind_without_plug_ins_is_an_error_and_offers_the_nearest() -> None:
    class Wrong(Section):
        network: Annotated[Section, Plugin("netwrok")]

    with pytest.raises(ValidationError, match=r'registered as a "netwrok"\. Did you mean "network"'):
        Wrong.model_validate({"network": "mlp"})


def test_a_new_kind_is_used_by_being_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "losses.py").write_text(
        'from darkroom.registry import register\n\n@register("loss", "focal")\n'
        'def focal(*, gamma: float = 2.0):\n    """Focal."""\n'
    )
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    for name in ("kinds", "entries", "options"):
        monkeypatch.setattr(registry, name, getattr(registry, name).__wrapped__)
    assert list(registry.entries("loss")) == ["focal"]
    assert registry.options("loss", "focal")().model_dump() == {"name": "focal", "gamma": 2.0}


@EVERY
def test_the_constants_read_are_those_of_the_real_class(kind: str, name: str) -> None:
    plugged = registry.load(kind, name)
    for constant, value in registry.entry(kind, name).constants.items():
        assert getattr(plugged, constant) == value


def test_a_loss_says_what_it_fits() -> None:
    constants = registry.entry("loss", "cross_entropy").constants
    assert constants == {"TARGETS": ("class",), "SOFT": True, "LINK": "softmax"}
    assert registry.entry("network", "resnet").training["optimizer"] == {"lr": 0.01}
    assert registry.entry("optimizer", "sgd").constants == {}
