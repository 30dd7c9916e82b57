"""The command line says what there is, with a line for each command, option and key."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from darkroom import __main__ as command_line
from darkroom.config import usage
from darkroom.job.commands import COMMANDS
from darkroom.planning.sections import stages

MODULES = {**{name: stage.module for name, stage in stages().items()}, **COMMANDS}


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    with contextlib.suppress(SystemExit):
        assert command_line.main([*words]) == code
    captured = capsys.readouterr()
    return captured.err if code else captured.out


def test_help_has_a_line_for_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "--help")
    for name in MODULES:
        assert re.search(rf"^  {name} +[A-Z`]\S* .{{10,}}$", told, re.MULTILINE), name


def test_help_of_a_section_has_its_own_commands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "classify", "--help")
    assert "  classify train " in told
    assert "detect fit" not in told


@pytest.mark.parametrize("name", MODULES)
def test_help_of_a_command_has_a_line_for_every_option_and_key(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run = inspect.signature(importlib.import_module(MODULES[name]).run)
    told = said(capsys, *name.split(), "--help")
    for option in run.parameters.keys() - {"spec", "log", usage.REST}:
        shown = f"--{option} \\S+" if run.parameters[option].kind is inspect.Parameter.KEYWORD_ONLY else option.upper()
        assert re.search(rf"^  {shown} +\w.{{10,}}$", told, re.MULTILINE), option
    assert ("keys of the spec:" in told) == ("spec" in run.parameters)
    keys = told.partition("keys of the spec:\n")[2].splitlines()
    assert [key for key in keys if not re.search(r"(required|default:? .+?)\. [A-Z`].{6,}$", key)] == []


def test_keys_are_reported_with_type_default_and_description(capsys: pytest.CaptureFixture[str]) -> None:
    told = said(capsys, "classify", "evaluate", "--help")
    assert re.search(r"^  resamples +whole number ≥ 1, required\. .{10,}$", told, re.MULTILINE)
    told += said(capsys, "classify", "train", "--help")
    assert re.search(r"^  loss .*, default .*cross_entropy", told, re.MULTILINE)
    assert re.search(r"^  network +network \(.*\), required", told, re.MULTILINE)


def test_an_earlier_name_of_an_option_still_works() -> None:
    for words in (["--images", "new"], ["--images=new"]):
        assert usage.options("classify predict", ["--model", "m", *words])["samples"] == Path("new")


def test_words_of_a_command_that_passes_them_on_keep_their_order() -> None:
    words = ["results/x", "--configfile", "config/x.yaml", "-n"]
    assert usage.options("why", words) == {"snakemake": words}
    assert usage.options("ladder", words) == {"config": Path(words[0]), "snakemake": words[1:]}


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--version") == f"darkroom {metadata.version('darkroom')}\n"


def test_a_mistyped_command_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "clasify", "train", code=2).startswith(
        'no stage "clasify train". Did you mean "classify train"?'
    )
    assert said(capsys, code=2) == f"{usage.overview(MODULES)}\n"


def test_help_and_wrong_options_import_no_torch() -> None:
    tried = [["suggest", "labels", "--help"], ["classify", "predict", "--mdel", "x"]]
    code = f"import contextlib, sys; from darkroom.__main__ import main\nfor words in {tried}:\n"
    code += " with contextlib.suppress(SystemExit): main(words)\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode == 0
