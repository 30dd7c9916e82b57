"""Lightning belongs to training: what evaluates, samples or scores does not wait for it to import."""

from __future__ import annotations

import subprocess
import sys

PLAIN = (
    "darkroom.fit.model",
    "darkroom.fit.task",
    "darkroom.classify.evaluate",
    "darkroom.classify.features",
    "darkroom.classify.train",
    "darkroom.classify.transfer.probe",
    "darkroom.audit.measure",
    "darkroom.generate.evaluate",
    "darkroom.generate.synthesize",
    "darkroom.generate.diffusion.export",
    "darkroom.generate.diffusion.model",
    "darkroom.generate.gan.model",
    "darkroom.generate.vae.vqvae",
    "darkroom.detect.evaluate",
    "darkroom.detect.score",
    "darkroom.detect.methods.autoencoder",
    "darkroom.detect.methods.classifier",
    "darkroom.detect.methods.fanogan",
    "darkroom.detect.methods.patchcore",
)
HEAVY = ("pytorch_lightning", "torchmetrics", "torchvision", "torch._dynamo", "sklearn", "mlflow", "snakemake")


def test_evaluating_sampling_and_scoring_import_no_lightning() -> None:
    code = f"import sys, {', '.join(PLAIN)}\nprint([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
