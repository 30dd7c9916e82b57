"""Every study: its settings, and what its page asks for."""

from __future__ import annotations

import ast
import importlib
import re
from typing import Any

import pytest
import yaml
from jinja2 import meta, nodes

from darkroom import registry
from darkroom.job import provenance
from darkroom.study import contents, jobs, run
from darkroom.study.booklet.markdown import html
from darkroom.study.booklet.page import templates
from darkroom.study.config import RunSpec

SECTIONS = ("The idea", "The experiment", "What came out", "Try this", "Sources")
PARTS = {"figure", "table", "chart"}
STUDIES = sorted(registry.entries("study"))


def parsed(name: str) -> nodes.Template:
    text = contents.page(name).read_text(encoding="utf-8")
    templates().from_string(text)  # knows its filters
    found: nodes.Template = templates().parse(text)
    return found


def attributes(tree: nodes.Template, variable: str) -> set[str]:
    of = (node for node in tree.find_all((nodes.Getattr, nodes.Getitem)) if isinstance(node.node, nodes.Name))
    named = (node for node in of if node.node.name == variable)  # type: ignore[attr-defined]
    return {str(node.attr if isinstance(node, nodes.Getattr) else node.arg.value) for node in named}  # type: ignore[attr-defined]


def test_the_booklet_has_every_study_and_no_other() -> None:
    assert sorted(contents.studies()) == STUDIES


@pytest.mark.parametrize("name", STUDIES)
def test_the_settings_are_the_defaults_of_the_experiment(name: str) -> None:
    path, model = contents.folder(name) / "config.yaml", registry.options("study", name)
    written = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    defaults: dict[str, Any] = model.model_validate({"name": name}).model_dump(mode="json", exclude={"name"})
    assert jobs.chosen(name).model_dump(mode="json", exclude={"name"}) == defaults
    assert list(written) == list(defaults), "config.yaml lists all settings, in the order of the signature"
    for key, field in model.model_fields.items():
        assert key == "name" or field.description, f"{key} has no description"
    text = path.read_text(encoding="utf-8")
    assert all(re.search(rf"^{key}:.*#|^#.*\n{key}:", text, re.MULTILINE) for key in written), "each with a comment"


@pytest.mark.parametrize("name", STUDIES)
def test_plug_ins_are_imported_not_named(name: str) -> None:
    """A study is stale when the code changes that it imports and uses; a name in a string is no such use."""
    for path in contents.folder(name).glob("*.py"):
        dicts = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Dict))
        keys = {key.value for node in dicts for key in node.keys if isinstance(key, ast.Constant)}
        assert "name" not in keys, f"{path.name}: use registry.chosen with the imported plug-in"


@pytest.mark.parametrize(
    ("name", "file", "definition"),
    [
        ("anomalies", "detect/methods/pca.py", "PCA"),
        ("augmentation", "augment/batch/tones.py", "equalize"),
        ("families", "generate/gan/model.py", "GAN"),
        ("initialization", "nets/init.py", "he_normal"),
        ("remedies", "nets/mlp.py", "MLP"),
        ("remedies", "fit/optimizers.py", "adam"),
        ("dropout", "fit/schedules.py", "one_cycle"),  # the default
        ("supervision", "classify/semi/fixmatch.py", "FixMatch"),  # in its config.yaml
    ],
)
def test_a_study_depends_on_the_plug_ins_that_it_uses(name: str, file: str, definition: str) -> None:
    spec = RunSpec(study=jobs.chosen(name))
    assert definition in provenance.definitions(provenance.roots("darkroom.study.run", spec))[file]


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_asks_for_what_there_is(name: str) -> None:
    tree = parsed(name)
    assert meta.find_undeclared_variables(tree) <= {"n", "c", "k", *PARTS}
    assert attributes(tree, "c") <= set(registry.options("study", name).model_fields)
    source = (contents.folder(name) / "experiment.py").read_text(encoding="utf-8")
    words = {node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)}
    assert attributes(tree, "n") <= words, "a number that the experiment does not name"
    calls = [c for c in tree.find_all(nodes.Call) if isinstance(c.node, nodes.Name) and c.node.name in PARTS]
    asked = {str(call.args[0].value) for call in calls if isinstance(call.args[0], nodes.Const)}
    assert asked <= words, "a figure or table that the experiment does not name"


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_types_no_number_that_a_run_has(name: str) -> None:
    text = contents.page(name).read_text(encoding="utf-8")
    text = text[text.index("## The experiment") : text.index("## Try this")]
    plain = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\$\$?[^$]*\$\$?", "", text, flags=re.DOTALL)
    typed = re.findall(r"\d{1,3}(?:,\d{3})+|\d{3,}|\d+\.\d+", re.sub(r"\d+°|\b(?:19|20)\d\d\b|32-bit", "", plain))
    assert typed == []


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_names_constants_of_its_modules(name: str) -> None:
    importlib.import_module(f"darkroom.study.{name}.experiment")
    known = run.constants(name)
    page = contents.page(name).read_text(encoding="utf-8")
    for asked in re.findall(r"\{\{[^{}]*\bk\.[^{}]*\}\}", page):
        assert re.fullmatch(r"[\d,.]+", templates().from_string(asked).render(k=known)), asked


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_has_its_sections_and_its_formulas_are_valid(name: str) -> None:
    text = contents.page(name).read_text(encoding="utf-8")
    assert re.findall(r"^# (.+)", text, re.MULTILINE)
    headings = re.findall(r"^## (.+)", text, re.MULTILINE)
    assert [heading for heading in SECTIONS if heading not in headings] == []
    assert re.findall(r"^(?!\{%).*%\}\n(?=\S)", text, re.MULTILINE) == [], "Jinja drops the line break after a block"
    body = html(re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "1", text, flags=re.DOTALL))
    assert "$$" not in body
