"""The page: a pure function of what the experiments found, which says what agrees, what does not, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkroom.log import silent
from darkroom.measure.intervals import Number
from darkroom.reproduce import page, results
from darkroom.reproduce.config import Chapter, PageSpec, Shown, Value


def value(key: str, published: str, **more: str) -> Value:
    return Value(key=key, published=published, source="A paper", url="https://example.org/paper", **more)


def experiment(name: str, *values: Value, absent: bool = False) -> Shown:
    return Shown(
        name=name,
        title=name.title(),
        folder=f"classify/{name}",
        path="data/x",
        get="curl x",
        absent=absent,
        values=[*values],
    )


def built(folder: Path, *experiments: Shown) -> str:
    spec = PageSpec(chapters=[Chapter(title="Part", about="About it.", experiments=[*experiments])])
    page.run(spec, experiments=folder, out=folder / "page", log=silent)
    return (folder / "page" / page.PAGE).read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What two experiments found: three runs of one, a single run of the other."""
    found = {"cnn": [0.90, 0.91, 0.92], "old cnn": [0.95, 0.95, 0.96]}
    results.write(found, tmp_path / "classify" / "first", tested=100, kind="accuracy", log=silent)
    results.write({"mlp": [0.8]}, tmp_path / "classify" / "second", tested=100, kind="accuracy", log=silent)
    return tmp_path


def test_what_lies_inside_and_outside(folder: Path) -> None:
    first = experiment("first", value("cnn", "0.955", formula="old cnn"))
    text = built(folder, first, experiment("second", value("mlp", "0.85")))
    assert "| First | cnn | .955 \\[1\\] | .910 [.885, .935] | -.045 | 3 × 100 | outside | .953 [.939, .968] |" in text
    assert "| Second | mlp | .85 \\[1\\] | .80 [.71, .87] | -.05 | 1 × 100 | inside |" in text
    assert (
        "2 published results: 1 lie in our interval, 1 outside. 0 of our means differ from them by at most .01." in text
    )
    assert (
        "For 1 of those outside, the formula in the source's code, which is not ours, gives the published value."
        in text
    )
    assert "- \\[1\\] [A paper](https://example.org/paper)" in text


def test_the_same_results_give_the_same_page(folder: Path) -> None:
    shown = experiment("first", value("cnn", "0.955")), experiment("second", value("mlp", "0.85"))
    assert built(folder, *shown) == built(folder, *shown)


def test_what_has_not_run_is_listed_with_its_command(folder: Path) -> None:
    missing = experiment("third", value("cnn", "0.9"), absent=True)
    text = built(folder, experiment("second", value("mlp", "0.85")), missing, experiment("fourth", value("a", "0.1")))
    assert "| Third | cnn | .9 \\[1\\] |  |  |  | not run |" in text
    assert "- Not run: Third: data/x is missing; get the data, then `uv run snakemake reproduce_third`" in text
    assert "- Not run: Fourth: `uv run snakemake reproduce_fourth`" in text
    assert text.count("curl x") == 1
    assert "2 have not run" in text


def test_a_result_that_was_added_since_the_experiment_ran_has_not_run(folder: Path) -> None:
    text = built(folder, experiment("second", value("mlp", "0.85"), value("cnn", "0.9")))
    assert "| Second | cnn | .9 \\[1\\] |  |  |  | not run |" in text
    assert "- Not run: Second: `uv run snakemake reproduce_second`" in text


def test_a_note_about_all_results_of_a_key_is_said_once(folder: Path) -> None:
    shown = [experiment(name, value("mlp", "0.85", differs="Wider.")) for name in ("second", "third")]
    assert built(folder, *shown).count("- mlp: Wider.") == 1


def test_a_published_value_counts_up_to_its_rounding() -> None:
    ours = Number(0.9, 0.89, 0.9146)
    assert page.agrees(ours, value("a", "0.915"))
    assert not page.agrees(ours, value("a", "0.9152"))
    assert page.agrees(Number(0.91511), value("a", "0.9151"))
    assert not page.agrees(Number(0.91516), value("a", "0.9151"))


def test_intervals_of_runs_that_agree_are_over_the_test_items(tmp_path: Path) -> None:
    results.write({"a": [0.9, 0.9]}, tmp_path / "a", tested=50, kind="accuracy", log=silent)
    results.write({"a": [0.9, 0.9]}, tmp_path / "b", tested=50, kind="auroc", log=silent)
    results.write({"a": [0.99, 1.0]}, tmp_path / "c", tested=50, kind="auroc", log=silent)
    (accuracy, tested), (auroc, _), (cut, _) = (results.read(tmp_path / name) for name in "abc")
    assert tested == 50
    assert accuracy["a"].low == pytest.approx(0.786, abs=1e-3)
    assert auroc["a"].low is None
    assert cut["a"].high == 1.0


def test_numbers_have_no_negative_zero() -> None:
    assert page.number(-0.00001, 4, signed=True) == "+.0000"
    assert page.number(-0.05, 3, signed=True) == "-.050"
    assert page.number(1.0, 3) == "1.000"
