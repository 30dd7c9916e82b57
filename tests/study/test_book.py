"""From findings to pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from scipy import stats

from darkroom import figures, files
from darkroom.log import silent
from darkroom.measure.intervals import Difference, Number
from darkroom.study import book, contents, findings, run
from darkroom.study.booklet import markdown, words
from darkroom.study.booklet.page import rendered
from darkroom.study.config import BookSpec, RunSpec
from darkroom.study.findings import Figure, Findings, Table, gain, mean

ROWS = {"plain": [Number(0.9, 0.8, 0.95), None], "dropout": [0.91, Difference(0.01, -0.02, 0.04)]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a study found."""
    drawn, axes = figures.figure(3, 2)
    axes.plot([0, 1], [0, 1])
    found = Findings(
        numbers={"gain": Difference(0.012, 0.004, 0.02, 5), "count": 3, "nested": {"loss": Number(0.5)}},
        figures={"line": Figure(drawn, alt="a line <b>")},
        tables={"runs": Table("Network", {"Accuracy": "percent", "Change": "percent"}, ROWS)},
    )
    findings.write(found, {"rate": 0.5}, tmp_path)
    files.write_manifest(tmp_path)
    return tmp_path


def page(text: str, folder: Path) -> str:
    return str(rendered("x", f"# Title\n\n{text}", findings.read(folder), folder).body)


def test_findings_come_back_as_they_were(folder: Path) -> None:
    found = findings.read(folder)
    assert found["numbers"]["gain"] == Difference(0.012, 0.004, 0.02, 5)
    assert found["numbers"]["nested"]["loss"] == Number(0.5)
    assert [title for title, _ in found["tables"]["runs"]["rows"]] == ["plain", "dropout"]
    assert dict(findings.metrics(found["numbers"])) == {
        "study/gain": 0.012,
        "study/count": 3.0,
        "study/nested/loss": 0.5,
    }


def test_the_same_drawing_gives_the_same_bytes(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    drawn, axes = figures.figure(3, 2)
    axes.plot([0, 1], [0, 1])
    findings.write(Findings(figures={"line": Figure(drawn, alt="a line <b>")}), {}, other)
    assert (other / "line.svg").read_bytes() == (folder / "line.svg").read_bytes()


def test_sentences_take_their_numbers_from_the_run(folder: Path) -> None:
    body = page(
        '{{ n.gain | points }}: it {{ n.gain | verdict("helps", "hurts") }}, {{ n.count | plural("seed") }}', folder
    )
    assert "+1.2 points (+0.4 to +2.0): it helps, 3 seeds" in body


def test_figures_and_tables_survive_markdown(folder: Path) -> None:
    body = page(
        '{{ figure("line", "A *line*.") }}\n\n{{ table("runs") }}\n\n{{ chart("runs", "Accuracy") }}\n\nEnd.', folder
    )
    assert body.count("<figure>") == body.count("<table>") == body.count('class="chart"') == 1
    assert 'alt="a line &lt;b&gt;"' in body
    assert "90.0" in body
    assert "<p>End.</p>" in body


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{{ n.gian }}", "gian"),
        ("{{ c.rat }}", "rat"),
        ('{{ figure("lines") }}', r'made no figure "lines"; it made line'),
        ("{{ n.count | points }}", "expected a difference"),
        (r"$x_1_2$", "not a valid formula"),
        (r"$\nosuch x$", r"\\nosuch is no command"),
        ("{{ n.gain | sum_up }}", "sum_up"),
    ],
)
def test_a_page_that_asks_for_what_is_not_there_is_named(text: str, told: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=rf"study/x/page\.md.*{told}"):
        page(text, folder)


def test_formulas_become_mathml() -> None:
    body = markdown.html("A $w_1$.\n\n$$\n\\frac{a}{b}\n$$\n\n| a |\n|---|\n| 1 |\n")
    assert body.count("<math") == 2
    assert '<div class="formula" role="group" aria-label="Formula" tabindex="0"><math' in body
    assert "<mfrac>" in body
    assert body.count('<div class="scroll"') == 1


def test_intervals_are_t_intervals_over_seeds() -> None:
    after, before = [0.9, 0.92, 0.94], [0.88, 0.93, 0.91]
    low, high = stats.t.interval(0.95, 2, sum(after) / 3, stats.sem(after))
    assert mean(after) == Number(pytest.approx(0.92), pytest.approx(low), pytest.approx(high), seeds=3)  # type: ignore[arg-type]
    assert mean([0.9, 1.0], (0, 1)).high == 1
    found = gain(after, before)
    low, high = stats.t.interval(0.95, 2, found.value, stats.sem([a - b for a, b in zip(after, before, strict=True)]))
    assert (found.low, found.high, found.seeds) == (pytest.approx(low), pytest.approx(high), 3)
    with pytest.raises(ValueError, match="zip"):
        gain(after, before[:2])


def test_verdicts_follow_the_interval_and_its_direction() -> None:
    better, unclear = Difference(0.2, 0.1, 0.3), Difference(0.2, -0.1, 0.5)
    assert words.verdict(better, "helps", "hurts") == "helps"
    assert words.verdict(better, "helps", "hurts", lower=True) == "hurts"
    assert words.verdict(unclear, "helps", "hurts") == "makes no clear difference"


@pytest.mark.parametrize(
    ("value", "written"), [(6.7e-8, "6.7×10⁻⁸"), (-1.25e4, "−1.2×10⁴"), (0.0, "0"), (Number(1.0), "1.0×10⁰")]
)
def test_numbers_far_from_one(value: Any, written: str) -> None:
    assert words.scientific(value) == written


def test_an_experiment_that_fails_names_its_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(chosen: Any) -> Findings:
        raise ValueError("too few points")

    monkeypatch.setattr(run.registry, "build", fail)
    spec = RunSpec.model_validate({"study": {"name": "nonlinearity"}})
    with pytest.raises(ValueError, match="study nonlinearity: too few points"):
        run.run(spec, out=tmp_path / "out", log=silent)


def test_the_booklet_shows_what_has_run_and_lists_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results, text = tmp_path / "results", tmp_path / "page.md"
    text.write_text("# Why nonlinearity\n\nDepth {{ c.depth }}.\n", encoding="utf-8")
    monkeypatch.setattr(contents, "page", lambda name: text)
    monkeypatch.setattr(contents, "CHAPTERS", {"Networks": ("nonlinearity", "perceptron")})
    (results / "nonlinearity").mkdir(parents=True)
    findings.write(Findings(), {"depth": 5}, results / "nonlinearity")
    files.write_manifest(results / "nonlinearity")
    spec = BookSpec(pages={"nonlinearity": "a", "perceptron": "b"})
    book.run(spec, results=results, out=tmp_path / "booklet", log=silent)
    index = (tmp_path / "booklet/index.html").read_text(encoding="utf-8")
    assert 'href="nonlinearity.html"' in index
    assert "snakemake study_perceptron" in index
    written = (tmp_path / "booklet/nonlinearity.html").read_text(encoding="utf-8")
    assert "Depth 5." in written
    assert "depth: 5" in written
    assert not re.search(r'(src|href)="(https?:)?//', written)
    assert "default-src 'none'" in written
