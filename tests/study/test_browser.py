"""Pages as a browser sees them: no serious fault of accessibility, nothing wider than the window."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.study import browser

from darkroom import figures, files
from darkroom.log import silent
from darkroom.measure.intervals import Difference, Number
from darkroom.study import book, contents, findings, jobs, run
from darkroom.study.config import BookSpec, RunSpec
from darkroom.study.findings import Figure, Findings, Table

pytestmark = pytest.mark.skipif(browser.BROWSER is None, reason="needs a Chromium")

SHORT = {
    **{"seeds": 2, "epochs": 2, "steps": 60, "updates": 20},
    **dict.fromkeys(("vae_epochs", "gan_epochs", "diffusion_epochs", "vq_epochs"), 1),
}
"""Settings that make every study short."""
TEXT = """# Everything

A paragraph with $w_i$ and a [link](https://example.org).

## The idea

$$
z = w_1 x_1 + w_2 x_2 + w_3 x_3 + w_4 x_4 + w_5 x_5 + w_6 x_6 + w_7 x_7 + w_8 x_8 + w_9 x_9 + w_{10} x_{10} + b
$$

{{ figure("line", "A caption.") }}

{{ table("runs") }}

{{ chart("runs", "Accuracy") }}

| a | b |
|---|---|
| 1 | 2 |

```
code
```
"""


@pytest.fixture(scope="module")
def booklet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A booklet with everything that a page can show, and a study that has not run."""
    root = tmp_path_factory.mktemp("booklet")
    text = root / "page.md"
    text.write_text(TEXT, encoding="utf-8")
    drawn, axes = figures.figure(9, 3)
    axes.plot([0, 1], [0, 1])
    columns = {"Accuracy": "percent", "Gain": "percent", "A heading that is long": "decimal", "Another one": "decimal"}
    rows = {
        "plain": [Number(0.9, 0.8, 0.95), None, 1.0, 2.0],
        "more": [Number(0.95), Difference(0.05, 0.01, 0.09), 1.0, 2.0],
    }
    found = Findings(figures={"line": Figure(drawn, alt="a line")}, tables={"runs": Table("Network", columns, rows)})
    (root / "results/nonlinearity").mkdir(parents=True)
    findings.write(found, {"depth": 5, "widths": [1, 2, 4]}, root / "results/nonlinearity")
    files.write_manifest(root / "results/nonlinearity")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "page", lambda name: text)
        patch.setattr(contents, "CHAPTERS", {"Networks": ("nonlinearity", "perceptron")})
        spec = BookSpec(pages={"nonlinearity": "a", "perceptron": "b"})
        book.run(spec, results=root / "results", out=root / "booklet", log=silent)
    return root / "booklet"


@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
@pytest.mark.parametrize("name", ["index", "nonlinearity"])
def test_a_page_is_accessible_and_fits(name: str, width: int, dark: bool, booklet: Path) -> None:
    found = browser.look(booklet / f"{name}.html", width, dark=dark)
    assert (found.width, found.dark) == (width, dark)
    assert found.passes > 15
    assert found.serious == []
    assert found.wide == []
    assert found.scroll <= width


def test_faults_are_found(booklet: Path) -> None:
    text = (booklet / "nonlinearity.html").read_text(encoding="utf-8")
    broken = booklet / "broken.html"
    broken.write_text(
        text.replace('alt="a line"', "").replace("A paragraph", '<b style="display: block; width: 500px">A</b>'),
        encoding="utf-8",
    )
    found = browser.look(broken, 390)
    broken.unlink()
    assert [fault for fault in found.serious if "image-alt" in fault]
    assert found.wide


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The booklet of every study, run with few seeds and short trainings."""
    results = tmp_path_factory.mktemp("whole")
    for name in contents.studies():
        settings = jobs.chosen(name)
        short = {key: value for key, value in SHORT.items() if isinstance(getattr(settings, key, None), int)}
        run.run(RunSpec(study=settings.model_copy(update=short)), out=results / name, log=silent)
    spec = BookSpec(pages=dict.fromkeys(contents.studies(), "a"))
    book.run(spec, results=results, out=results / "booklet", log=silent)
    return results / "booklet"


@pytest.mark.long
@pytest.mark.parametrize("name", ["index", *contents.studies()])
@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
def test_a_page_of_the_booklet_is_accessible_and_fits(name: str, width: int, dark: bool, whole: Path) -> None:
    found = browser.look(whole / f"{name}.html", width, dark=dark)
    assert (found.serious, found.wide) == ([], [])
    assert found.scroll <= width
