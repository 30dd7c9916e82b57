"""Sampling, evaluation, synthesis and export import no Lightning, whichever family the model is of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from darkroom import files, registry
from darkroom.fit.model import save_model

SCRIPT = """
import sys
from pathlib import Path
import torch
from darkroom.generate import evaluate, synthesize
from darkroom.generate.diffusion import export
from darkroom.generate.model import read_generator

for folder in map(Path, sys.argv[1:]):
    samples = read_generator(folder).sample(torch.zeros(2, dtype=torch.long), torch.Generator().manual_seed(0))
    assert samples.shape == (2, 1, 8, 8), folder
print(*sorted(name for name in sys.modules if name.split(".")[0] in {"pytorch_lightning", "lightning_fabric"}))
"""


@pytest.mark.thorough
def test_every_family_samples_without_lightning(tmp_path: Path) -> None:
    folders = []
    for name in registry.taking("generator", "image"):
        torch.manual_seed(0)
        options = registry.options("generator", name)()
        network = registry.build(options, (1, 8, 8), 3)
        with files.folder(tmp_path / name) as fresh:
            save_model(fresh, network, plugin=options, shape=(1, 8, 8), classes=("a", "b", "c"), fitted=None)
        folders.append(str(tmp_path / name))
    ran = subprocess.run([sys.executable, "-c", SCRIPT, *folders], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == ""
