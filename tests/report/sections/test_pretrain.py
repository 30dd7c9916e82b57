"""The section on pretraining: accuracies beside those without, and collapses."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.pretrain.small import pretrain, spec, subset
from tests.report.conftest import write_tree
from tests.report.page import findings

from darkroom import files
from darkroom.log import silent
from darkroom.pretrain import baselines
from darkroom.pretrain.config import BaselinesSpec
from darkroom.report.config import ResultEntry


@pytest.mark.parametrize("collapsed", [False, True])
def test_the_page_compares_features_with_and_without_pretraining(collapsed: bool, digits: Path, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", classifiers=(), generators=(), detectors=())
    data = subset(digits, tmp_path / "data")
    folder = pretrain(data, tree.results / "pretrain/own", spec("simclr", epochs=1))
    baselines.run(BaselinesSpec(backbone=None), data=data, out=tree.results / "pretrain/baselines", log=silent)
    found = files.read_json(folder / "metrics.json")
    if collapsed:
        files.write_json(folder / "metrics.json", {**found, "collapsed": "all images have one <embedding>"})
    entries = {
        "pretrainings": [ResultEntry(name="own", folder="pretrain/own")],
        "pretrain_baselines": ResultEntry(folder="pretrain/baselines"),
    }
    page = type(tree)(tree.spec.model_copy(update=entries), tree.data, tree.results)
    html = page.build(tmp_path / "page")
    accuracy = 100 * found["knn"]["trained"]["value"]
    assert f"{accuracy:.1f}" in html
    assert "principal components of the pixels" in html
    [words] = findings(html)["Pretraining"]
    if collapsed:
        assert words == "collapsed: own has collapsed: all images have one &lt;embedding&gt;."
    else:
        assert f"to {accuracy:.1f}%" in words
