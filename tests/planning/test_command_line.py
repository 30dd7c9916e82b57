"""A missing file after `--configfile` is named in one line, before Snakemake shows a traceback."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yte

PROFILES = Path(__file__).parents[2] / "profiles"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a config and a folder of results."""
    (tmp_path / "flowers.yaml").write_text("name: flowers\n")
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("profile", ["default", "slurm"])
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--configfile", "nope.yaml", "-n"], "there is no file or folder nope.yaml"),
        (["-n", "--configfile=flowrs.yaml"], 'Did you mean "flowers.yaml"'),
        (["--configfile", "flowers.yaml", "results/a/model"], "put -- before it: --configfile FILE -- results/a/model"),
        (["--configfile", "flowers.yaml", "results"], "results is no config file"),
        (["--configfile", "flowers.yaml", "--", "results/a/model"], None),
        (["results/a/model", "-n"], None),
    ],
)
def test_a_word_that_is_no_config_file_is_one_line(
    here: Path, monkeypatch: pytest.MonkeyPatch, profile: str, words: list[str], line: str | None
) -> None:
    monkeypatch.setattr(sys, "argv", ["snakemake", *words])
    text = (PROFILES / profile / "config.yaml").read_text(encoding="utf-8")
    if line is None:
        assert yte.process_yaml(text, require_use_yte=True)["rerun-incomplete"]
        return
    with pytest.raises(SystemExit) as refused:
        yte.process_yaml(text, require_use_yte=True)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
