"""What changes a job's code hash, and what does not."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.job.conftest import forget

from darkroom.job import provenance, reach, syntax


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stage.py", "# inside a function", "# another comment"),
        ("stage.py", '"""Run."""', '"""Run it.\n\n    At length.\n    """'),
        ("stage.py", '"""A stage."""', '"""Another text."""'),
        ("deep/leaf.py", "np.floor(x / 2)", "np.floor(\n        x/2,\n    )"),
        ("deep/leaf.py", "def half", "\n\n\ndef half"),
        ("late.py", "return x + 1", "return (x + 1)"),
        ("typed.py", "class Thing: ...", "class Thing:\n    a: int = 1"),
        ("other.py", "return 1", "return 2"),
        # what is beside the definitions that are used
        ("stage.py", "return LIMIT", "return LIMIT + 1"),
        ("stage.py", "LIMIT = 3", "LIMIT = 4"),
        ("deep/leaf.py", "torch.mul(x, 2)", "torch.mul(x, 3)"),
        ("late.py", "def grow", "def added():\n    return 1\n\ndef grow"),
        ("late.py", "def grow", "import darkroom.other\n\ndef grow"),
        ("middle.py", "def half", "if __name__ == '__main__':\n    print(1)\n\ndef half"),
        # the wording of errors
        ("ground.py", "a negative number", "too small a number"),
        ("ground.py", "hint = words(x)", "hint = str(x)"),
        ("ground.py", "what was wrong", "what went wrong"),
        ("ground.py", 'PREFIX = "at"', 'PREFIX = "in"'),
        ("ground.py", "is nothing", "is zero"),
        ("ground.py", "Refused(reason) from error", 'Refused(f"{reason}!")'),
    ],
)
def test_what_changes_no_result_changes_no_hash(code, edit, name: str, old: str, new: str) -> None:
    before = code()
    edit(name, old, new)
    assert code() == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stage.py", "grow(half(x))", "half(grow(x))"),
        ("middle.py", "leaf.half(x)", "leaf.half(x + 1)"),
        ("middle.py", "leaf.half(x)", "leaf.double(x)"),
        ("late.py", "x + 1", "x + 2"),
        ("deep/leaf.py", "x / 2", "x / 3"),
        ("deep/leaf.py", "x / 2", "x // 2"),
        ("deep/leaf.py", "import numpy as np", "import torch as np"),
        ("__init__.py", "", "import os\nos.environ['A'] = 'b'\n"),
        ("deep/__init__.py", "", "if 1:\n    SCALE = 2\n"),
        ("deep/leaf.py", "def half", "np.seterr('raise')\n\ndef half"),
        ("ground.py", "if x < 0", "if x <= 0"),
        ("ground.py", "raise ValueError", "raise TypeError"),
        ("ground.py", "class Refused(ValueError)", "class Refused(OSError)"),
        ("ground.py", "return x", "return -x"),
        ("ground.py", "complain(f", "print(f"),
    ],
)
def test_a_real_change_in_anything_used_changes_the_hash(code, edit, name: str, old: str, new: str) -> None:
    before = code()
    edit(name, old, new)
    assert code() != before


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("def run():\n    return f(1)\ndef f(x): ...", {"run", "f"}),
        ("def run(x=f): ...\ndef f(): ...", {"run", "f"}),
        ("def run(x: f): ...\nclass f: ...", {"run", "f"}),
        ("def run(x: 'list[f]'): ...\nclass f: ...", {"run", "f"}),
        ("def run() -> f: ...\nclass f: ...", {"run", "f"}),
        ("@f\ndef run(): ...\ndef f(x): ...", {"run", "f"}),
        ("def run():\n    return lambda x=f: x\ndef f(): ...", {"run", "f"}),
        ("def run():\n    def g():\n        return f()\n    return g\ndef f(): ...", {"run", "f"}),
        (
            "class A(B):\n    def m(self): return f()\nclass B: ...\ndef f(): ...\ndef run(): return A.m",
            {*"ABf", "run"},
        ),
        ("class A:\n    x: B = 1\nclass B: ...\ndef run(): return A", {"A", "B", "run"}),
        ("def run():\n    return [f for f in f()]\ndef f(): ...", {"run", "f"}),
        ("def run():\n    global f\n    f = 1\n    return f\nf = 2", {"run", "f"}),
        ("def run():\n    [f for f in (1,)]\n    return f\ndef f(): ...", {"run", "f"}),
        ("T = {}\nT['a'] = f\ndef f(): ...\ndef run(): ...", {"run", "T", "f", ""}),
        ("a, b = f(), 1\ndef f(): ...\ndef run(): return b", {"run", "a", "b", "f"}),
        # names that only look like the module's
        ("def run(f):\n    return f(1)\ndef f(x): ...", {"run"}),
        ("def run():\n    f = 1\n    return f\ndef f(x): ...", {"run"}),
        ("def run():\n    return [f for f in (1,)]\ndef f(x): ...", {"run"}),
        ("def run():\n    with open('a') as f:\n        return f\ndef f(x): ...", {"run"}),
        ("def run(x):\n    match x:\n        case [f]: return f\ndef f(x): ...", {"run"}),
        ("def run(x):\n    return x.f\ndef f(x): ...", {"run"}),
    ],
)
def test_what_a_definition_uses(package: Path, text: str, reached: set[str]) -> None:
    (package / "late.py").write_text(text)
    assert reach.reach(frozenset({"darkroom.late.run"})).definitions["darkroom.late"] == reached


@pytest.mark.parametrize(
    ("text", "reached"),
    [
        ("from darkroom import other\ndef run(): return other.other()", {"other"}),
        ("import darkroom.other\ndef run(): return darkroom.other.other()", {"other"}),
        ("from darkroom.other import other as o\ndef run(): return o()", {"other"}),
        ("from darkroom import other\ndef run(): return getattr(other, 'other')", {"other", "more"}),
        ("def run():\n    from darkroom import other as o\n    return vars(o)", {"other", "more"}),
        ("from darkroom.again import other\ndef run(): return other()", {"other"}),
        ("from darkroom import other\ndef run(other): return other.more()", set()),
    ],
)
def test_which_parts_of_another_module_are_used(package: Path, text: str, reached: set[str]) -> None:
    (package / "late.py").write_text(text)
    (package / "other.py").write_text("def other(): ...\ndef more(): ...\n")
    (package / "again.py").write_text("from darkroom.other import other\n")
    assert reach.reach(frozenset({"darkroom.late.run"})).definitions.get("darkroom.other", set()) == reached


def test_an_option_counts_for_jobs_that_name_its_plug_in(code, edit) -> None:
    small, large, none = code("Small"), code("Large"), code()
    edit("plugins.py", "width: Count = 2", "width: Count = 2, depth: Count = 1")
    assert code("Small") != small
    assert (code("Large"), code()) == (large, none)


def test_a_type_of_options_counts_where_it_is_used(code, edit) -> None:
    small, large = code("Small"), code("Large")
    edit("options.py", "Share = float", "Share = str")
    assert code("Small") == small
    assert code("Large") != large
    edit("plugins.py", "return x", "return -x")  # of the base class
    assert code("Small") != small


def test_a_description_of_an_option_is_no_code(code, package: Path, edit) -> None:
    (package / "late.py").write_text("def grow(x: Annotated[int, Field(ge=1, description='how far')] = 1): return x\n")
    before = code()
    edit("late.py", "how far", "how far it goes")
    assert code() == before
    edit("late.py", "ge=1", "ge=2")
    assert code() != before


def test_an_assignment_before_an_error_counts_if_something_else_reads_it(code, package: Path, edit) -> None:
    text = "def grow(x):\n    try:\n        y = x + 1\n        raise ValueError(y)\n    finally:\n        print(y)\n"
    (package / "late.py").write_text(text)
    before = code()
    edit("late.py", "x + 1", "x + 2")
    assert code() != before


def test_a_root_must_exist(package: Path) -> None:
    for root in ("darkroom.stage.walk", "darkroom.stagger.run"):
        with pytest.raises(LookupError, match=root):
            provenance.code([root])


def test_libraries_are_those_used_and_no_standard_ones(package: Path) -> None:
    assert set(provenance.libraries(["darkroom.stage.run"])) == {"numpy"}
    assert set(provenance.libraries(["darkroom.deep.leaf"])) == {"numpy", "torch"}
    assert provenance.libraries(["darkroom.other.other"]) == {}


def test_a_library_of_unknown_version_is_an_error(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "homemade.py").write_text("def f(): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    (package / "late.py").write_text(
        "import homemade, gone_extra\ndef grow(x): return homemade.f()\ndef g(): gone_extra.x"
    )
    with pytest.raises(LookupError, match=r"homemade .*no installed distribution"):
        provenance.libraries(["darkroom.late.grow"])
    assert provenance.libraries(["darkroom.late.g"]) == {"gone_extra": "absent"}
    assert provenance.version("PIL")[0].isdigit()


def test_templates_beside_a_module_belong_to_it(code, package: Path) -> None:
    before = code()
    (package / "deep" / "page.html").write_text("<p>")
    with_page = code()
    assert with_page != before
    (package / "deep" / "page.html").write_text("<div>")
    assert code() != with_page


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("stage.py", "grow(half(x))", "half(grow(x))", {"run"}),
        (
            "late.py",
            "def grow(x):\n",
            "class Slow:\n    def m(self): ...\n\ndef grow(x):\n    Slow\n",
            {"Slow", "Slow.m", "grow"},
        ),
        ("deep/leaf.py", "def half", "np.seterr('raise')\n\ndef half", {""}),
        ("deep/leaf.py", "np.floor(x / 2)", "np.floor(\n        x/2,\n    )", set()),
        ("middle.py", "def half", "def other(x):\n    return 1\n\n@other\ndef half", {"other", "half"}),
    ],
)
def test_definitions_tell_which_function_changed(
    package: Path, edit, name: str, old: str, new: str, changed: set[str]
) -> None:
    before = provenance.definitions(["darkroom.stage.run"])
    edit(name, old, new)
    forget()
    after = provenance.definitions(["darkroom.stage.run"])
    assert {file for file in after if after[file] != before.get(file)} == ({name} if changed else set())
    assert {n for n in after[name] if after[name][n] != before[name].get(n)} == changed


def test_what_was_read_out_of_the_code_is_kept_and_changes_nothing(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = ["darkroom.stage.run"]
    before = provenance.record({}, root)
    assert not reach._known()["changed"]
    monkeypatch.setattr(reach, "YOUNG", 0)
    forget()
    provenance.code(root)
    with monkeypatch.context() as patched:
        patched.setattr(syntax.ast, "parse", lambda *_: pytest.fail("read again"))
        forget()
        assert provenance.record({}, root) == before
    reach._cache_file().write_text("{")
    forget()
    assert provenance.record({}, root) == before


def test_every_library_that_the_project_imports_has_a_version() -> None:
    root = Path(reach.ROOT)
    names = [".".join(("darkroom", *p.relative_to(root).with_suffix("").parts)) for p in root.rglob("*.py")]
    versions = provenance.libraries(name.removesuffix(".__init__") for name in names)
    assert {"torch", "numpy", "yaml", "PIL", "cv2", "sklearn"} <= set(versions)
    assert all(version[0].isdigit() for version in versions.values())


def test_all_imports_of_darkroom_are_absolute() -> None:
    """The search follows absolute imports only."""
    relative = [
        f"{path.name}:{node.lineno}"
        for path in Path(reach.ROOT).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not relative


def test_a_plug_in_is_loaded_by_the_names_of_a_spec_alone() -> None:
    """The search knows the plug-ins that a spec names; a stage that loads another one by its name would escape it."""
    literal = [
        f"{path.name}:{node.lineno}"
        for path in Path(reach.ROOT).rglob("*.py")
        if path.name != "export.py"  # a command, which makes no result of a job
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"registry.load", "registry.options", "registry.entry"}
        and all(isinstance(argument, ast.Constant) for argument in node.args)
    ]
    assert not literal
