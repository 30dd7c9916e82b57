"""How good a classifier of a config becomes, and in how many minutes: fetch to evaluation, by the pipeline itself.

    python benchmarks/recipe.py config/fashion_mnist.yaml
    python benchmarks/recipe.py config/cifar10.yaml --data cifar10_subset.zip

Trains one model under one policy, with the config's first seed, and prints its accuracy on the test split, with and without
test-time augmentation, and the wall time of all jobs.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from darkroom import files
from darkroom.config.load import read
from project import run_config


def main() -> None:
    """Run the jobs of one classifier and print its accuracy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--data", type=Path, help="another path of the source")
    parser.add_argument("--model", default="resnet")
    parser.add_argument("--policy", default="standard")
    parser.add_argument("--work", type=Path, help="folder for the results, kept and gone on with; else a temporary one")
    given = parser.parse_args()
    config = read(given.config).model_dump(mode="json")
    if given.data:
        config["data"]["source"]["path"] = str(given.data.resolve())
    assert config["classify"], "the config has no section classify"
    seed = f"results/{config['name']}/classify/{given.policy}/{given.model}/seed-{config['classify']['seeds'][0]}"
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.work or Path(temporary)).resolve()
        started = time.monotonic()
        run_config(config, folder, target=f"{seed}/evaluation/{files.MANIFEST}")
        minutes = (time.monotonic() - started) / 60
        found = files.read_json(folder / seed / "evaluation" / "metrics.json")
        training = files.read_json(folder / seed / "model" / files.TIMING)
    for view, kinds in found["views"].items():
        accuracy = kinds["raw"]["accuracy"]
        print(f"{view:6} {accuracy['value']:.4f} ({accuracy['low']:.4f}-{accuracy['high']:.4f}) of {found['items']}")
    print(f"{minutes:.1f} minutes, {training['images_per_second']:.0f} training images/s")


if __name__ == "__main__":
    main()
